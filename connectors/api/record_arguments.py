"""The arguments of `llm-optimizer record`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.arguments import add_command, add_config_option, count, instant

if TYPE_CHECKING:
    from connectors.api.arguments import Command, Commands


def add_record(commands: Commands, record: Command) -> None:
    """Add the command."""
    parser = add_command(
        commands, "record", record, "keep what a live run takes in, without prompts and answers"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument(
        "--from",
        dest="origin",
        type=Path,
        metavar="FOLDER",
        help="recording to take it from (default: inputs of the run that the settings describe)",
    )
    parser.add_argument(
        "--raw", action="store_true", help="keep all bytes, prompts and answers included"
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=count,
        default=0,
        metavar="SECONDS",
        help="go on for so long with what comes; else what has come by now",
    )
    parser.add_argument(
        "--until", type=instant, metavar="TIME", help="only what was taken in before this, UTC"
    )
    add_config_option(parser)
