"""The whole job on what OpenTelemetry's SDK exports, held against the calls that were made."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from dataflows.ingest import RecordingSource
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Ledger, Observer
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import Pane
from optimizer.settings import validate
from optimizer.windows import WindowKind, WindowSummary
from tests.benchmarks.job import MemoryReader, run_source
from tests.exporting_app import SECOND, App, Request
from tests.settings_probes.streaming import BreakingReader
from tests.settings_probes.telemetry import PARTITION, START_S, a_span, as_record, outputs_of

START = 1_800_000_000 * SECOND // (3600 * SECOND) * 3600 * SECOND
SETTINGS = validate({"input": {"tenant": "acme"}})
USD_IN, USD_OUT = 2.5e-6, 10e-6  # gpt-4o's


def some_requests(rng: random.Random, minutes: int) -> list[Request]:
    """Some fifty calls a minute: a median of .8 s, 1 in 20 fails."""
    return [
        Request(
            at_s=number * 1.2 + 0.1,
            seconds=max(round(rng.lognormvariate(math.log(0.8), 0.6) * 512), 6) / 512,
            tokens_in=rng.randrange(1, 3000),
            tokens_out=rng.randrange(1, 500),
            failed=rng.random() < 0.05,
        )
        for number in range(minutes * 50)
    ]


def exports(
    app: App, requests: list[Request], first_s: float, last_s: float, every_s: float = 60
) -> list[tuple[float, bytes]]:
    """Run an application from one instant to another; give each export with its instant."""
    waiting = [request for request in requests if first_s <= request.at_s < last_s]
    out, at_s = [], first_s
    while at_s < last_s:
        at_s = min(at_s + every_s, last_s)
        while waiting and waiting[0].at_s < at_s:
            app.call(waiting.pop(0))
        # Just before the minute ends, so that what it adds counts in that minute.
        out.append((at_s, app.export(START + round(at_s * SECOND) - 1)))
    return out


def as_records(exported: list[tuple[float, bytes]]) -> list[Record]:
    return [
        Record(PARTITION, place, START + round(at_s * SECOND), RecordKind.METRICS, body)
        for place, (at_s, body) in enumerate(exported)
    ]


def windows_of(outputs: list[Any], kind: WindowKind) -> list[WindowSummary]:
    found = {each for each in outputs if isinstance(each, WindowSummary) and each.kind is kind}
    return sorted(found, key=lambda one: one.start)


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_every_minute_is_told_as_it_was(*, delta: bool, exponential: bool) -> None:
    requests = some_requests(random.Random(1), 20)
    app = App("shop", START, delta=delta, exponential=exponential)
    outputs = outputs_of(SETTINGS, as_records(exports(app, requests, 0, 1200)))
    minutes = windows_of(outputs, WindowKind.MINUTE)
    assert len(minutes) == 20
    for number, minute in enumerate(minutes):
        mine = [each for each in requests if 60 * number <= each.at_s < 60 * (number + 1)]
        good = [each for each in mine if not each.failed]
        assert minute.route == "acme/shop/default"
        assert (minute.calls, minute.metered, minute.priced) == (len(mine),) * 3
        assert minute.errors == len(mine) - len(good)
        assert minute.tokens_in == sum(each.tokens_in for each in good)
        assert minute.tokens_out == sum(each.tokens_out for each in good)
        cost = sum(each.tokens_in * USD_IN + each.tokens_out * USD_OUT for each in good)
        assert minute.cost_usd == minute.spend_usd == pytest.approx(cost)
        mean = sum(each.seconds for each in good) / len(good) * 1000
        assert minute.latency_mean_ms == pytest.approx(mean)
        ordered = sorted(each.seconds * 1000 for each in good)
        for share, told in ((0.5, minute.latency_p50_ms), (0.95, minute.latency_p95_ms)):
            exact = ordered[math.ceil(share * len(ordered)) - 1]
            if exponential:
                assert told == pytest.approx(exact, rel=0.06)
            else:
                assert exact / 2.05 <= told <= exact * 2.05


def test_where_every_call_is_in_one_bucket_no_quantile_is_told() -> None:
    app = App("shop", START, delta=False, advised=False)
    requests = [Request(at_s=n, seconds=1) for n in range(60)]
    outputs = outputs_of(SETTINGS, as_records(exports(app, requests, 0, 60)))
    (minute,) = windows_of(outputs, WindowKind.MINUTE)
    assert minute.latency_p95_ms is None
    assert minute.latency_unknown.startswith("60 of 60 stand in histogram buckets wider")
    assert minute.latency_mean_ms == 1000


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
def test_restarts_gaps_repeats_and_merged_exports_lose_and_add_no_call(*, delta: bool) -> None:
    rng = random.Random(2)
    requests = some_requests(rng, 30)
    first, second = (App("shop", START + at * SECOND, delta=delta) for at in (0, 700))
    exported = exports(first, requests, 0, 700) + exports(second, requests, 700, 1800)
    if not delta:  # what since the start is told can be told later; the last one of each must come
        last = {exported[11][0], exported[-1][0]}
        exported = [each for each in exported if each[0] in last or rng.random() < 0.6]
    merged: list[tuple[float, bytes]] = []
    for at_s, body in exported:
        if merged and rng.random() < 0.3:
            merged[-1] = (at_s, merged[-1][1] + body)  # messages of protobuf join by joining bytes
        else:
            merged.append((at_s, body))
    repeated = [each for each in merged for _ in range(rng.choice([1, 1, 2]))]
    outputs = outputs_of(SETTINGS, as_records(repeated))
    told = windows_of(outputs, WindowKind.MINUTE)
    assert sum(one.calls for one in told) == len(requests)
    assert sum(one.errors for one in told) == sum(each.failed for each in requests)
    *_, ledger = [each for each in outputs if isinstance(each, Ledger)]
    fates = {name: n for name, n in ledger.counts.items() if "points_" in name or "_points" in name}
    assert sum(fates.values()) == ledger.counts["points"]
    assert fates["points_repeated"] > 0


def test_a_crash_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    requests = some_requests(random.Random(3), 100)
    app = App("shop", START, delta=False)
    records = as_records(exports(app, requests, 0, 6000))
    undisturbed = outputs_of(SETTINGS, records)
    outputs: list[Any] = []
    for breaks in (True, False):
        given_now = records[:70] if breaks else records
        source = RecordingSource(BreakingReader(given_now, breaks=breaks), [PARTITION])
        run_source(source, SETTINGS, watch=outputs.append, recovery=tmp_path)
    for kind in WindowKind:
        whole = windows_of(undisturbed, kind)
        assert whole
        assert windows_of(outputs, kind) == whole


@hypothesis_settings(max_examples=25)
@given(
    st.lists(
        st.builds(
            Request,
            at_s=st.floats(0, 599),
            seconds=st.integers(52, 1600).map(lambda parts: parts / 512),
            tokens_in=st.integers(0, 5000),
            tokens_out=st.integers(0, 500),
            failed=st.booleans(),
            model=st.sampled_from(["gpt-4o", "gpt-4o-mini"]),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_what_came_since_the_start_and_what_came_since_the_last_give_the_same_panes(
    requests: list[Request],
    exponential: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    requests = sorted(requests)
    first, second = (
        panes_of(
            exports(App("shop", START, delta=delta, exponential=exponential), requests, 0, 600)
        )
        for delta in (False, True)
    )
    assert first == second
    assert sum(pane[2][0] for pane in first) == len(requests)


def panes_of(exported: list[tuple[float, bytes]]) -> list[tuple[Any, ...]]:
    """Each pane's start and rows, and the calls and buckets in it."""
    decoder = RecordDecoder(SETTINGS, open_prices(SETTINGS.prices), PARTITION)
    observer = Observer(Partition(PARTITION, StreamRules()), decoder, shards=1)
    end = Record(PARTITION, 1, 0, RecordKind.END, b"")
    said = [item for record in (*as_records(exported), end) for _, item in observer.take(record)]
    return [
        (
            pane.start_ns,
            pane.arms,
            (int(pane.sums[:, 0].sum()), pane.sums.tolist()),
            pane.codes.tolist(),
            pane.counts.tolist(),
        )
        for pane in said
        if isinstance(pane, Pane)
    ]


def test_a_route_known_by_metrics_alone_is_found_to_fail_and_to_be_dear() -> None:
    requests = [
        Request(at_s=n * 0.5, seconds=1, tokens_in=200_000, failed=n > 1200 and n % 3 == 0)
        for n in range(3600)
    ]
    app = App("shop", START, delta=False)
    outputs = outputs_of(SETTINGS, as_records(exports(app, requests, 0, 1800)))
    rules = {each.rule for each in outputs if isinstance(each, Finding)}
    assert rules == {"error_rate", "cost_per_request", "daily_budget"}


def test_metrics_beside_the_spans_of_the_same_calls_change_nothing_but_what_is_shadowed() -> None:
    requests = [
        Request(at_s=n * 2.0, seconds=1, tokens_in=1000, tokens_out=100) for n in range(900)
    ]
    spans = [
        as_record(
            *(
                a_span(number + 1, START / SECOND - START_S + each.at_s, **NO_ROUTE)
                for number, each in enumerate(requests)
                if 60 * minute <= each.at_s < 60 * minute + 60
            ),
            offset=minute,
            second=START / SECOND - START_S + 60 * minute + 60,
        )
        for minute in range(30)
    ]
    exported = as_records(exports(App("shop", START, delta=False), requests, 0, 1800))
    metrics = [record._replace(partition="metrics") for record in exported]
    alone, both = (
        windows_after(records, partitions)
        for records, partitions in (
            (spans, [PARTITION]),
            (sorted([*spans, *metrics], key=lambda one: one.stamp_ns), [PARTITION, "metrics"]),
        )
    )
    assert [replace(one, metered_shadowed=0) for one in both] == alone
    minutes = [one for one in both if one.kind is WindowKind.MINUTE]
    assert sum(one.calls for one in minutes) == len(requests)
    assert [one.metered_shadowed for one in minutes] == [one.calls for one in minutes]


NO_ROUTE = {"llm.optimizer.route": "default"}


def windows_after(records: list[Record], partitions: list[str]) -> list[WindowSummary]:
    outputs: list[Any] = []
    source = RecordingSource(MemoryReader(records), partitions)
    run_source(source, SETTINGS, watch=outputs.append)
    found = [each for each in outputs if isinstance(each, WindowSummary)]
    return sorted(found, key=lambda one: (one.kind, one.start))
