"""The arguments of `llm-optimizer documents`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.arguments import add_command, add_config_option, add_output_option, count

if TYPE_CHECKING:
    import argparse

    from connectors.api.arguments import Command, Commands

_MOST_PORT = 65_535


def add_documents(commands: Commands) -> None:
    """Add the command with its actions."""
    group = commands.add_parser(
        "documents", help="look at what traffic should be like, check it, serve it"
    )
    actions = group.add_subparsers(required=True, metavar="ACTION")
    _add_looking(actions)
    _add_checking(actions)
    _add_serving(actions)


def _add_looking(actions: Commands) -> None:
    listing = add_command(actions, "list", _action("looking", "listing"), "each route's newest")
    listing.add_argument("--route", default="", help="only this route, service or tenant")
    showing = add_command(actions, "show", _action("looking", "showing"), "one document, whole")
    showing.add_argument("route", metavar="ROUTE", nargs="?", default="", help="its route")
    showing.add_argument("--revision", type=count, metavar="N", help="else the newest")
    showing.add_argument(
        "--dry-run",
        metavar="DECISION",
        default="",
        help="the one that approving this pending decision would put out",
    )
    showing.add_argument("--flags", action="store_true", help="as the flag file that gateways read")
    showing.add_argument(
        "--patch",
        metavar="MANIFEST",
        default="",
        help="as the JSON patch that brings it to this manifest of an HTTPRoute or AIGatewayRoute; "
        "- reads standard input",
    )
    versions = add_command(
        actions,
        "versions",
        _action("looking", "versions"),
        "who changed a route's traffic, and why",
    )
    versions.add_argument("route", metavar="ROUTE")
    comparing = add_command(
        actions, "diff", _action("looking", "comparing"), "what a revision changed"
    )
    comparing.add_argument("route", metavar="ROUTE")
    comparing.add_argument(
        "--from", dest="before", type=count, metavar="N", help="else the one before"
    )
    comparing.add_argument("--to", dest="after", type=count, metavar="N", help="else the newest")
    for parser in (listing, showing, versions, comparing):
        add_config_option(parser)
        add_output_option(parser)
        parser.add_argument(
            "--db", default="", metavar="FILE", help="database to read, such as a replay's"
        )


def _add_checking(actions: Commands) -> None:
    validating = add_command(
        actions, "validate", _action("serving", "validating"), "report all faults of files"
    )
    validating.add_argument("files", nargs="+", type=Path, metavar="FILE")
    verifying = add_command(
        actions, "verify", _action("serving", "verifying"), "check what is published, and by whom"
    )
    verifying.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="KEY",
        help="who may have signed it; else the key of the settings; may be repeated",
    )
    for parser in (validating, verifying):
        _add_folder(parser)
    add_output_option(verifying)


def _add_serving(actions: Commands) -> None:
    serving = add_command(
        actions, "serve", _action("serving", "serving"), "serve what is published over HTTP"
    )
    _add_folder(serving)
    serving.add_argument("--host", default="", help="address to listen on; else of the settings")
    serving.add_argument("--port", type=_port, help="port to listen on; else of the settings")
    drawing = add_command(actions, "keygen", _action("serving", "drawing"), "draw a pair of keys")
    drawing.add_argument(
        "--out", type=Path, metavar="FILE", help="write the private key there instead of showing it"
    )
    add_output_option(drawing)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument(
        "--dir", type=Path, metavar="DIR", help="folder of documents; else of the settings"
    )


def _port(text: str) -> int:
    from argparse import ArgumentTypeError  # noqa: PLC0415 - it is loaded by now

    if not text.isdecimal() or int(text) > _MOST_PORT:
        raise ArgumentTypeError(f"{text!r}: must be a whole number from 0 to {_MOST_PORT}")
    return int(text)


def _action(what: str, name: str) -> Command:
    def command(options: argparse.Namespace) -> int:
        from importlib import import_module  # noqa: PLC0415 - only this command needs it

        chosen: Command = getattr(import_module(f"connectors.api.documents_{what}"), name)
        return chosen(options)

    return command
