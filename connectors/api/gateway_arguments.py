"""The arguments of `llm-optimizer gateway` and `llm-optimizer actuate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.api.arguments import add_command, add_config_option, add_output_option

if TYPE_CHECKING:
    import argparse

    from connectors.api.arguments import Command, Commands


def add_gateway(commands: Commands) -> None:
    """Add the command with its actions."""
    group = commands.add_parser("gateway", help="what brings documents to the calls")
    actions = group.add_subparsers(required=True, metavar="ACTION")
    for name, description in (
        ("check", "what it can do, tried on a route that nobody uses"),
        ("show", "what each route should have, beside what is there"),
    ):
        parser = add_command(actions, name, _action(name), description)
        add_config_option(parser)
        add_output_option(parser)


def add_actuate(commands: Commands, actuate: Command) -> None:
    """Add the command."""
    parser = add_command(
        commands, "actuate", actuate, "bring documents to the gateway, beside or without `run`"
    )
    add_config_option(parser)


def _action(name: str) -> Command:
    def command(options: argparse.Namespace) -> int:
        from connectors.api import gateways  # noqa: PLC0415 - only this command needs it

        chosen: Command = getattr(gateways, name)
        return chosen(options)

    return command
