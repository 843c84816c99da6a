"""`llm-optimizer run`: the job on live telemetry, kept as a recording as it comes."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.api.console import Console
from connectors.api.opening import open_log, open_store
from connectors.configuration import load, located
from connectors.dead_letters import DeadLetterStore
from connectors.dead_letters.store import FILE as LETTERS
from connectors.following import PARTITION, Follower
from connectors.inputs import LogInput
from connectors.journal import note, open_journal
from connectors.publisher import Publisher
from connectors.recordings import RecordingReader, RecordingWriter
from dataflows.ingest import RecordingSource
from dataflows.optimize import Job, execute, stop_on_signals
from optimizer.errors import SettingsInvalid
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    import argparse
    import threading
    from collections.abc import Callable

    from optimizer.settings import Settings


def command(options: argparse.Namespace) -> int:
    """Follow live telemetry until told to stop."""
    settings = located(load(options.config, os.environ), options.config)
    if not settings.input.path:
        raise SettingsInvalid(
            ["input.path is not set: name the file or folder to follow (OPTIMIZER_INPUT__PATH)"]
        )
    open_journal(settings.observability.log_level, as_json=settings.observability.json_logging)
    data = Path(settings.service.data_dir)
    if not Path(settings.input.path).exists():
        note("warn", "input_missing", input=settings.input.path, until="it is there")
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        console = stack.enter_context(Console(options.output, options.windows))
        writer = stack.enter_context(closing(RecordingWriter(data / "inputs", [PARTITION])))
        log = _log_input(stack, settings, data)
        source = _live_source(settings, writer, data, stop, log)
        publisher = open_publisher(stack, settings, data, partial(_watch, console, set()))
        note("info", "job_started", input=settings.input.path, data_dir=data)
        execute(
            Job(settings=settings, source=source, publisher=publisher, recovery=data / "recovery")
        )
    note("info", "job_stopped", input=settings.input.path)
    return 0


def _watch(console: Console, told: set[str], output: Any) -> None:
    """Let the console see an output, and the journal what it is to hold; each reason once."""
    console.watch(output)
    match output:
        case DeadLetter() if output.reason not in told:
            told.add(output.reason)
            note(
                "warn",
                "set_aside",
                partition=output.partition,
                offset=output.offset,
                reason=output.reason,
                detail=output.detail,
            )
        case Ledger():
            note("debug", "minute_passed", partition=output.partition, **output.counts)
        case WindowSummary():
            note("trace", "window_closed", route=output.route, arm=output.arm, kind=output.kind)


def _live_source(
    settings: Settings,
    writer: RecordingWriter,
    data: Path,
    stop: threading.Event,
    log: LogInput | None,
) -> RecordingSource:
    """Follow the input into a recording, and read that: live and replay are one path."""
    reader = RecordingReader(data / "inputs")
    follower = Follower(
        Path(str(settings.input.path)),
        data / "positions.json",
        writer,
        time.time_ns,  # noqa: TID251 - an edge: it stamps what arrives
        reader.next_offsets(),
        log=log,
    )
    partitions = reader.manifest.partitions
    return RecordingSource(reader, partitions, more=follower.poll, stop=stop.is_set)


def _log_input(stack: ExitStack, settings: Settings, data: Path) -> LogInput | None:
    """Open what commands append to the log; nobody can reach a log in memory."""
    database = settings.database
    if database.connection_string == "memory://":
        return None
    log = open_log(database.connection_string, database.timeout_secs)
    return LogInput(stack.enter_context(closing(log)), data / "inputs.position")


def open_publisher(
    stack: ExitStack,
    settings: Settings,
    data: Path,
    watch: Callable[[Any], None],
) -> Publisher:
    """Open log, dead letters and store for as long as the stack is open."""
    database, timeout = settings.database.connection_string, settings.database.timeout_secs
    letters = None if database == "memory://" else data / LETTERS
    return Publisher(
        stack.enter_context(closing(open_log(database, timeout))),
        stack.enter_context(closing(DeadLetterStore(letters, settings.dead_letters, timeout))),
        stack.enter_context(closing(open_store(database, timeout))),
        settings.service.name,
        watch,
    )
