"""The same job over a recording: to test, to audit, to prove a change before it is trusted."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.console import Console
from connectors.configuration import load, located
from connectors.recordings import open_reader
from dataflows.ingest import RecordingSource
from dataflows.live import open_publisher
from dataflows.optimize import Job, execute, stop_on_signals
from optimizer.errors import OptimizerError, SettingsInvalid

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

SECOND_NS = 1_000_000_000


def command(options: argparse.Namespace) -> int:
    """Replay what the options name; 130 when it was told to stop before the end."""
    beside = options.recording / "config.yaml"
    config = options.config or (beside if beside.exists() else None)
    settings = located(load(config, os.environ), config)
    reader = open_reader(options.recording)
    stop = stop_on_signals()
    source = RecordingSource(
        reader,
        reader.manifest.partitions,
        batch=options.batch,
        due=_pace(options.speed),
        stop=stop.is_set,
    )
    _prepare(options.out, resume=options.resume)
    database = f"sqlite://{options.out / 'optimizer.db'}" if options.out else "memory://"
    settings = replace(settings, database=replace(settings.database, connection_string=database))
    console = Console(options.output, options.windows)
    began = time.monotonic()  # noqa: TID251 - an edge: it tells how long the run took
    with ExitStack() as stack:
        publisher = open_publisher(stack, settings, options.out or Path(), console.watch)
        recovery = options.out / "recovery" if options.out else None
        execute(Job(settings=settings, source=source, publisher=publisher, recovery=recovery))
    console.close(time.monotonic() - began)  # noqa: TID251 - see above
    if reader.torn:
        sys.stderr.write("the recording's last frame is torn: it was still being written\n")
    return 130 if stop.is_set() else 0


def _prepare(out: Path | None, *, resume: bool) -> None:
    if out is None:
        if resume:
            raise SettingsInvalid(["--resume needs --out: the folder of the interrupted replay"])
        return
    if resume and not (out / "recovery").is_dir():
        raise OptimizerError(f"{out}: nothing to resume: start without --resume")
    if not resume and out.exists() and any(out.iterdir()):
        raise OptimizerError(f"{out}: is not empty: choose another --out, or --resume it")
    if not resume:
        shutil.rmtree(out / "recovery", ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)


def _pace(speed: str) -> Callable[[int], int] | None:
    """Give what tells up to which stamp records are due, from the first record's stamp."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise SettingsInvalid([f"--speed is {speed!r}: must be above 0, or max"])
    began = time.monotonic_ns()
    return lambda first_ns: first_ns + int((time.monotonic_ns() - began) * factor)
