"""Records of every kind through one observer: what goes to which shard, what is set aside."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.codecs import from_json, to_json
from optimizer.errors import DecodeFailed
from optimizer.events import (
    Alert,
    Call,
    EventSource,
    EventType,
    FeedbackEvent,
    Heard,
    Order,
    OrderAction,
    Score,
)
from optimizer.inbox import Inbox
from optimizer.judgements import ATTRIBUTION, Judge, Judged, Judgement
from optimizer.observe.columns import Block, Record, RecordKind, from_calls
from optimizer.observe.keys import UNLIMITED, CallKey, KeyTable
from optimizer.observe.names import Names
from optimizer.observe.observer import EDGE, Decoded, Ledger, Observer, Refusal
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT, FINAL_NS, Mark, Pane, shard_of
from optimizer.summaries import instant
from tests.builders import a_report

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
SHARDS = 4
EVENTS = {RecordKind.SCORE, RecordKind.ALERT, RecordKind.ORDER, RecordKind.REPORT}


class CallsDecoder:
    """Bodies are seconds, one call each; `bad` cannot be read, `odd` holds one bad span."""

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        body = record.body
        if record.kind in EVENTS:
            return Decoded(None, [], {}, [from_json(FeedbackEvent, body)])
        if record.kind is RecordKind.EVENT:
            return Decoded(None, [], {}, judgements=[a_judgement(int(body))])
        if record.kind is not RecordKind.OTLP:
            raise DecodeFailed("not_available_yet", "it says so")
        if body == b"bad":
            raise DecodeFailed("not_protobuf", "it says bad")
        if body == b"odd":
            return Decoded(from_calls([], table), [Refusal("bad_ids", "15 bytes", b"odd")], {})
        second = int(body)
        call = Call(
            route=f"t/s/r{second % 7}",
            arm="a",
            call_id=second + 1,
            end_ns=START + second * SECOND,
            latency_ns=SECOND,
        )
        return Decoded(from_calls([call], table), [], {"spans": 1})


def a_judgement(second: int) -> Judgement:
    return Judgement(
        identity=second,
        time_ns=START + second * SECOND,
        value=500_000,
        name="helpful",
        judge=Judge.HUMAN,
        tenant="t",
        trace=second,
        body=str(second).encode(),
        kind=RecordKind.EVENT,
    )


def an_observer() -> Observer:
    return Observer(Partition("p", StreamRules()), CallsDecoder(), SHARDS)


def record(kind: RecordKind, body: bytes | Block = b"", at_s: float = 0, offset: int = 0) -> Record:
    return Record("p", offset, START + int(at_s * SECOND), kind, body)


def event(data: Score | Order, at_s: float, number: int = 0) -> bytes:
    made = FeedbackEvent(
        id=f"e{number}",
        timestamp=instant(START + int(at_s * SECOND)),
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=data,
    )
    return to_json(made)


def test_panes_go_to_the_shard_of_their_route_and_marks_to_every_shard() -> None:
    observer = an_observer()
    calls, marks = Counter(), Counter()
    for second in range(120):
        body = str(second).encode()
        for target, item in observer.take(record(RecordKind.OTLP, body, second)):
            if isinstance(item, Pane):
                assert {f"shard-{shard_of(arm.route, SHARDS)}" for arm in item.arms} == {target}
                calls[target] += int(item.sums[:, AT["calls"]].sum())
            elif isinstance(item, Mark):
                marks[target] += 1
    assert sum(calls.values()) == 100  # what ended before the watermark's pane
    assert set(marks.values()) == {13}  # every ten seconds from -20 to 100
    assert len(marks) == SHARDS + 1  # and attribution


def test_what_cannot_be_read_is_set_aside_with_reason_and_bytes_and_the_rest_goes_on() -> None:
    observer = an_observer()
    wanted = [
        (RecordKind.OTLP, b"bad", "not_protobuf"),
        (RecordKind.OTLP, b"odd", "bad_ids"),
        (RecordKind.SCORE, b"{}", "invalid_event"),
        (RecordKind.ORDER, b"\xff\xfe", "not_json"),
        (RecordKind.METRICS, b"later", "not_available_yet"),
        (RecordKind.COLUMNS, b"no block", "not_columns"),
    ]
    for offset, (kind, body, reason) in enumerate(wanted):
        ((target, letter),) = observer.take(record(kind, body, offset=offset))
        assert (target, letter.reason, letter.body) == (EDGE, reason, body)
        assert (letter.partition, letter.offset) == ("p", offset)
        assert letter.detail
    list(observer.take(record(RecordKind.OTLP, b"5")))
    assert observer.partition.counts["counted"] == 1
    assert sum(n for name, n in observer.partition.counts.items() if name[:5] == "dead:") == 6


def test_judgements_leave_before_the_mark_and_count_at_the_watermark_when_they_are_told_late() -> (
    None
):
    observer = an_observer()
    events = [record(RecordKind.EVENT, str(second).encode(), 100) for second in (12, 100, 50)]
    records = [*events, record(RecordKind.HEARTBEAT, at_s=160)]
    items = [item for one in records for to, item in observer.take(one) if to == ATTRIBUTION]
    assert [type(item) for item in items] == [Judged, Mark] * 3
    times = [ns for item in items if isinstance(item, Judged) for ns in item.rows["count_ns"]]
    counted = [(int(count_ns) - START) / SECOND for count_ns in times]
    assert counted == [12, 100, 85]  # 85 s is how far the watermark had come
    assert observer.partition.counts["judgements"] == 3


def test_a_judgement_from_the_future_is_set_aside_and_moves_nothing() -> None:
    observer = an_observer()
    ((target, letter),) = observer.take(record(RecordKind.EVENT, b"200", 100))
    assert (target, letter.reason, letter.kind) == (EDGE, "future_timestamp", RecordKind.EVENT)
    assert letter.body == b"200"
    assert observer.partition.watermark_ns == -1


def test_an_order_goes_to_the_shard_of_its_route() -> None:
    order = Order(route="t/s/r2", action=OrderAction.PAUSE, author="ada")
    ((target, item),) = an_observer().take(record(RecordKind.ORDER, event(order, 3), 3))
    assert target == f"shard-{shard_of('t/s/r2', SHARDS)}"
    assert item.event.data == order


@pytest.mark.parametrize("route", ["t/s/*", "*"])
def test_an_order_to_several_routes_goes_to_every_shard(route: str) -> None:
    order = Order(route=route, action=OrderAction.STOP)
    sent = list(an_observer().take(record(RecordKind.ORDER, event(order, 3), 3)))
    assert [target for target, _ in sent] == [f"shard-{number}" for number in range(SHARDS)]
    assert {item.event.data for _, item in sent} == {order}


URGENT = {OrderAction.STOP, OrderAction.PAUSE, OrderAction.ROLL_BACK}


@pytest.mark.parametrize("action", OrderAction)
def test_what_makes_things_safer_counts_as_soon_as_it_is_there(action: OrderAction) -> None:
    observer = an_observer()
    list(observer.take(record(RecordKind.HEARTBEAT, at_s=200)))
    order = Order(route="t/s/r2", action=action, decision_id="d")
    ((_, heard),) = observer.take(record(RecordKind.ORDER, event(order, 300), 300))
    assert heard.due_ns == START + (185 if action in URGENT else 300) * SECOND


def test_a_report_counts_as_soon_as_it_is_there() -> None:
    observer = an_observer()
    list(observer.take(record(RecordKind.HEARTBEAT, at_s=200)))
    report = a_report(timestamp=instant(START + 200 * SECOND))
    ((_, heard),) = observer.take(record(RecordKind.REPORT, to_json(report), 200))
    assert heard == Heard(report, START + 185 * SECOND)


def test_a_report_goes_to_the_shard_of_its_route() -> None:
    report, observer = a_report(timestamp=instant(START + 3 * SECOND)), an_observer()
    ((target, item),) = observer.take(record(RecordKind.REPORT, to_json(report), 3))
    assert target == f"shard-{shard_of(report.data.route, SHARDS)}"
    assert item == Heard(report, START + 3 * SECOND)
    assert observer.partition.counts["reports"] == 1


def test_a_stored_block_counts_as_its_records_did() -> None:
    table = KeyTable()
    decoder = CallsDecoder()
    apart, together = an_observer(), an_observer()
    calls = [
        decoder.decode(record(RecordKind.OTLP, str(second).encode()), table) for second in range(8)
    ]
    for second in range(8):
        list(apart.take(record(RecordKind.OTLP, str(second).encode(), second)))
    rows = from_calls(
        [
            Call(
                route=f"t/s/r{s % 7}",
                arm="a",
                call_id=s + 1,
                end_ns=START + s * SECOND,
                latency_ns=SECOND,
            )
            for s in range(8)
        ],
        table,
    )
    assert len(calls) == 8
    block = Block(keys=tuple(table.keys), columns=rows, mark_ns=START + 60 * SECOND)
    got = [i for _, i in together.take(record(RecordKind.COLUMNS, block, 8)) if isinstance(i, Pane)]
    ended = list(apart.take(record(RecordKind.HEARTBEAT, at_s=60)))
    want = [i for _, i in ended if isinstance(i, Pane)]
    assert [(p.arms, p.sums.tolist()) for p in got] == [(p.arms, p.sums.tolist()) for p in want]


def test_the_ledger_is_told_each_minute_of_event_time() -> None:
    observer = an_observer()
    ledgers = []
    for second in range(300):
        taken = observer.take(record(RecordKind.OTLP, str(second).encode(), second))
        ledgers += [item for target, item in taken if isinstance(item, Ledger)]
    assert [ledger.partition for ledger in ledgers] == ["p"] * len(ledgers)
    assert 4 <= len(ledgers) <= 6
    assert ledgers[-1].counts["spans"] > 240


def test_keys_of_blocks_follow_a_renewed_table() -> None:
    observer = an_observer()
    keys = (CallKey("t/s/r", "a"),)
    rows = from_calls(
        [Call(route="t/s/r", arm="a", call_id=1, end_ns=START, latency_ns=1)], KeyTable(keys)
    )
    list(observer.take(record(RecordKind.COLUMNS, Block(keys=keys, columns=rows))))
    observer.partition.names = Names(UNLIMITED, [CallKey("t/s/other", "z")])
    observer.partition.open.clear()
    list(observer.take(record(RecordKind.COLUMNS, Block(keys=keys, columns=rows.take([0])))))
    assert CallKey("t/s/r", "a") in observer.partition.table.keys


def spike(route: str, at_s: float) -> FeedbackEvent:
    return FeedbackEvent(
        id="a1",
        timestamp=instant(START + int(at_s * SECOND)),
        source=EventSource.SENTINEL,
        event_type=EventType.ANOMALY,
        data=Alert(route=route, anomaly="latency_spike"),
    )


def test_an_alert_of_a_service_goes_to_every_shard_and_one_of_a_route_to_its_own() -> None:
    for route, wanted in (("t/s/*", range(SHARDS)), ("t/s/r2", [shard_of("t/s/r2", SHARDS)])):
        alert = spike(route, 3)
        body = to_json(alert)
        targets = list(an_observer().take(record(RecordKind.ALERT, body, 3)))
        heard = Heard(alert, START + 3 * SECOND)
        assert targets[: len(wanted)] == [(f"shard-{number}", heard) for number in wanted]


def test_an_alert_moves_time_on_after_it_was_sent() -> None:
    observer = an_observer()
    targets = list(observer.take(record(RecordKind.ALERT, to_json(spike("t/s/r2", 100)), 100)))
    assert isinstance(targets[0][1], Heard)
    assert {type(item) for _, item in targets[1:]} == {Mark, Ledger}
    assert observer.partition.watermark_ns == START + 85 * SECOND


def test_a_late_event_counts_from_when_it_came_by_its_partitions_time() -> None:
    observer = an_observer()
    list(observer.take(record(RecordKind.HEARTBEAT, at_s=200)))
    order = Order(route="t/s/r2", action=OrderAction.PAUSE)
    for kind, body in (
        (RecordKind.ALERT, to_json(spike("t/s/r2", 3))),
        (RecordKind.ORDER, event(order, 3)),
    ):
        ((_, heard),) = observer.take(record(kind, body, 201))
        assert heard.due_ns == START + 185 * SECOND


def test_an_order_for_a_time_nobody_will_see_waits_in_vain_and_can_be_stored() -> None:
    order = Order(route="t/s/r2", action=OrderAction.PAUSE)
    far = replace(
        from_json(FeedbackEvent, event(order, 3)), timestamp=datetime.max.replace(tzinfo=UTC)
    )
    ((_, heard),) = an_observer().take(record(RecordKind.ORDER, to_json(far), 3))
    assert heard.due_ns == FINAL_NS
    inbox = Inbox([heard])
    assert (
        Inbox.load(*msgspec.msgpack.decode(msgspec.msgpack.encode(inbox.dump()))).take_orders(1)
        == []
    )


def test_an_alert_that_would_be_over_when_it_counts_is_counted_and_goes_nowhere() -> None:
    observer = an_observer()
    list(observer.take(record(RecordKind.HEARTBEAT, at_s=915)))
    minute = START + 900 * SECOND
    assert minute % (60 * SECOND) == 0
    for at_s, wanted in ((60, "alerts_expired"), (61, "alerts")):
        targets = list(observer.take(record(RecordKind.ALERT, to_json(spike("t/s/r", at_s)), 915)))
        assert bool(targets) is (wanted == "alerts")
        assert observer.partition.counts[wanted] == 1


def test_an_alert_of_the_future_is_set_aside_as_a_record_that_can_be_read_again() -> None:
    observer = an_observer()
    alert = spike("t/s/*", 31)
    ((target, letter),) = observer.take(record(RecordKind.ALERT, to_json(alert), at_s=0.5))
    assert (target, letter.reason, letter.kind) == (EDGE, "future_timestamp", RecordKind.ALERT)
    assert from_json(FeedbackEvent, letter.body) == alert
    assert observer.partition.watermark_ns == -1
    again = list(an_observer().take(record(letter.kind, letter.body, at_s=31)))
    assert isinstance(again[0][1], Heard)
