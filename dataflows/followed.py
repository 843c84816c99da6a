"""What is followed and received, into a recording of our own, and that read: live is a replay."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors import following, receiving
from connectors.api.opening import open_log
from connectors.following import Follower
from connectors.inputs import LogInput
from connectors.intake import Entry, Intake
from connectors.journal import note
from connectors.recordings import RecordingReader, RecordingWriter
from connectors.recordings.retention import Retention
from dataflows import deciding
from dataflows.ingest import RecordingSource
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    import threading
    from contextlib import ExitStack

    from optimizer.settings import InputSettings, Settings

_MIB = 1 << 20


def followed(
    stack: ExitStack, settings: Settings, data: Path, stop: threading.Event
) -> RecordingSource:
    """Follow and receive what the settings name into a recording, and read that.

    Args:
        stack: Closes all of it in the end.
        settings: The settings in force.
        data: Folder that the recording is kept in.
        stop: Set when the job is to drain and end.

    Raises:
        SettingsInvalid: The port to receive on is taken.
        StorageFailed: Nothing can be noted beside the recording.
        RecordingInvalid: The recording cannot be written.
    """
    path = Path(settings.input.path) if settings.input.path else None
    if path and not path.exists():
        note("warn", "input_missing", input=path, until="it is there")
    names = _partitions(settings.input)
    clock = time.time_ns  # noqa: TID251 - an edge: it stamps what arrives, and tells what is old
    writer = stack.enter_context(closing(RecordingWriter(data / "inputs", names)))
    deciding.note(data / "inputs", settings, datetime.now(UTC))  # noqa: TID251 - as above
    reader = RecordingReader(data / "inputs")
    offsets = reader.next_offsets()
    intake = stack.enter_context(closing(Intake(writer, clock, offsets)))
    later = [name for name in names if any(offsets.values()) and not offsets[name]]
    # A partition that joins begins with a heartbeat: nothing of it is before what has closed.
    intake.take(Entry(name, RecordKind.HEARTBEAT, b"") for name in later)
    log = _log_input(stack, settings, data)
    follower = Follower(path, data / "positions.json", intake, log=log, partition=names[0])
    source = RecordingSource(intake.reading(reader), reader.manifest.partitions, stop=stop.is_set)
    keep_hours = settings.input.keep_hours
    retention = Retention(data / "inputs", writer, keep_hours, clock, source.resumable)

    def more() -> None:
        follower.poll()
        with intake.lock:
            retention.look()

    source.more = more
    _receive(stack, settings.input, intake)
    return source


def _partitions(settings: InputSettings) -> list[str]:
    """Name the partitions that telemetry comes in, that of commands first."""
    names = [following.PARTITION] if settings.path else []
    return names + ([receiving.PARTITION] if settings.otlp_http_port is not None else [])


def _receive(stack: ExitStack, settings: InputSettings, intake: Intake) -> None:
    """Receive beside what is followed, if the settings name a port."""
    if settings.otlp_http_port is None:
        return
    from connectors.receiving.server import Receiver, Rules  # noqa: PLC0415 - who receives loads it
    from connectors.receiving.telling import Telling  # noqa: PLC0415 - as above

    receiver = Receiver(
        intake,
        settings.otlp_http_host,
        settings.otlp_http_port,
        Rules(most_bytes=settings.otlp_http_max_mb * _MIB, token=settings.otlp_http_token),
        Telling(time.monotonic),  # noqa: TID251 - an edge: how often it is told
    )
    stack.enter_context(closing(receiver))
    note("info", "otlp_received", address=receiver.address)


def _log_input(stack: ExitStack, settings: Settings, data: Path) -> LogInput | None:
    """Open what commands append to the log; nobody can reach a log in memory."""
    database = settings.database
    if database.connection_string == "memory://":
        return None
    log = open_log(database.connection_string, database.timeout_secs)
    return LogInput(stack.enter_context(closing(log)), data / "inputs.position")
