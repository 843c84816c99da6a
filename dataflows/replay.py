"""The same job over a recording: to test, to audit, to prove a change before it is trusted."""

from __future__ import annotations

import math
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.console import Console
from connectors.configuration import load, located
from connectors.recordings import open_reader
from dataflows.begun import check_begun
from dataflows.ingest import RecordingSource
from dataflows.live import open_publisher
from dataflows.optimize import Job, execute
from dataflows.recovery import recovery_at, unfinished
from dataflows.repeated import compare, said_by_run
from dataflows.stopping import stop_on_signals
from optimizer.errors import NotFound, OptimizerError, SettingsInvalid

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from connectors.recordings import ColumnsReader, RecordingReader
    from dataflows.repeated import Repeated
    from optimizer.settings import Settings

RECOVERY = "recovery"


def command(options: argparse.Namespace) -> int:
    """Replay what the options name; 130 when it was told to stop before the end."""
    beside = options.recording / "config.yaml"
    config = options.config or (beside if beside.exists() else None)
    settings = located(load(config, os.environ), config)
    reader = open_reader(options.recording)
    repeated: Repeated | None = None
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        run = said_by_run(stack, options.recording, reader, settings) if options.verify else None
        _prepare(options.out, settings, reader, resume=options.resume)
        settings = _silenced(settings, options.out)
        console = stack.enter_context(Console(options.output, options.windows))
        publisher = open_publisher(stack, settings, options.out or Path(), console.watch)
        source = RecordingSource(
            reader,
            reader.manifest.partitions,
            batch=options.batch,
            due=_pace(options.speed),
            stop=stop.is_set,
        )
        recovery = options.out / RECOVERY if options.out else None
        execute(Job(settings=settings, source=source, publisher=publisher, recovery=recovery))
        if run and not stop.is_set():
            repeated = compare(run, publisher.log)
    if reader.torn:
        sys.stderr.write("the recording's last frame is torn: it was still being written\n")
    if repeated:
        more = f"; {repeated.more:,} more at its end" if repeated.more else ""
        sys.stderr.write(f"verified:  {repeated.same:,} outputs, the same byte for byte{more}\n")
    if not stop.is_set():
        return 0
    way_on = f"; --out {options.out} --resume goes on from here" if options.out else ""
    sys.stderr.write(f"stopped before the end{way_on}\n")
    return 130


def _silenced(settings: Settings, out: Path | None) -> Settings:
    """Let a replay keep what it says to itself: what is replayed has been said."""
    database = f"sqlite://{out / 'optimizer.db'}" if out else "memory://"
    return replace(
        settings,
        database=replace(settings.database, connection_string=database),
        kafka=replace(settings.kafka, log=False),
    )


def _prepare(
    out: Path | None, settings: Settings, reader: RecordingReader | ColumnsReader, *, resume: bool
) -> None:
    """Begin the folder of a replay with its recovery state, or find that it can go on.

    The state comes first: whatever stops a replay after that, it can be resumed.
    """
    if out is None:
        if resume:
            raise SettingsInvalid(["--resume needs --out: the folder of the interrupted replay"])
        return
    recovery = out / RECOVERY
    if resume and not recovery.is_dir():
        raise NotFound(f"{out}: holds no replay to resume: start without --resume")
    if not resume and _names(out) - {unfinished(recovery).name}:
        raise OptimizerError(f"{out}: is not empty: choose another --out, or --resume it")
    recovery_at(recovery, settings.stream.shard_groups)
    check_begun(recovery, reader, settings)


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise OptimizerError(f"{folder}: {error.strerror}: choose another --out") from error


def _pace(speed: float) -> Callable[[int], int] | None:
    """Give what tells up to which stamp records are due, from the first record's stamp."""
    if speed == math.inf:
        return None
    began = time.monotonic_ns()
    return lambda first_ns: first_ns + int((time.monotonic_ns() - began) * speed)
