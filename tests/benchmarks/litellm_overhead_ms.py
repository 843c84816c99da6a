"""What the plugin costs a call through a real LiteLLM proxy, and how soon it follows a document.

Two proxies that differ by the plugin alone are called in turn, one call at a time over connections
that stay open: what is told is the median of the differences, so that both see the same machine.
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

from tests.benchmarks.figures import Figure
from tests.litellm.proxy import KEY, Proxy
from tests.litellm.stage import Stage
from tests.litellm.steering import ROUTE, a_step, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
BODY = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Hi"}]})


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Measure latency without and with the plugin, and following from a folder and a server."""
    pairs, documents = (40, 2) if small else (3000, 20)
    with tempfile.TemporaryDirectory() as place:
        with plain(Path(place) / "plain") as without, steered(Path(place) / "steered") as stage:
            _pairs_ms(without, stage.proxy, max(pairs // 10, 5))  # warms both
            yield from _figures(_pairs_ms(without, stage.proxy, pairs))
            follows = _follow_ms(stage, documents)
        yield Figure("litellm_follow_folder_ms", max(follows), "ms", "published to run, worst")
        with steered(Path(place) / "http", over_http=True) as stage:
            follows = _follow_ms(stage, documents)
        yield Figure("litellm_follow_http_ms", max(follows), "ms", "published to run, worst")


def _figures(pairs: list[tuple[float, float]]) -> Iterator[Figure]:
    without, with_it = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(second - first for first, second in pairs)
    many = f"median of {len(pairs)} calls"
    note = f"median of {len(pairs)} differences, {more:+.3f}; below 0 is noise"
    yield Figure("litellm_overhead_ms", max(more, 0.0), "ms", note)
    yield Figure("litellm_overhead_ratio", with_it / without, "times", "of medians")
    yield Figure("litellm_call_without_ms", without, "ms", many)
    yield Figure("litellm_call_with_ms", with_it, "ms", many)


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


def _pairs_ms(without: Proxy, with_it: Proxy, pairs: int) -> list[tuple[float, float]]:
    """Time calls through both proxies, one after the other, each first in turn."""
    times: list[tuple[float, float]] = []
    with closing(_connection(without)) as first, closing(_connection(with_it)) as second:
        for number in range(pairs):
            if number % 2:
                later = _call_ms(second)
                times.append((_call_ms(first), later))
            else:
                times.append((_call_ms(first), _call_ms(second)))
    return times


def _connection(proxy: Proxy) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)


def _call_ms(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", BODY, HEADERS)
    connection.getresponse().read()
    return (time.perf_counter() - began) * 1e3


def _follow_ms(stage: Stage, documents: int) -> list[float]:
    times = []
    for revision in range(2, documents + 2):
        publish(stage.documents, a_step(revision, 100, leased=False))
        began = time.perf_counter()
        while stage.proxy.runs(ROUTE) != revision:
            time.sleep(0.002)
        times.append((time.perf_counter() - began) * 1e3)
    return times
