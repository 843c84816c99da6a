"""Spans received over HTTP and made durable, a CPU-second of the server; decoding is not in it.

The server is a process of its own, its clients another. Requests hold 512 spans of 800 bytes, as
OpenTelemetry's own exporters send them, and 1 for what a request itself costs.
"""

from __future__ import annotations

import gzip
import http.client
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from connectors.intake import Intake
from connectors.receiving import PARTITION
from connectors.receiving.server import Receiver
from connectors.recordings import RecordingWriter
from tests.benchmarks.figures import Figure
from tests.benchmarks.otlp_load import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.connection import Connection

CLIENTS = 8
RUNS = 3


class Case(NamedTuple):
    """What is sent."""

    name: str
    spans: int
    coding: str
    requests: int


CASES = (
    Case("otlp_http_spans_per_s", 512, "identity", 400),
    Case("otlp_http_spans_per_s_gzip", 512, "gzip", 400),
    Case("otlp_http_single_spans_per_s", 1, "identity", 4000),
)


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - nothing to read
    """Send each kind of request several times; give the best run, and its wall clock."""
    for case in CASES:
        bodies = messages(8, case.spans)
        if case.coding == "gzip":
            bodies = [gzip.compress(body, 6) for body in bodies]
        count = 16 if small else case.requests
        runs = [_once(bodies, case, count) for _ in range(1 if small else RUNS)]
        cpu_s, wall_s = min(runs)
        spans = count * case.spans
        yield Figure(case.name, spans / cpu_s, "spans/CPU-s", "of the server; durable, not decoded")
        yield Figure(f"{case.name}_wall", spans / wall_s, "spans/s", f"{CLIENTS} clients beside it")


def _once(bodies: Sequence[bytes], case: Case, count: int) -> tuple[float, float]:
    """Give what a server took of the processor and of the clock, seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs,))
    server.start()
    place = ours.recv()
    _send(place, bodies, case, CLIENTS)  # what is loaded and grown once is not counted
    ours.send("begin")
    ours.recv()
    began = time.perf_counter()
    _send(place, bodies, case, count)
    wall_s = time.perf_counter() - began
    ours.send("end")
    cpu_s: float = ours.recv()
    server.join()
    return cpu_s, wall_s


def _send(place: str, bodies: Sequence[bytes], case: Case, count: int) -> None:
    def some(first: int) -> None:
        with closing(http.client.HTTPConnection(place)) as connection:
            for number in range(first, count, CLIENTS):
                heads = {"Content-Type": "application/x-protobuf", "Content-Encoding": case.coding}
                connection.request("POST", "/v1/traces", bodies[number % len(bodies)], heads)
                answer = connection.getresponse()
                assert (answer.status, answer.read()) == (200, b"")

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(some, range(CLIENTS)))


def _serve(pipe: Connection) -> None:
    """Receive until told to end; say where, and what it took."""
    with TemporaryDirectory() as folder, RecordingWriter(Path(folder), [PARTITION]) as writer:
        intake = Intake(writer, time.time_ns, {PARTITION: 0})  # noqa: TID251 - as in a run
        with closing(Receiver(intake)) as receiver:
            pipe.send(receiver.address.removeprefix("http://"))
            pipe.recv()
            before_s = time.process_time()
            pipe.send("begun")
            pipe.recv()
            pipe.send(time.process_time() - before_s)
