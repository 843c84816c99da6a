"""A run that receives: what it acknowledged survives its sudden death, and is replayed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from connectors.recordings import RecordingReader
from dataflows.followed import followed
from optimizer.observe.columns import RecordKind
from optimizer.settings import validate
from tests.connectors.receiving.the_receiver import PATIENCE_S, PROTOBUF, a_trace
from tests.dataflows.the_job import run, source_of
from tests.exporting_app import App, Request

ROOT = Path(__file__).parents[2]
CONFIG = "input: {otlp_http_port: 0}\n"
TOLD = re.compile(r"otlp_received address=http://([0-9.:]+)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


class Running:
    """A run in a process of its own that receives what it is sent, and follows nothing."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "dataflows.main", "run", "--config", "config.yaml"),
            cwd=folder,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watchdog = threading.Timer(6 * PATIENCE_S, self._process.kill)
        self._watchdog.start()
        self.place = self._until_told()

    def _until_told(self) -> str:
        for line in self._process.stderr:
            if found := TOLD.search(line):
                return found[1]
        raise AssertionError("it ended before it received anything")

    def connect(self) -> HTTPConnection:
        return HTTPConnection(self.place, timeout=PATIENCE_S)

    def end(self, how: signal.Signals) -> str:
        """End it; give what it said since."""
        self._process.send_signal(how)
        said = self._process.communicate()[1]
        self._watchdog.cancel()
        return said


def post(connection: HTTPConnection, path: str, body: bytes) -> int:
    connection.request("POST", path, body, {"Content-Type": PROTOBUF})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def kept(folder: Path) -> list[bytes]:
    reader = RecordingReader(folder / "data/inputs")
    return [record.body for record in reader if record.kind is not RecordKind.HEARTBEAT]


def test_what_was_acknowledged_outlives_a_kill_and_is_counted_once(folder: Path) -> None:
    running = Running(folder)
    acknowledged: list[bytes] = []
    is_enough = threading.Event()

    def send(worker: int) -> None:
        with closing(running.connect()) as connection, suppress(OSError, HTTPException):
            for number in range(10_000):
                body = a_trace(5, first=1 + 5 * (10_000 * worker + number))
                assert post(connection, "/v1/traces", body) == 200
                acknowledged.append(body)
                if len(acknowledged) > 200:
                    is_enough.set()

    with ThreadPoolExecutor(4) as pool:
        for worker in range(4):
            pool.submit(send, worker)
        assert is_enough.wait(PATIENCE_S)
        running.end(signal.SIGKILL)
    there = kept(folder)
    assert set(acknowledged) <= set(there)
    assert len(there) == len(set(there)) <= len(acknowledged) + 4  # an answer may be cut off
    (account,) = run(source_of(folder / "data/inputs"), validate({})).ledgers().values()
    assert account["spans"] == 5 * len(there)


def test_a_run_that_was_stopped_goes_on_with_what_others_sent_it(folder: Path) -> None:
    app = App("shop", 1_767_268_800_000_000_000, delta=True)
    app.call(Request(1, 0.5))
    metrics = app.export(1_767_268_860_000_000_000)
    for number in (1, 2):
        running = Running(folder)
        with closing(running.connect()) as connection:
            assert post(connection, "/v1/traces", a_trace(first=number)) == 200
            assert post(connection, "/v1/metrics", metrics) == 200
            assert post(connection, "/v1/logs", b"junk") == 400
        said = running.end(signal.SIGTERM)
        assert "job_stopped input=otlp on 127.0.0.1:0" in said
    assert kept(folder) == [a_trace(first=1), metrics, b"junk", a_trace(first=2), metrics, b"junk"]


def test_receiving_may_begin_where_files_alone_were_followed(folder: Path) -> None:
    elsewhere = {"database": {"connection_string": "memory://"}}
    files = {**elsewhere, "input": {"path": str(folder / "nothing")}}
    both = {**elsewhere, "input": {**files["input"], "otlp_http_port": 0}}
    for given, partitions in ((files, ("input",)), (both, ("input", "otlp"))):
        with ExitStack() as stack:
            source = followed(stack, validate(given), folder / "data", threading.Event())
            assert source.partitions == partitions
            source.more()
    there = [
        (one.partition, one.offset, one.kind) for one in RecordingReader(folder / "data/inputs")
    ]
    beat = RecordKind.HEARTBEAT  # before anything else of it, so nothing of it comes too late
    assert there == [("input", 0, beat), ("otlp", 0, beat), ("input", 1, beat), ("otlp", 1, beat)]
