"""Scores of other systems through the whole job: calls found, what is not found, stops, tenants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.dead_letters import Wanted
from dataflows.ingest import RecordingSource
from optimizer.judgements import ATTRIBUTION
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import Settings, validate
from optimizer.windows import WindowKind, WindowSummary
from tests.benchmarks.job import MemoryReader
from tests.dataflows.the_job import Kept, run
from tests.settings_probes.streaming import BreakingReader
from tests.settings_probes.telemetry import START_S, a_request, a_span

SECOND_NS = 1_000_000_000
CALLS, FEED = "otlp_spans/0", "feedback-events/0"
SCORES = [{"name": "tone", "labels": {"kind": 1, "rude": 0}}]


def settings(**other: Any) -> Settings:
    tenants = [{"source": "otlp_spans"}, {"source": "feedback-events"}]
    return validate({"input": {"tenant": "acme"}, "scores": SCORES, "sources": tenants, **other})


def record(partition: str, second: float, kind: RecordKind, content: Any = None) -> Record:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    stamp_ns = int((START_S + second) * SECOND_NS)
    offset = int(second * 10)
    return Record(partition, offset, stamp_ns, kind, b"" if content is None else body)


def calls(second: float, *numbers: int, **attributes: Any) -> Record:
    spans = [a_span(number, second, **attributes) for number in numbers]
    return record(CALLS, second, RecordKind.OTLP, a_request(*spans))


def evaluation(second: float, call: int, span: int) -> Record:
    """An evaluation of the kind that applications log within the span that is current."""
    said = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.label": "kind"}
    log = {
        "timeUnixNano": str(int((START_S + second) * SECOND_NS)),
        "eventName": "gen_ai.evaluation.result",
        "traceId": f"{call:032x}",
        "spanId": f"{span:016x}",
        "attributes": [{"key": key, "value": {"stringValue": each}} for key, each in said.items()],
    }
    return record(
        FEED, second, RecordKind.LOGS, {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}
    )


def thumb(second: float, call: int, *, liked: bool = True, name: str = "") -> Record:
    said = {
        "type": "user_feedback",
        "id": name or f"f{second}-{call}",
        "liked": liked,
        "metadata": {"trace_id": f"{call:032x}"},
    }
    return record(FEED, second, RecordKind.EVENT, said)


def beats(second: float) -> list[Record]:
    return [record(name, second, RecordKind.HEARTBEAT) for name in (CALLS, FEED)]


def replayed(records: list[Record], made: Settings, **options: Any) -> Kept:
    return run(RecordingSource(MemoryReader(records), [CALLS, FEED], **options), made)


def scored(kept: Kept) -> list[tuple[str, int, float | None]]:
    """Each minute's arm, scores and mean, where there are any."""
    return [
        (one.arm.rpartition("-")[0], one.scores, one.score_mean)
        for one in kept.outputs
        if isinstance(one, WindowSummary) and one.kind is WindowKind.MINUTE and one.scores
    ]


TRAFFIC = [
    calls(1, 1, 2, 3),
    calls(2, 4, **{"gen_ai.request.model": "gpt-4o-mini"}),
    thumb(5, 1),
    thumb(6, 2, liked=False),
    thumb(7, 4),
    thumb(8, 99),
    *beats(70),
    thumb(75, 3),
    thumb(76, 1),
    thumb(77, 2, liked=False, name="f6-2"),
    *beats(400),
    *beats(1200),
]


@pytest.fixture(scope="module")
def whole() -> Kept:
    return replayed(TRAFFIC, settings())


def test_scores_count_for_the_arms_of_their_calls_in_the_minute_they_were_given(
    whole: Kept,
) -> None:
    assert scored(whole) == [
        ("gpt-4o", 2, 0.5),
        ("gpt-4o-mini", 1, 1.0),
        ("gpt-4o", 2, 1.0),
    ]


def test_a_score_of_no_call_is_a_dead_letter_that_can_be_read_again(whole: Kept) -> None:
    whole.publisher.flush()
    ((letter, body),) = whole.dead.bodies(whole.dead.find(Wanted()))
    assert (letter.partition, letter.reason) == (FEED, "unresolved_score")
    again = record(FEED, 1210, RecordKind[letter.kind.upper()], body)
    more = replayed([*TRAFFIC, calls(1205, 99), again, *beats(1300)], settings())
    assert more.ledgers()[ATTRIBUTION]["scores"] == 6


def test_the_account_of_scores_is_closed(whole: Kept) -> None:
    feed, account = whole.ledgers()[FEED], whole.ledgers()[ATTRIBUTION]
    assert feed["events"] == feed["judgements"] == account["judged"] == 7
    assert account["scores"] + account["repeated_scores"] == 6
    assert account["dead:unresolved_score"] == 1


def test_coverage_is_a_view(whole: Kept) -> None:
    whole.publisher.flush()
    rows = [json.loads(row.value) for row in whole.store.scan("coverage", limit=10)]
    told = {row["arm"].rpartition("-")[0]: (row["calls"], row["share"]) for row in rows}
    assert told == {"gpt-4o": (3, 1.0), "gpt-4o-mini": (1, 1.0)}


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_batches_change_nothing(whole: Kept, batch: int) -> None:
    other = replayed(TRAFFIC, settings(), batch=batch)
    assert (other.windows(), other.said()) == (whole.windows(), whole.said())
    assert other.ledgers() == whole.ledgers()


def test_the_order_in_which_partitions_are_read_changes_nothing(whole: Kept) -> None:
    apart = [one for name in (FEED, CALLS) for one in TRAFFIC if one.partition == name]
    other = replayed(apart, settings())
    assert (other.windows(), other.said()) == (whole.windows(), whole.said())


@pytest.mark.parametrize("stop", [2, 5, 9])
def test_a_stop_in_the_middle_changes_nothing(whole: Kept, stop: int, tmp_path: Path) -> None:
    made = settings(recovery={"interval_secs": 0})
    kept = Kept()
    for records, breaks in ((TRAFFIC[:stop], True), (TRAFFIC, False)):
        reader = BreakingReader(records, breaks=breaks)
        run(RecordingSource(reader, [CALLS, FEED], batch=1), made, kept, tmp_path)
    assert (kept.windows(), kept.said()) == (whole.windows(), whole.said())
    assert kept.ledgers() == whole.ledgers()
    kept.publisher.flush()
    assert len(list(kept.dead.find(Wanted()))) == 1


def test_a_score_of_one_tenant_finds_no_call_of_another() -> None:
    tenants = [
        {"source": "otlp_spans", "tenant": "acme"},
        {"source": "feedback-events", "tenant": "rival"},
    ]
    kept = replayed(TRAFFIC, settings(sources=tenants))
    assert scored(kept) == []
    assert kept.ledgers()[ATTRIBUTION]["dead:unresolved_score"] == 7


def test_without_an_index_only_echoes_count() -> None:
    echo = {"route": "shop/answer", "arm": "gpt-4o-11111111"}
    said = {"type": "user_feedback", "id": "e1", "liked": True, "metadata": echo}
    records = [*TRAFFIC[:4], record(FEED, 7, RecordKind.EVENT, said), *TRAFFIC[-2:]]
    kept = replayed(records, settings(attribution={"index": "none"}))
    assert scored(kept) == [("gpt-4o", 1, 1.0)]
    assert kept.ledgers()[ATTRIBUTION]["dead:unresolved_score"] == 2


def test_a_corrected_score_changes_the_mean_and_not_the_count() -> None:
    records = [calls(1, 1), thumb(5, 1, name="f"), thumb(9, 1, liked=False, name="f"), *beats(90)]
    assert scored(replayed(records, settings())) == [("gpt-4o", 1, 0.0)]


def test_a_correction_in_a_later_minute_keeps_every_mean_between_0_and_1() -> None:
    first = [calls(1, 1), thumb(5, 1, name="f"), *beats(90)]
    again = thumb(95, 1, liked=False, name="f"), thumb(96, 1, liked=False)
    kept = replayed([*first, *again, *beats(200)], settings())
    assert scored(kept) == [("gpt-4o", 1, 1.0), ("gpt-4o", 1, 0.0)]


def minutes_scored(kept: Kept) -> list[tuple[float, str, int]]:
    """Each minute with scores, counted from the start, its arm and how many there are."""
    return [
        (one.start.timestamp() - START_S, one.arm.rpartition("-")[0], one.scores)
        for one in kept.outputs
        if isinstance(one, WindowSummary) and one.kind is WindowKind.MINUTE and one.scores
    ]


def request_of(second: float, call: int, **attributes: Any) -> Record:
    """A call of a model within the span of the request that it serves."""
    request = a_span(call, second + 1) | {"spanId": f"{1000 + call:016x}", "name": "POST /answer"}
    request |= {"attributes": [{"key": "http.route", "value": {"stringValue": "/answer"}}]}
    within = a_span(call, second, **attributes) | {"parentSpanId": request["spanId"]}
    return record(CALLS, second, RecordKind.OTLP, a_request(within, request))


JUDGED_WITHIN = [
    request_of(1, 1),
    request_of(2, 2, **{"gen_ai.request.model": "gpt-4o-mini"}),
    evaluation(3, 1, 1001),
    evaluation(4, 2, 1002),
    evaluation(5, 1, 1),
    *beats(70),
    *beats(200),
    *beats(1200),
]


@pytest.mark.parametrize("stop", range(4, 9))
def test_a_stop_while_scores_wait_for_their_spans_changes_nothing(
    stop: int, tmp_path: Path
) -> None:
    made, kept = settings(recovery={"interval_secs": 0}), Kept()
    for records, breaks in ((JUDGED_WITHIN[:stop], True), (JUDGED_WITHIN, False)):
        reader = BreakingReader(records, breaks=breaks)
        run(RecordingSource(reader, [CALLS, FEED], batch=1), made, kept, tmp_path)
    unbroken = replayed(JUDGED_WITHIN, made)
    assert minutes_scored(kept) == minutes_scored(unbroken)
    assert kept.ledgers() == unbroken.ledgers()


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize(("wait_s", "minute"), [(60, 60), (900, 900)])
def test_evaluations_within_the_span_around_a_call_count_a_minute_later(
    wait_s: int, minute: int, batch: int
) -> None:
    made = settings(attribution={"span_wait_secs": wait_s})
    once = [(0, "gpt-4o", 1), (minute, "gpt-4o", 1), (minute, "gpt-4o-mini", 1)]
    assert minutes_scored(replayed(JUDGED_WITHIN, made, batch=batch)) == once
    apart = [one for name in (FEED, CALLS) for one in JUDGED_WITHIN if one.partition == name]
    assert minutes_scored(replayed(apart, made, batch=batch)) == once
