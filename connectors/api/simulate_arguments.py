"""The arguments of `llm-optimizer simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.arguments import add_command, add_output_option, count
from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    import argparse

    from connectors.api.arguments import Command, Commands

_OF_A_LOOP = ("seeds", "page", "verify")


def add_simulate(commands: Commands, play: Command) -> None:
    """Add the command; `play` plays a world with the loop closed."""

    def simulate(options: argparse.Namespace) -> int:
        _check(options)
        return play(options) if options.loop else _write(options)

    parser = add_command(
        commands,
        "simulate",
        simulate,
        "write a world's telemetry as a recording, or let the optimizer steer the world",
    )
    parser.add_argument("world", metavar="WORLD", help="a world file, or `demo`, or `closed-loop`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to make")
    parser.add_argument("--force", action="store_true", help="replace the folder if it is there")
    parser.add_argument(
        "--loop",
        action="store_true",
        help="let documents steer which arm serves each call; --out then is optional",
    )
    parser.add_argument(
        "--seeds", type=count, metavar="N", help="play the loop with so many seeds, one by one"
    )
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the loop's page here too, HTML"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="replay the loop's recording, and find that it leads to the same decisions",
    )
    add_output_option(parser)


def _check(options: argparse.Namespace) -> None:
    """Refuse what would change nothing.

    Raises:
        SettingsInvalid: An option is missing, or has no effect.
    """
    if options.loop:
        lacking = options.verify and options.out is None
        faults = ["--verify needs --out: the folder that the recording is kept in"] * lacking
    else:
        given = [name for name in _OF_A_LOOP if getattr(options, name)]
        faults = [f"--{name} is of a loop: add --loop, or leave it out" for name in given]
        if options.out is None:
            faults.append("--out names no folder: a recording needs one; --loop does without")
        if options.output != "table":
            faults.append("--output json tells what a loop came to: add --loop, or leave it out")
    if options.page is not None and not options.page.parent.is_dir():
        faults.append(f"--page is {options.page}: there is no folder {options.page.parent}")
    if faults:
        raise SettingsInvalid(faults)


def _write(options: argparse.Namespace) -> int:
    from connectors.api import recording  # noqa: PLC0415 - only this command needs it

    return recording.simulate(options)
