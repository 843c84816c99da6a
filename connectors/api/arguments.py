"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[argparse.Namespace], int]
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name


def add_command(
    commands: Commands,
    name: str,
    command: Command,
    description: str,
) -> argparse.ArgumentParser:
    """Add a command that runs `command`; give its parser."""
    parser = commands.add_parser(name, help=description, description=description)
    parser.set_defaults(command=command)
    return parser


def count(text: str) -> int:
    """Read a number of things, at least one."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, at least 1")
    return int(text)


def speed(text: str) -> float:
    """Read event seconds a second; `max` is infinite."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0 or (math.isinf(speed) and text != "max"):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number above 0, or max")
    return speed


def instant(text: str) -> datetime:
    """Read a date or an instant in ISO form; without a time zone it is UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be a date or an instant, such as 2026-03-02T09:00"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Let a command be given a settings file."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings, YAML; OPTIMIZER_* variables win"
    )


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Let a command print for people or for programs."""
    parser.add_argument(
        "--output", choices=("table", "json"), default="table", help="form of the output"
    )


def add_windows_option(parser: argparse.ArgumentParser) -> None:
    """Let a job print windows of one length."""
    parser.add_argument(
        "--windows",
        choices=("1m", "5m", "15m", "1h", "none"),
        default="1h",
        help="which windows to print (default 1h)",
    )
