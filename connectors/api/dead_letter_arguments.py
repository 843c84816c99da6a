"""The arguments of `llm-optimizer dead-letters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.arguments import (
    add_command,
    add_config_option,
    add_output_option,
    count,
    instant,
)

if TYPE_CHECKING:
    import argparse

    from connectors.api.arguments import Command, Commands


def add_dead_letters(commands: Commands) -> None:
    """Add the command with its actions."""
    group = commands.add_parser(
        "dead-letters", help="look at what could not be used, and have it read again"
    )
    actions = group.add_subparsers(required=True, metavar="ACTION")
    listing = add_command(
        actions, "list", _action("listing"), "how many by reason and source, and the newest"
    )
    listing.add_argument("--limit", type=count, default=20, help="how many lines (default 20)")
    add_output_option(listing)
    showing = add_command(actions, "show", _action("showing"), "one of them; its bytes masked")
    showing.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    showing.add_argument("--raw", action="store_true", help="write its bytes, and nothing else")
    add_output_option(showing)
    replaying = add_command(
        actions, "replay", _action("replaying"), "have them read again, by a live run or a replay"
    )
    replaying.add_argument("ids", nargs="*", metavar="ID", help="only these; else all not yet")
    replaying.add_argument(
        "--out", type=Path, metavar="DIR", help="make a recording of them for `replay` instead"
    )
    purging = add_command(
        actions, "purge", _action("purging"), "remove them; else those older than the settings say"
    )
    purging.add_argument("--before", type=instant, metavar="TIME", help="stamped before this, UTC")
    purging.add_argument("--all", action="store_true", help="whatever their age")
    for parser in (listing, replaying, purging):
        parser.add_argument("--reason", default="", help="only those of this reason")
        parser.add_argument("--source", default="", help="only those of this source")
    for parser in (listing, showing, replaying, purging):
        _add_place(parser)


def _add_place(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="dead_letters.db to read, such as a replay's"
    )


def _action(name: str) -> Command:
    def command(options: argparse.Namespace) -> int:
        from connectors.api import dead_letters  # noqa: PLC0415 - only this command needs it

        chosen: Command = getattr(dead_letters, name)
        return chosen(options)

    return command
