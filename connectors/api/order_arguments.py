"""The arguments of `llm-optimizer orders` and `llm-optimizer rollouts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.api.arguments import (
    add_command,
    add_config_option,
    add_output_option,
    count,
)

if TYPE_CHECKING:
    import argparse

    from connectors.api.arguments import Command, Commands

_ROUTES = "tenant/service/route, or tenant/service/*"
_OF_A_DECISION = {
    "approve": "have the change that a pending decision recommends carried out",
    "reject": "cancel a pending decision; what it recommends is not proposed for a while",
}
_OF_A_ROUTE = {
    "pause": "decide nothing on a route, and hold its rollout where it is",
    "resume": "end a pause",
    "pin": "keep what is in force on a route: nothing is proposed until it is unpinned",
    "unpin": "end a pin",
}
_OF_ALL = {
    "stop": "undo what is on its way (roll-back undoes what was kept), decide nothing until start",
    "start": "end a stop",
}


def add_orders(commands: Commands) -> None:
    """Add the command with its actions."""
    group = commands.add_parser("orders", help="tell a run what to do: approve, pause, stop, ...")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    for action, words in _OF_A_DECISION.items():
        parser = _add(actions, action, words)
        parser.add_argument("target", metavar="DECISION", help="its id, or the beginning of it")
    for action, words in _OF_A_ROUTE.items():
        parser = _add(actions, action, words)
        parser.add_argument("target", metavar="ROUTE", help=_ROUTES)
    parser = _add(actions, "roll-back", "undo a route's rollout, or else its newest change")
    parser.add_argument("target", metavar="ROUTE|DECISION", help="the route, or the decision's id")
    for action, words in _OF_ALL.items():
        parser = _add(actions, action, words)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("target", nargs="?", metavar="ROUTE", help=_ROUTES)
        which.add_argument(
            "--everything", action="store_true", help="all routes, also those seen later"
        )
        if action == "stop":
            parser.set_defaults(yes=False)
            parser.add_argument("--yes", action="store_true", help="do stop everything")


def add_rollouts(commands: Commands) -> None:
    """Add the command with its actions."""
    group = commands.add_parser("rollouts", help="look at changes on their way to the traffic")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    listing = add_command(actions, "list", _rollouts("listing"), "the newest of each route")
    listing.add_argument("--route", default="", help="only this route, service or tenant")
    listing.add_argument("--all", action="store_true", help="also those that have ended")
    showing = add_command(actions, "show", _rollouts("showing"), "one of them, whole")
    showing.add_argument("route", metavar="ROUTE", help="tenant/service/route")
    watching = add_command(actions, "watch", _rollouts("watching"), "what changes in them")
    watching.add_argument("--route", default="", help="only this route, service or tenant")
    watching.add_argument("--limit", type=count, default=10, help="how many to begin with")
    watching.add_argument("--no-follow", action="store_true", help="end at the end of the log")
    for parser in (listing, showing, watching):
        add_config_option(parser)
        add_output_option(parser)
        parser.add_argument(
            "--db", default="", metavar="FILE", help="database to read, such as a replay's"
        )


def _add(actions: Commands, name: str, description: str) -> argparse.ArgumentParser:
    parser = add_command(actions, name, _give, description)
    parser.set_defaults(action=name.replace("-", "_"), everything=False, yes=True)
    parser.add_argument("--reason", default="", help="why; shown with what it causes")
    parser.add_argument("--author", default=None, help="who orders it (default: the login name)")
    parser.add_argument(
        "--wait", type=count, default=0, metavar="SECONDS", help="until it was carried out"
    )
    add_config_option(parser)
    return parser


def _give(options: argparse.Namespace) -> int:
    from connectors.api import orders  # noqa: PLC0415 - only this command needs it

    return orders.giving(options)


def _rollouts(name: str) -> Command:
    def command(options: argparse.Namespace) -> int:
        from connectors.api import rollouts  # noqa: PLC0415 - only this command needs it

        chosen: Command = getattr(rollouts, name)
        return chosen(options)

    return command
