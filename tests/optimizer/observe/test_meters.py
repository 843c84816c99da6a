"""Meters: what points add, whatever is repeated, out of order, begun anew or cut off."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, strategies as st

from connectors.vaults.memory import MemoryVault
from optimizer.observe import meters, state
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.histograms import explicit
from optimizer.observe.keys import CallKey, KeyLimits
from optimizer.observe.meters import FORGET_NS, FRESH_NS, TIMES_KEPT, Meters
from optimizer.observe.partition import Partition
from optimizer.observe.points import UNCOUNTED, Measure, Point
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT, PANE_NS, Pane
from optimizer.pieces import Pieces

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
RULES = StreamRules()
FATES = {"points_counted", "points_baseline", "points_repeated", "points_late", "streams_refused"}


def a_point(calls: int, at_s: float, **other) -> Point:
    """A cumulative count of calls of a second each that began at the start."""
    values = {
        "stream": b"s" * 16,
        "start_ns": START,
        "time_ns": START + round(at_s * SECOND),
        "cumulative": True,
        "key": CallKey("t/s/r", "a"),
        "measure": Measure.CALLS,
        "failed": False,
        "calls": calls,
        "total": calls * SECOND,
        "histogram": None,
        "rate_pusd": None,
        "alone": lambda: b"alone",
    }
    values |= {
        name: START + round(other.pop(f"{name[:-3]}_s") * SECOND)
        for name in ("start_ns",)
        if "start_s" in other
    }
    return Point(**(values | other))


@dataclass
class Taken:
    """What became of points taken one by one, nothing sealed between."""

    meters: Meters = field(default_factory=Meters)
    fates: list[str] = field(default_factory=list)

    def take(self, *points: Point, oldest_ns: int = 0) -> Taken:
        for point in points:
            self.fates += self.meters.take([point], 0, oldest_ns)
        return self

    @property
    def calls(self) -> int:
        sealed = self.meters.seal("p", 1 << 40)
        return sum(int(pane.sums[:, AT["calls"]].sum()) for pane in sealed)


COUNTED, BASELINE, REPEATED, LATE = (
    f"points_{fate}" for fate in ("counted", "baseline", "repeated", "late")
)
FRESH_S = FRESH_NS // SECOND
HOUR = 3600


@pytest.mark.parametrize(
    ("points", "fates", "calls"),
    [
        pytest.param([a_point(3, 60)], [COUNTED], 3, id="began a minute ago: whole"),
        pytest.param([a_point(3, HOUR)], [BASELINE], 0, id="began long ago: a baseline"),
        pytest.param(
            [a_point(3, 60, start_ns=0)], [BASELINE], 0, id="nobody knows when it began: a baseline"
        ),
        pytest.param(
            [a_point(3, HOUR), a_point(7, HOUR + 60)], [BASELINE, COUNTED], 4, id="what came since"
        ),
        pytest.param(
            [a_point(3, 60), a_point(9, 5 * HOUR)], [COUNTED, COUNTED], 9, id="a gap loses nothing"
        ),
        pytest.param([a_point(3, 60)] * 2, [COUNTED, REPEATED], 3, id="a repeat"),
        pytest.param(
            [a_point(9, 120), a_point(3, 60), a_point(10, 180)],
            [COUNTED, LATE, COUNTED],
            10,
            id="out of order: the later one told all",
        ),
        pytest.param(
            [a_point(9, 60), a_point(2, 130, start_s=70)],
            [COUNTED, COUNTED],
            11,
            id="a restart: another start is another series",
        ),
        pytest.param(
            [a_point(9, 60), a_point(2, HOUR, start_s=70)],
            [COUNTED, COUNTED],
            11,
            id="a restart after this partition was first heard of is whole, however late it comes",
        ),
        pytest.param(
            [a_point(9, 60), a_point(4, 120)], [COUNTED, COUNTED], 13, id="a fall: begun anew"
        ),
        pytest.param(
            [
                a_point(5, 60),
                a_point(1, 61, start_s=1),
                a_point(6, 120),
                a_point(3, 121, start_s=1),
            ],
            [COUNTED] * 4,
            9,
            id="two processes that call themselves the same",
        ),
        pytest.param(
            [a_point(3, 60, cumulative=False), a_point(4, 120, cumulative=False)],
            [COUNTED, COUNTED],
            7,
            id="deltas add up",
        ),
        pytest.param(
            [a_point(3, HOUR, cumulative=False)], [COUNTED], 3, id="a delta needs no beginning"
        ),
        pytest.param(
            [
                a_point(3, 120, cumulative=False),
                a_point(4, 60, cumulative=False),
                a_point(4, 60, cumulative=False),
                a_point(3, 120, cumulative=False),
            ],
            [COUNTED, COUNTED, REPEATED, REPEATED],
            7,
            id="deltas out of order and repeated",
        ),
        pytest.param(
            [a_point(0, 60), a_point(0, 120)], [COUNTED, COUNTED], 0, id="nothing is nothing"
        ),
    ],
)
def test_what_points_add(points: list[Point], fates: list[str], calls: int) -> None:
    taken = Taken().take(*points)
    assert taken.fates == fates
    assert taken.calls == calls


def test_a_delta_older_than_the_times_remembered_is_late() -> None:
    points = [a_point(1, 60 * n, cumulative=False) for n in range(1, TIMES_KEPT + 2)]
    taken = Taken().take(*points, points[0])
    assert taken.fates[-1] == LATE
    assert taken.calls == TIMES_KEPT + 1


def test_a_late_cumulative_point_is_passed_over_and_the_next_one_makes_up_for_it() -> None:
    taken = Taken().take(a_point(1, 60))
    taken.take(a_point(5, 120), oldest_ns=START + 200 * SECOND).take(a_point(9, 240))
    assert taken.fates == [COUNTED, LATE, COUNTED]
    assert taken.calls == 9


def test_when_a_bucket_falls_the_series_was_begun_anew() -> None:
    before = a_point(3, 60, histogram=explicit([SECOND], [3, 0]))
    after = a_point(4, 120, total=5 * SECOND, histogram=explicit([SECOND], [0, 4]))
    assert Taken().take(before, after).calls == 7


def test_a_point_counts_in_its_pane_or_in_the_oldest_that_is_open() -> None:
    one = Meters()
    first_open = (START + 100 * SECOND) // PANE_NS
    one.take([a_point(1, 60), a_point(4, 105)], first_open, 0)
    (pane,) = one.seal("p", first_open + 1)
    assert pane.start_ns == START + 100 * SECOND
    assert pane.sums[:, AT["calls"]].tolist() == [4]


def test_beyond_the_most_series_points_are_refused_and_counted_once_there_is_room() -> None:
    few = Meters(most=2)
    names = [bytes([number]) * 16 for number in range(3)]
    taken = Taken(few).take(*(a_point(1, 60, stream=name) for name in names))
    assert taken.fates == [COUNTED, COUNTED, "streams_refused"]
    few.forget(START + 2 * FORGET_NS)
    began_s = 2 * FORGET_NS // SECOND
    taken.take(a_point(5, began_s + HOUR, stream=names[2], start_s=began_s))
    assert taken.calls == 7


def test_a_series_that_returns_after_it_was_forgotten_is_a_baseline() -> None:
    taken = Taken().take(a_point(5, 60, start_s=30), a_point(6, 120, start_s=30))
    taken.meters.forget(START + 2 * FORGET_NS)
    assert taken.meters.series == {}
    days_s = 2 * FORGET_NS // SECOND
    taken.take(a_point(7, days_s, start_s=30), a_point(9, days_s + 60, start_s=30))
    assert taken.fates[-2:] == [BASELINE, COUNTED]
    assert taken.calls == 6 + 2


def test_tokens_cost_what_their_price_says_and_cached_ones_the_difference() -> None:
    points = [
        a_point(10, 60, stream=b"c" * 16),
        a_point(2, 60, stream=b"e" * 16, failed=True),
        a_point(
            8, 60, stream=b"i" * 16, measure=Measure.TOKENS_IN, total=8_000, rate_pusd=2_500_000
        ),
        a_point(
            8, 60, stream=b"o" * 16, measure=Measure.TOKENS_OUT, total=800, rate_pusd=10_000_000
        ),
        a_point(
            UNCOUNTED,
            60,
            stream=b"r" * 16,
            measure=Measure.TOKENS_CACHED,
            total=4_000,
            rate_pusd=-1_250_000,
        ),
    ]
    (pane,) = (taken := Taken().take(*points)).meters.seal("p", 1 << 40)
    assert set(taken.fates) == {COUNTED}
    sums = {name: int(pane.sums[0, at]) for name, at in AT.items()}
    assert (sums["calls"], sums["errors"], sums["metered"], sums["timed"]) == (12, 2, 12, 0)
    assert sums["latency_ns"] == 10 * SECOND
    assert sums["cost_nusd"] == 8_000 * 2_500 + 800 * 10_000 - 4_000 * 1_250
    assert sums["priced"] == 8 + 2  # two calls have told no tokens yet
    assert (sums["tokens_in"], sums["tokens_out"], sums["tokens_cached"]) == (8_000, 800, 4_000)
    assert sums["billed"] == sums["sized"] == 0


def test_sums_that_nobody_has_are_kept_to_the_unit_and_stop_nothing() -> None:
    claimed = {"cumulative": False, "total": 10**18, "rate_pusd": 2_500_000}
    points = [
        a_point(1, at, stream=b"i" * 16, measure=Measure.TOKENS_IN, **claimed) for at in range(50)
    ]
    taken = Taken().take(*points)
    resumed = meters.load(
        msgspec.msgpack.decode(msgspec.msgpack.encode(meters.dump(taken.meters)), strict=False)
    )
    assert {at: pane.rows for at, pane in resumed.open.items()} == {
        at: pane.rows for at, pane in taken.meters.open.items()
    }
    assert sum(row.cost_pusd for pane in resumed.open.values() for row in pane.rows.values()) == (
        50 * 10**18 * 2_500_000
    )


def test_a_price_that_is_not_known_is_not_zero() -> None:
    points = [a_point(3, 60), a_point(3, 60, stream=b"i" * 16, measure=Measure.TOKENS_IN)]
    (pane,) = Taken().take(*points).meters.seal("p", 1 << 40)
    assert pane.sums[0, AT["priced"]] == 0


def measured(partition: Partition, points: list[Point], stamp_s: float) -> list[Pane]:
    stamp = START + round(stamp_s * SECOND)
    return partition.measure(Record("p", 0, stamp, RecordKind.METRICS, b""), points).panes


def test_a_point_from_the_future_is_set_aside_alone_and_moves_nothing() -> None:
    partition = Partition("p", RULES)
    record = Record("p", 7, START + 60 * SECOND, RecordKind.METRICS, b"whole")
    observed = partition.measure(record, [a_point(1, 59), a_point(2, 600)])
    (letter,) = observed.dead
    assert (letter.reason, letter.body, letter.kind, letter.offset) == (
        "future_timestamp",
        b"alone",
        RecordKind.METRICS,
        7,
    )
    assert partition.counts["future_timestamp"] == 1
    assert partition.watermark_ns == START + 59 * SECOND - RULES.disorder_ns


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # the stream; two are cumulative
            st.integers(0, 40),  # when, ten seconds each
            st.booleans(),  # killed before it
        ),
        max_size=40,
    )
)
def test_every_point_has_one_fate_and_a_kill_changes_none(points: list) -> None:
    vault = MemoryVault()
    whole, killed, pieces = Partition("p", RULES), Partition("p", RULES), Pieces(vault, "p")
    panes: tuple[list[Pane], list[Pane]] = ([], [])
    for stream, at, kill in points:
        point = a_point(
            at, 10 * at, stream=bytes([stream]) * 16, cumulative=stream < 2, start_s=-60 * stream
        )
        if kill:
            killed, pieces = state.load(state.dump(killed, pieces), RULES, vault)
        panes[0].extend(measured(whole, [point], 500))
        panes[1].extend(measured(killed, [point], 500))
    panes[0].extend(whole.finish().panes)
    panes[1].extend(killed.finish().panes)
    assert [told(pane) for pane in panes[0]] == [told(pane) for pane in panes[1]]
    assert whole.counts == killed.counts
    assert sum(whole.counts.values()) == len(points)
    assert whole.counts.keys() <= FATES


def told(pane: Pane) -> tuple:
    return (
        pane.start_ns,
        pane.arms,
        pane.sums.tolist(),
        pane.codes.tolist(),
        pane.counts.tolist(),
        pane.metered,
    )


def test_state_is_bounded_whatever_attributes_a_producer_makes_up() -> None:
    one = Meters()
    for number in range(25_000):
        name = number.to_bytes(16, "little")
        histogram = explicit([SECOND * n for n in range(1, 15)], [1] + [0] * 14)
        one.take([a_point(1, 60, stream=name, histogram=histogram)], 0, 0)
    assert len(one.series) == meters.MOST_STREAMS
    assert len(msgspec.msgpack.encode(meters.dump(one))) < 5_000_000


def test_the_order_of_streams_in_a_record_changes_nothing() -> None:
    points = [
        a_point(n + 1, 60, stream=bytes([n]) * 16, key=CallKey("t/s/r", f"a{n}")) for n in range(5)
    ]
    panes = []
    for order in (points, points[::-1]):
        partition = Partition("p", RULES)
        panes.append(
            [told(pane) for pane in (*measured(partition, order, 61), *partition.finish().panes)]
        )
    assert panes[0] == panes[1]
    assert Counter(arm.arm for arm in panes[0][0][1]) == Counter(f"a{n}" for n in range(5))


def test_names_in_metrics_are_capped_as_those_in_spans_are() -> None:
    partition = Partition("p", StreamRules(keys=KeyLimits(arms=3)))
    points = [
        a_point(1, 60, stream=bytes([n]) * 16, key=CallKey("t/s/r", f"arm-{n}")) for n in range(9)
    ]
    measured(partition, points, 61)
    (pane,) = partition.finish().panes
    assert [arm.arm for arm in pane.arms] == ["arm-0", "arm-1", "arm-2", "~other"]
    assert pane.sums[:, AT["calls"]].tolist() == [1, 1, 1, 6]


def test_a_partition_forgets_the_series_that_are_silent_for_a_day() -> None:
    partition = Partition("p", RULES)
    for hours, left in ((0, {b"a"}), (23, {b"a", b"b"}), (25, {b"b", b"c"})):
        name = "abc"[len(left) - 1 if hours < 25 else 2].encode() * 16
        at_s = hours * HOUR + 1
        measured(partition, [a_point(1, at_s, stream=name, cumulative=False)], at_s)
        assert {series[:1] for series in partition.meters.series} == left
