"""The program: the command line, with the dataflows named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from connectors.api import cli

if TYPE_CHECKING:
    import argparse


def _run(options: argparse.Namespace) -> int:
    from dataflows import failures, live  # noqa: PLC0415 - the engine is loaded when needed

    with failures.explained():
        return live.command(options)


def _replay(options: argparse.Namespace) -> int:
    from dataflows import failures, replay  # noqa: PLC0415 - the engine is loaded when needed

    with failures.explained():
        return replay.command(options)


def _record(options: argparse.Namespace) -> int:
    from dataflows import record  # noqa: PLC0415 - what it needs is loaded when needed

    return record.command(options)


def _actuate(options: argparse.Namespace) -> int:
    from dataflows import actuate  # noqa: PLC0415 - what it needs is loaded when needed

    return actuate.command(options)


def _play(options: argparse.Namespace) -> int:
    from dataflows import failures, looping  # noqa: PLC0415 - what it needs is loaded when needed

    with failures.explained():
        return looping.command(options)


def main() -> int:
    """Run the command line."""
    jobs = cli.Jobs(run=_run, replay=_replay, record=_record, actuate=_actuate, play=_play)
    return cli.main(sys.argv[1:], jobs)


if __name__ == "__main__":
    sys.exit(main())
