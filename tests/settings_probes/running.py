"""Keys of the process: a live run in a process of its own, and what it keeps in the database."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, chdir, closing
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import TYPE_CHECKING, NamedTuple

from connectors.api.opening import open_log
from connectors.configuration import show
from connectors.publisher import FINDINGS
from connectors.recordings import RecordingReader, RecordingWriter
from connectors.recordings.retention import HOUR_NS, Retention
from dataflows.live import open_publisher
from optimizer.errors import StorageFailed
from optimizer.observe.columns import Record, RecordKind
from tests.builders import a_finding
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import a_request, a_span

if TYPE_CHECKING:
    from optimizer.settings import Settings

ROOT = Path(__file__).parents[2]
TOO_LONG_S = 60
LOCKED_S = 1.0


class Run(NamedTuple):
    """What a live run left behind.

    Attributes:
        printed: Its first line on standard output, which tells a window.
        journal: The lines of its own log.
        files: Every file in its folder, by path.
    """

    printed: str
    journal: tuple[str, ...]
    files: frozenset[str]


def live(settings: Settings) -> Run:
    """Follow a file until its first window is told, then stop."""
    return _live(show(settings))


@cache
def _live(config: str) -> Run:
    """Run it as a user does; runs under the same settings are one."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(config)
        for service in ("here", "there"):
            (folder / f"{service}.jsonl").write_bytes(a_request(a_span(), service=service) + b"\n")
        printed, said = _printed_and_said(folder)
        files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    journal = tuple(line for line in said.splitlines() if "job_" in line)
    return Run(printed, journal, frozenset(files))


def _printed_and_said(folder: Path) -> tuple[str, str]:
    """Run until the first line on standard output; give it, and all of standard error."""
    program = (sys.executable, "-m", "dataflows.main", "run", "--config", "config.yaml")
    process = subprocess.Popen(
        (*program, "--windows", "1m"),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = Timer(TOO_LONG_S, process.kill)
    watchdog.start()
    printed = process.stdout.readline()
    process.terminate()
    _, said = process.communicate()
    watchdog.cancel()
    assert process.returncode == 0, said
    return printed, said


def has(file: str, settings: Settings) -> bool:
    """Tell whether a live run has made a file."""
    return file in live(settings).files


def followed(settings: Settings) -> str:
    """Name the service whose calls a live run has seen."""
    (service,) = (name for name in ("here", "there") if f"/{name}/" in live(settings).printed)
    return service


def journal_lines(settings: Settings) -> int:
    return len(live(settings).journal)


def journal_form(settings: Settings) -> str:
    """Tell whether a live run's own log is JSON, which must then be sound, or text."""
    lines = live(settings).journal
    if not lines[0].startswith("{"):
        return "text"
    assert [json.loads(line)["event"] for line in lines] == ["job_started", "job_stopped"]
    return "json"


def source(settings: Settings) -> str:
    """Name the source that a published finding carries."""
    with TemporaryDirectory() as folder, chdir(folder), ExitStack() as stack:
        open_publisher(stack, settings, Path(), lambda _: None).publish([a_finding()])
        database = open_log(settings.database.connection_string)
        (entry,) = stack.enter_context(closing(database)).read(FINDINGS)
        return json.loads(entry.value)["source"]


def waits_for_a_lock(settings: Settings) -> bool:
    """Tell whether a finding is published though another process writes for a second."""
    with TemporaryDirectory() as folder, chdir(folder), ExitStack() as stack:
        publisher = open_publisher(stack, settings, Path(), lambda _: None)
        other = sqlite3.connect("optimizer.db", isolation_level=None, check_same_thread=False)
        stack.callback(other.close)
        other.execute("BEGIN IMMEDIATE")
        release = Timer(LOCKED_S, other.execute, ["ROLLBACK"])
        release.start()
        try:
            publisher.publish([a_finding()])
        except StorageFailed:
            return False
        finally:
            release.cancel()
            release.join()
        return True


def hours_kept(settings: Settings) -> int:
    """Record a beat an hour for two days; count those that are left."""
    now_ns = 0
    with TemporaryDirectory() as name, RecordingWriter(Path(name), ["input"]) as writer:
        keep_hours = settings.input.keep_hours
        cursor = lambda: str(writer.end)  # noqa: E731 - as a job that is never behind
        retention = Retention(Path(name), writer, keep_hours, lambda: now_ns, cursor)
        for hour in range(48):
            now_ns = hour * HOUR_NS
            writer.append(Record("input", hour, now_ns, RecordKind.HEARTBEAT, b""))
            writer.flush()
            retention.look()
        return len(list(RecordingReader(Path(name))))


FOLLOWING = {"input": {"path": "here.jsonl"}}

PROBES = (
    Probe("input.path", ("here.jsonl", "there.jsonl"), followed, ("here", "there")),
    Probe("input.keep_hours", (24, 0), hours_kept, (26, 48)),
    Probe(
        "service.data_dir",
        ("data", "elsewhere"),
        partial(has, "elsewhere/inputs/manifest.json"),
        (False, True),
        FOLLOWING,
    ),
    Probe(
        "database.connection_string",
        ("sqlite://optimizer.db", "sqlite://other.db"),
        partial(has, "other.db"),
        (False, True),
        FOLLOWING,
    ),
    Probe("observability.log_level", ("info", "warn"), journal_lines, (2, 0), FOLLOWING),
    Probe("observability.json_logging", (False, True), journal_form, ("text", "json"), FOLLOWING),
    Probe("service.name", ("one", "other"), source, ("/llm-optimizer/one", "/llm-optimizer/other")),
    Probe("database.timeout_secs", (30, 0.01), waits_for_a_lock, (True, False)),
)
