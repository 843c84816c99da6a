"""What the plugin costs a call through a real LiteLLM proxy, and how soon it follows a document.

Two proxies that differ by the plugin alone take blocks of calls in turn, one call at a time over a
connection that stays open, so that both see the same machine.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure, share
from tests.litellm.proxy import KEY, Proxy
from tests.litellm.stage import Stage
from tests.litellm.steering import ROUTE, a_step, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BODY = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Hi"}]})


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Measure latency without and with the plugin, and following from a folder and a server."""
    blocks, calls, documents = (2, 20, 2) if small else (15, 200, 20)
    with tempfile.TemporaryDirectory() as place:
        with plain(Path(place) / "plain") as without, steered(Path(place) / "steered") as stage:
            timed: dict[str, list[float]] = {"without": [], "with": []}
            for number in range(blocks + 1):
                for name, proxy in (("without", without), ("with", stage.proxy)):
                    times = _latencies_ms(proxy, calls)
                    timed[name] += times if number else []  # the first block warms both
            yield from _figures(timed)
            follows = _follow_ms(stage, documents)
        yield Figure("litellm_follow_folder_ms", max(follows), "ms", "published to run, worst")
        with steered(Path(place) / "http", over_http=True) as stage:
            follows = _follow_ms(stage, documents)
        yield Figure("litellm_follow_http_ms", max(follows), "ms", "published to run, worst")


def _figures(timed: dict[str, list[float]]) -> Iterator[Figure]:
    without, with_it = (statistics.median(timed[name]) for name in ("without", "with"))
    many = f"median of {len(timed['with'])} calls"
    yield Figure("litellm_overhead_ms", max(with_it - without, 0.0), "ms", "difference of medians")
    yield Figure("litellm_overhead_ratio", with_it / without, "times", "of medians")
    yield Figure("litellm_call_without_ms", without, "ms", many)
    yield Figure("litellm_call_with_ms", with_it, "ms", many)
    for name, times in timed.items():
        yield Figure(f"litellm_call_{name}_p99_ms", share(times, 0.99), "ms")


@contextmanager
def plain(folder: Path) -> Iterator[Proxy]:
    """Run a proxy without the plugin."""
    proxy = Proxy(folder, {}, callbacks=())
    try:
        yield proxy.start()
    finally:
        proxy.stop()


@contextmanager
def steered(folder: Path, *, over_http: bool = False) -> Iterator[Stage]:
    """Run a proxy that steers half of its calls to another model."""
    with closing(Stage(folder, over_http=over_http)) as stage:
        stage.proxy.start()
        stage.steer(1, 100, patience_ms=5000)
        yield stage


def _latencies_ms(proxy: Proxy, calls: int) -> list[float]:
    connection, times = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30), []
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with closing(connection):
        for _ in range(calls):
            began = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", BODY, headers)
            connection.getresponse().read()
            times.append((time.perf_counter() - began) * 1e3)
    return times


def _follow_ms(stage: Stage, documents: int) -> list[float]:
    times = []
    for revision in range(2, documents + 2):
        publish(stage.documents, a_step(revision, 100, leased=False))
        began = time.perf_counter()
        while stage.proxy.runs(ROUTE) != revision:
            time.sleep(0.002)
        times.append((time.perf_counter() - began) * 1e3)
    return times
