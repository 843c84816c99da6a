"""Metrics count only where no span tells of a route, however partitions interleave."""

from __future__ import annotations

import random

import pytest

from connectors.api.rendering import as_line
from connectors.vaults.memory import MemoryVault
from optimizer.events import Call
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.histograms import explicit
from optimizer.observe.keys import CallKey
from optimizer.observe.observed import Observed
from optimizer.observe.partition import Partition
from optimizer.observe.points import Measure, Point
from optimizer.observe.rules import StreamRules
from optimizer.open_windows import Windows
from optimizer.orient import ANALYZERS
from optimizer.orient.records import profile, record
from optimizer.orient.signs import Memory, Truth
from optimizer.orient.traffic import Traffic
from optimizer.panes import MINUTE_NS
from optimizer.pieces import Pieces
from optimizer.summaries import summarize
from optimizer.windows import WindowKind, WindowSummary
from tests.builders import START as START_AT, a_scene, a_summary, an_open_finding, minutes_later

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND // (60 * MINUTE_NS) * 60 * MINUTE_NS
RULES = StreamRules()
OCTAVES_NS = [SECOND // 4, SECOND // 2, SECOND, 2 * SECOND]


class Feed:
    """Two partitions, one of spans and one of metrics; what they say, each in its order."""

    def __init__(self) -> None:
        self.spans, self.metrics = Partition("spans", RULES), Partition("metrics", RULES)
        self.said: dict[str, list[Observed]] = {"spans": [], "metrics": []}
        self._number = 0

    def call(self, route: str, minute: float, come: float | None = None) -> Feed:
        """A call that ends at a minute, and comes then or later."""
        self._number += 1
        end_ns = START + round(minute * MINUTE_NS)
        call = Call(route=route, arm="a", call_id=self._number, end_ns=end_ns, latency_ns=SECOND)
        if come is not None:
            self.beat(come)
        taken = Record("spans", self._number, 1 << 61, RecordKind.OTLP, b"")
        self.said["spans"].append(self.spans.take(taken, from_calls([call], self.spans.table)))
        return self

    def export(self, route: str, minute: float, calls: int = 10, *, coarse: bool = False) -> Feed:
        """A point of calls of about a second."""
        counts = [0, 0, calls, 0, 0]
        point = Point(
            stream=route.encode(),
            start_ns=0,
            time_ns=START + round(minute * MINUTE_NS),
            cumulative=False,
            key=CallKey(route, "a"),
            measure=Measure.CALLS,
            failed=False,
            calls=calls,
            total=calls * SECOND * 3 // 4,
            histogram=None if coarse else explicit(OCTAVES_NS, counts),
            rate_pusd=None,
            alone=bytes,
        )
        taken = Record("metrics", 0, 1 << 61, RecordKind.METRICS, b"")
        self.said["metrics"].append(self.metrics.measure(taken, [point]))
        return self

    def beat(self, minute: float) -> Feed:
        stamp = START + round(minute * MINUTE_NS)
        self.said["spans"].append(self.spans.reach(stamp))
        self.said["metrics"].append(self.metrics.reach(stamp))
        return self

    def end(self) -> Feed:
        self.said["spans"].append(self.spans.finish())
        self.said["metrics"].append(self.metrics.finish())
        return self

    def windows(self, seed: int = 0) -> list[WindowSummary]:
        """Close all windows, the partitions interleaved by chance, killed now and then."""
        rng = random.Random(seed)
        vault = MemoryVault()
        windows, pieces, out = Windows(self.said), Pieces(vault, "s"), []
        queues = {name: list(said) for name, said in self.said.items()}
        while any(queues.values()):
            name = rng.choice([name for name, queue in queues.items() if queue])
            observed = queues[name].pop(0)
            for pane in observed.panes:
                windows.add(pane)
            if rng.random() < 0.3:
                windows = Windows.load(windows.dump(pieces), self.said, pieces)
            for closing in windows.advance(observed.mark) if observed.mark else ():
                for closed in closing.windows:
                    out += summarize(closed, lambda _: 5000.0)
        return sorted(out, key=lambda one: (one.kind, one.start, one.route))


def minutes_of(feed: Feed, route: str = "t/s/r") -> dict[int, tuple[int, int, int]]:
    """Calls, metered ones and shadowed ones of each minute of a route."""
    return {
        (int(one.start.timestamp()) - START // SECOND) // 60: (
            one.calls,
            one.metered,
            one.metered_shadowed,
        )
        for one in feed.end().windows()
        if one.kind is WindowKind.MINUTE and one.route == route
    }


def test_a_route_known_by_metrics_alone_is_counted_by_them() -> None:
    feed = Feed().call("t/s/other", 0.5).export("t/s/r", 0.5).export("t/s/r", 3.5)
    assert minutes_of(feed) == {0: (10, 10, 0), 3: (10, 10, 0)}


def test_where_spans_tell_of_a_route_metrics_of_it_are_only_told_as_shadowed() -> None:
    feed = Feed().call("t/s/r", 0.5).export("t/s/r", 0.9).export("t/s/r", 30).export("t/s/r", 59.9)
    assert minutes_of(feed) == {0: (1, 0, 10), 30: (0, 0, 10), 59: (0, 0, 10)}


def test_an_hour_after_the_last_span_metrics_take_over() -> None:
    feed = Feed().call("t/s/r", 0.5).export("t/s/r", 59.5).export("t/s/r", 60.5)
    assert minutes_of(feed) == {0: (1, 0, 0), 59: (0, 0, 10), 60: (10, 10, 0)}


def test_spans_that_always_come_late_shadow_all_the_same() -> None:
    feed = Feed()
    for minute in range(20):
        feed.call("t/s/r", minute + 0.2, come=minute + 1.8).export("t/s/r", minute + 1.9)
    assert sum(metered for _, metered, _ in minutes_of(feed).values()) == 0


@pytest.mark.parametrize("seed", range(8))
def test_no_interleaving_and_no_kill_changes_what_is_counted(seed: int) -> None:
    rng = random.Random(seed)
    feed = Feed()
    minute = 0.0
    while minute < 200:
        minute += rng.choice([0.1, 1, 7, 40])
        route = f"t/s/{rng.randrange(3)}"
        match rng.randrange(3):
            case 0:
                feed.call(route, minute)
            case 1:
                feed.call(route, minute - 1.5, come=minute)
            case 2:
                feed.export(route, minute, calls=rng.randrange(1, 9), coarse=rng.random() < 0.2)
    first = feed.end().windows(1)
    assert feed.windows(2) == feed.windows(3) == first
    hours = [one for one in first if one.kind is WindowKind.HOUR]
    points = sum(feed.metrics.counts.values())
    assert points == feed.metrics.counts["points_counted"]
    told = sum(one.metered + one.metered_shadowed for one in hours)
    assert told == sum(
        one.metered + one.metered_shadowed for one in first if one.kind is WindowKind.MINUTE
    )
    assert told > 0


def test_a_histogram_fine_enough_tells_quantiles_and_another_says_why_not() -> None:
    feed = Feed().export("t/s/fine", 0.5).export("t/s/coarse", 0.5, coarse=True)
    coarse, fine = (one for one in feed.end().windows() if one.kind is WindowKind.MINUTE)
    assert fine.latency_mean_ms == coarse.latency_mean_ms == 750
    assert 500 <= fine.latency_p50_ms <= fine.latency_p99_ms <= 1010
    assert (coarse.latency_p50_ms, coarse.latency_p99_ms) == (None, None)
    assert fine.latency_unknown == ""
    assert coarse.latency_unknown == (
        "10 of 10 stand in histogram buckets wider than a factor of two"
    )
    assert fine.latency_log is None  # no call's own latency is known
    assert "(10 known from metrics alone)" in as_line(fine)
    assert "latency not told: 10 of 10" in as_line(coarse)


ENDED = minutes_later(60)


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        pytest.param({"errors": 150}, ["error_rate"], id="errors are judged"),
        pytest.param({"latency_slow": 150}, [], id="latency is not"),
        pytest.param(
            {"kind": WindowKind.QUARTER, "cost_each_usd": 5.0},
            ["cost_per_request"],
            id="cost is judged",
        ),
    ],
)
def test_of_what_metrics_tell_errors_and_cost_are_judged(changes: dict, rules: list[str]) -> None:
    summary = a_summary(end=ENDED, metered=300, **changes)
    signs = [s for one in ANALYZERS for s in one.step(Memory(), a_scene(ENDED, summary))[1]]
    assert [sign.rule for sign in signs] == rules


def test_exports_that_come_in_clumps_are_neither_a_silence_nor_a_flood() -> None:
    for analyzer in ANALYZERS:
        memory, said = Memory(), []
        for minute in range(1, 300):
            end = minutes_later(minute)
            calls = 5000 if minute % 10 == 0 else 0
            summaries = [
                a_summary(
                    kind=WindowKind.MINUTE, end=end, calls=calls, metered=calls, latency_log=None
                )
            ]
            memory, signs = analyzer.step(memory, a_scene(end, *(summaries if calls else ())))
            said += [sign.rule for sign in signs if sign.rule != "daily_budget"]
        assert said == [], analyzer.name


def test_the_profile_of_an_arm_known_by_metrics_has_a_mean_and_no_quantile() -> None:
    hour = a_summary(kind=WindowKind.HOUR, end=ENDED, metered=3600)
    windows = {WindowKind.SLIDING: {hour.arm: hour}, WindowKind.HOUR: {hour.arm: hour}}
    (kept,) = record({}, windows, int(ENDED.timestamp()) // 60).values()
    told = profile(hour.arm, kept, ENDED)
    assert told.avg_latency_ms == 960
    assert told.p95_latency_ms is None


def test_a_silence_of_spans_is_over_when_metrics_take_over() -> None:
    stop = an_open_finding(rule="traffic_stop", arm="", since=minutes_later(-70), seen=START_AT)
    minute = a_summary(kind=WindowKind.MINUTE, end=ENDED, calls=50, metered=50)
    memory, signs = Traffic().step(Memory(), a_scene(ENDED, minute, opened=[stop]))
    assert [(sign.rule, sign.truth) for sign in signs] == [("traffic_stop", Truth.OFF)]
    assert memory.flow is None


def test_a_person_is_told_of_what_metrics_said_and_was_not_counted() -> None:
    line = as_line(a_summary(calls=3, metered_shadowed=7))
    assert "(7 more in metrics: spans tell of this route)" in line
