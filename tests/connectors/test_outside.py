"""JSON of other systems: each shape is recognised, and nothing that comes in stops anything."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from connectors.codecs import to_json
from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from optimizer.errors import DecodeFailed
from optimizer.events import (
    Alert,
    AlertSeverity,
    EventSource,
    EventType,
    FeedbackEvent,
    Order,
    OrderAction,
    Score,
)
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import validate
from tests.builders import a_report
from tests.connectors.sentinel_shapes import (
    ALERT,
    ALERT_ID,
    ALL_IS_WELL,
    ANOMALY,
    DECISION,
    PLANNED,
    SIGNAL,
    WEBHOOK,
    as_bytes,
    signed,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.observe.observer import Decoded

KEY = "s3cret"
AT = datetime(2026, 11, 20, 14, 3, 21, 482_000, tzinfo=UTC)
STAMP_NS = 1_795_183_402_000_000_000
SPIKE = Alert(
    route="acme/chat-api/*",
    anomaly="latency_spike",
    severity=AlertSeverity.HIGH,
    model="gpt-4o",
    method="z_score",
    metric="latency_ms",
    value=5210.0,
    baseline=1480.0,
    threshold=3200.0,
    confidence=0.95,
    samples=1000,
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
)
SAID = FeedbackEvent(
    id=ALERT_ID,
    timestamp=AT,
    source=EventSource.SENTINEL,
    event_type=EventType.PERFORMANCE_ALERT,
    data=SPIKE,
)
BARE = replace(SPIKE, confidence=None, samples=0, trace_id="")
SHAPES = {
    "anomaly": ANOMALY,
    "alert": ALERT,
    "webhook": WEBHOOK,
    "decision": DECISION,
    "signal": SIGNAL,
    "planned": PLANNED,
    "wrapped": wrapped(ANOMALY),
}


def decoded(body: bytes, kind: RecordKind = RecordKind.EVENT, **sentinel: Any) -> Decoded:
    settings = validate({"input": {"tenant": "acme"}, "sentinel": sentinel})
    decoder = RecordDecoder(settings, open_prices(settings.prices), "events")
    return decoder.decode(Record("events", 0, STAMP_NS, kind, body), KeyTable())


def read(content: Any, **sentinel: Any) -> Sequence[FeedbackEvent]:
    found = decoded(as_bytes(content), **sentinel)
    assert not found.refused, found.refused
    assert found.counts["events"] == 1
    return found.events


def refused(content: Any, **sentinel: Any) -> tuple[str, str]:
    body = as_bytes(content)
    found = decoded(body, **sentinel)
    ((reason, detail, part, kind),) = found.refused
    assert (part, kind, found.events) == (body, None, [])
    return reason, detail


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(ANOMALY, SAID, id="alone"),
        pytest.param(
            ALERT,
            replace(SAID, data=replace(SPIKE, title="Latency spike on chat-api")),
            id="in-an-alert",
        ),
        pytest.param(WEBHOOK, SAID, id="in-a-webhook"),
        pytest.param(WEBHOOK | {"data": ALERT}, None, id="an-alert-in-a-webhook"),
        pytest.param(DECISION, SAID, id="in-a-decision"),
        pytest.param(wrapped(ANOMALY), SAID, id="in-a-cloud-event"),
        pytest.param(
            wrapped(None, data_base64=base64.b64encode(as_bytes(ANOMALY)).decode()) | {"x": 1},
            None,
            id="data-wins-over-base64",
        ),
    ],
)
def test_an_anomaly_is_read_in_whatever_it_comes(content: Any, said: FeedbackEvent | None) -> None:
    if said is None and content.get("data") is None:
        assert refused(content)[0] == "unknown_event"
    else:
        assert list(read(content)) == [said or read(ALERT)[0]]


def test_a_signal_says_the_same_in_other_words() -> None:
    (event,) = read(wrapped(SIGNAL, time="2026-11-20T14:03:21.482Z"))
    assert event.timestamp == AT
    assert event.id == "/sentinel ce-1"
    assert event.data == replace(BARE, anomaly="latency_ms_anomaly", severity=AlertSeverity.MEDIUM)


def test_a_signal_alone_is_named_by_its_content_and_dated_by_its_record() -> None:
    (event,), (again,) = read(SIGNAL), read({"payload": SIGNAL, "signal_type": "anomaly"})
    assert event.timestamp.timestamp() == STAMP_NS / 1e9
    assert event.data == again.data
    assert event.id != again.id
    assert read(SIGNAL)[0] == event


def test_the_planned_event_concerns_each_service_by_its_worst_metric() -> None:
    events = read(PLANNED)
    assert [event.data.route for event in events] == ["acme/chat-api/*", "acme/search/*"]
    for event in events:
        assert event.data == replace(
            BARE, route=event.data.route, model="", method="", threshold=None
        )
        assert (event.id, event.timestamp) == ("/llm-sentinel/eu b-1", AT)


def test_an_event_is_about_so_many_services_at_most() -> None:
    services = [f"service-{number}" for number in range(100_000)]
    assert len(read(PLANNED | {"data": PLANNED["data"] | {"affected_services": services}})) == 100


def test_an_agent_that_finds_nothing_says_nothing_and_is_counted() -> None:
    doubted = DECISION | {"outputs": DECISION["outputs"] | {"anomaly_detected": False}}
    assert decoded(as_bytes(doubted)) == decoded(as_bytes(ALL_IS_WELL))
    found = decoded(as_bytes(ALL_IS_WELL))
    assert (found.events, found.refused) == ([], [])
    assert found.counts == {"events": 1, "other_events": 1}


@pytest.mark.parametrize(
    ("told", "anomaly"),
    [
        ("latency_spike", "latency_spike"),
        ("LatencySpike", "latency_spike"),
        ({"custom": "Prompt leak!"}, "prompt_leak"),
        ("never heard of", "never_heard_of"),
        ({"custom": "質量"}, "custom"),
    ],
)
def test_kinds_of_anomaly_nobody_knows_are_kept(told: Any, anomaly: str) -> None:
    (event,) = read(ANOMALY | {"anomaly_type": told})
    assert event.data.anomaly == anomaly


@pytest.mark.parametrize(
    ("told", "method"),
    [
        ("z_score", "z_score"),
        ("zscore", "z_score"),
        ("ZScore", "z_score"),
        ("psi", "psi"),
        ({"custom": "seasonal ESD"}, "seasonal_esd"),
        (None, ""),
    ],
)
def test_methods_are_named_one_way(told: Any, method: str) -> None:
    (event,) = read(ANOMALY | {"detection_method": told})
    assert event.data.method == method


@pytest.mark.parametrize("told", ["critical", "CRITICAL", "Critical"])
def test_severities_are_read_in_any_case(told: str) -> None:
    (event,) = read(ANOMALY | {"severity": told})
    assert event.data.severity is AlertSeverity.CRITICAL


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-20T14:03:21.482Z",
        "2026-11-20t14:03:21.482z",
        "2026-11-20T14:03:21.482000000Z",
        "2026-11-20T16:03:21.482+02:00",
        1_795_183_401.482,
        1_795_183_401_482,
        1_795_183_401_482_000,
        1_795_183_401_482_000_000,
        "1795183401.482",
    ],
)
def test_instants_are_read_as_text_or_as_counts(told: Any) -> None:
    (event,) = read(ANOMALY | {"timestamp": told})
    assert abs((event.timestamp - AT).total_seconds()) < 1e-5


def test_numbers_are_read_from_text_and_what_is_left_out_is_not_told() -> None:
    told = {name: ANOMALY[name] for name in ("alert_id", "timestamp", "anomaly_type")}
    (event,) = read(told | {"service_name": "chat-api", "details": {"value": "5210.0"}})
    assert event.data == Alert(route=SPIKE.route, anomaly="latency_spike", value=5210.0)


@pytest.mark.parametrize(
    ("stamp", "route"),
    [
        ("answer", "acme/chat-api/answer"),
        ("search/answer", "acme/search/answer"),
        ("other/search/answer", "acme/search/answer"),
    ],
)
def test_an_anomaly_that_names_a_route_concerns_it_alone(stamp: str, route: str) -> None:
    labels = {"llm.optimizer.route": stamp}
    (event,) = read(ANOMALY | {"context": {"additional": labels}})
    assert event.data.route == route
    (event,) = read(ANOMALY | {"labels": labels})
    assert event.data.route == route


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"service_name": None}, "invalid_event", "service_name"),
        ({"service_name": 5}, "invalid_event", "service_name: must be text, not this int"),
        ({"anomaly_type": None, "details": None}, "invalid_event", "anomaly_type"),
        ({"anomaly_type": {"custom": 5}}, "invalid_event", "anomaly_type.custom"),
        ({"anomaly_type": ["x"]}, "invalid_event", "anomaly_type"),
        ({"severity": "dire"}, "invalid_event", "severity is dire"),
        ({"confidence": 1.5}, "invalid_event", "confidence is 1.5"),
        ({"confidence": True}, "invalid_event", "confidence: must be a number"),
        ({"timestamp": "yesterday"}, "invalid_event", "timestamp"),
        ({"timestamp": "2026-11-20T14:03:21"}, "invalid_event", "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "invalid_event", "timestamp"),
        ({"timestamp": -5}, "invalid_event", "timestamp"),
        ({"timestamp": 1e300}, "invalid_event", "timestamp"),
        ({"details": "none"}, "invalid_event", "details"),
        ({"details": {"value": "much"}}, "invalid_event", "details.value: must be a number"),
        ({"metrics": {"latency_ms": 5}}, "invalid_event", "metrics.latency_ms"),
    ],
)
def test_what_is_wrong_with_an_anomaly_is_said(
    changes: dict[str, Any], reason: str, words: str
) -> None:
    assert refused(ANOMALY | changes)[0] == reason
    assert words in refused(ANOMALY | changes)[1]


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        ({"b": 1, "a": 2}, "unknown_event", "a, b"),
        ({}, "unknown_event", "no members"),
        ({"a\nb " + "secret " * 999: 1}, "unknown_event", "a-b " + "secret " * 8),
        (5, "unknown_event", "int"),
        ([["a"]], "unknown_event", "list"),
        ({"type": "Trace", "data": {}}, "unknown_event", "data, type"),
        (wrapped({"b": 1}), "unknown_event", "b"),
        (wrapped(wrapped(ANOMALY)), "unknown_event", "specversion"),
        ({"specversion": "1.0", "id": "1"}, "not_cloud_event", "without source, type"),
        (wrapped(ANOMALY, specversion="0.3"), "not_cloud_event", "0.3"),
        (wrapped(ANOMALY, id=7), "invalid_event", "id"),
        (wrapped(ANOMALY, time="noon"), "invalid_event", "time"),
    ],
)
def test_what_nobody_reads_is_refused_by_name(content: Any, reason: str, words: str) -> None:
    found = decoded(as_bytes(content))
    assert [one.reason for one in found.refused] == [reason]
    assert words in found.refused[0].detail


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"data_base64": "%%%"}, "not_cloud_event"),
        ({"data_base64": 5}, "not_cloud_event"),
        ({"data_base64": ""}, "not_cloud_event"),
        ({}, "not_cloud_event"),
        ({"data_base64": base64.b64encode(b"\xff").decode()}, "not_json"),
        ({"data": "text"}, "unknown_event"),
    ],
)
def test_a_cloud_event_without_readable_data_is_refused(data: dict[str, Any], reason: str) -> None:
    event = {name: value for name, value in wrapped(None).items() if name != "data"}
    assert refused(event | data)[0] == reason


def test_each_object_of_a_list_is_read_or_refused_alone() -> None:
    found = decoded(as_bytes([ANOMALY, {"b": 1}, ALL_IS_WELL, wrapped(ALERT)]))
    assert [event.id for event in found.events] == [ALERT_ID, ALERT_ID]
    assert [(one.reason, one.body) for one in found.refused] == [("unknown_event", b'{"b":1}')]
    assert found.counts == {"events": 4, "other_events": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[1,", b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b'"\\ud800 x"'],
)
def test_what_is_no_json_is_refused_whole(body: bytes) -> None:
    found = decoded(body)
    assert [(one.reason, one.body) for one in found.refused] == [("not_json", body)]
    assert found.counts["events"] == 1


def test_huge_and_unprintable_texts_are_cut_and_cleaned() -> None:
    long = "x\n" * 1_000_000
    (event,) = read(
        ANOMALY | {"service_name": long, "model": long, "detection_method": long, "alert_id": long}
    )
    texts = [event.id, event.data.route, event.data.model, event.data.method]
    assert all(len(text) < 300 and text.isprintable() for text in texts)


@pytest.mark.parametrize("kind", [RecordKind.ALERT, RecordKind.EVENT])
def test_our_own_form_of_an_alert_is_read_as_it_was_written(kind: RecordKind) -> None:
    found = decoded(to_json(SAID), kind)
    assert list(found.events) == [SAID]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"route": "acme/chat-api"}, "data.route must be tenant/service/route"),
        ({"route": "acme//answer"}, "data.route must be tenant/service/route"),
        ({"confidence": 2.0}, "data.confidence is 2: must be in [0, 1]"),
        ({"anomaly": "Not a rule"}, "data.anomaly must be small letters"),
        ({"anomaly": ""}, "data.anomaly must be small letters"),
        ({"samples": -1}, "data.samples is -1"),
        ({"title": "\x1b[2J"}, "data.title must be printable"),
        ({"model": "m" * 401}, "data.model must be printable, at most 400"),
    ],
)
def test_an_alert_nobody_should_have_to_keep_is_refused(
    changes: dict[str, Any], fault: str
) -> None:
    ((reason, detail, *_),) = decoded(
        to_json(replace(SAID, data=replace(SPIKE, **changes)))
    ).refused
    assert reason == "invalid_event"
    assert fault in detail


def test_an_alert_with_an_endless_id_is_refused() -> None:
    ((_, detail, *_),) = decoded(to_json(replace(SAID, id="i" * 401))).refused
    assert "id must have at most 400 letters" in detail


@pytest.mark.parametrize("kind", [RecordKind.ALERT, RecordKind.EVENT])
def test_an_alert_of_another_tenant_is_refused(kind: RecordKind) -> None:
    body = to_json(replace(SAID, data=replace(SPIKE, route="other/chat-api/*")))
    try:
        reasons = [one.reason for one in decoded(body, kind).refused]
    except DecodeFailed as failure:
        reasons = [failure.reason]
    assert reasons == ["another_tenant"]


def test_our_scores_are_read_among_events_and_orders_and_reports_are_not() -> None:
    score = replace(SAID, data=Score(route="acme/shop/answer", arm="a", value=0.5))
    (judged,) = decoded(json.dumps(json.loads(to_json(score))).encode()).judgements
    assert (judged.key, judged.value) == (("acme/shop/answer", "a", 0, ""), 500_000)
    order = replace(SAID, data=Order(route="acme/shop/answer", action=OrderAction.PAUSE))
    assert refused(json.loads(to_json(order)))[0] == "order_from_outside"
    assert refused(json.loads(to_json(a_report())))[0] == "report_from_outside"


def test_a_signed_webhook_is_taken_and_a_forged_one_refused() -> None:
    good = signed(WEBHOOK, KEY)
    assert list(read(good, webhook_key=KEY)) == [SAID]
    assert list(read(wrapped(good), webhook_key=KEY)) == [SAID]
    pretty = json.dumps(good, indent=2).encode()
    assert list(decoded(pretty, webhook_key=KEY).events) == [SAID]
    forged = good | {"data": ANOMALY | {"severity": "critical"}}
    shuffled = {"data": good["data"], **good}
    for bad in (forged, shuffled, signed(WEBHOOK, "other"), good | {"signature": 5}):
        assert refused(bad, webhook_key=KEY)[0] == "bad_signature"


@pytest.mark.parametrize("name", SHAPES)
def test_where_a_key_is_set_no_unsigned_anomaly_is_taken(name: str) -> None:
    assert refused(SHAPES[name], webhook_key=KEY)[0] == "bad_signature"
    own = json.loads(to_json(SAID))
    assert refused(own, webhook_key=KEY)[0] == "bad_signature"


def test_without_a_key_signatures_do_not_matter() -> None:
    assert list(read(signed(WEBHOOK, "whatever"))) == [SAID]


STRANGE = (None, True, -1, 2.5, "", "x", [], [{}], {"a": {"b": [1]}}, {"custom": 5})


def enriched(content: Any, rng: random.Random) -> Any:
    """Add unknown members to every object, and shuffle all members; `metrics` is a free map."""
    if not isinstance(content, dict):
        return content
    members = [
        (name, value if name == "metrics" else enriched(value, rng))
        for name, value in content.items()
    ]
    members += [(f"unknown_{rng.randrange(9)}", rng.choice(STRANGE)) for _ in range(2)]
    rng.shuffle(members)
    return dict(members)


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 2**32))
def test_unknown_members_and_the_order_of_members_change_nothing(name: str, seed: int) -> None:
    events = read(enriched(SHAPES[name], random.Random(seed)))
    wanted = read(SHAPES[name])
    assert [event.data for event in events] == [event.data for event in wanted]
    assert [event.timestamp for event in events] == [event.timestamp for event in wanted]
    if name != "signal":  # it has no id but its content
        assert [event.id for event in events] == [event.id for event in wanted]


@pytest.mark.parametrize("name", ["anomaly", "alert", "webhook", "decision"])
def test_a_cloud_event_around_it_changes_nothing(name: str) -> None:
    encoded = {key: value for key, value in wrapped(None).items() if key != "data"} | {
        "data_base64": base64.b64encode(as_bytes(SHAPES[name])).decode()
    }
    assert read(wrapped(SHAPES[name])) == read(SHAPES[name]) == read(encoded)


DEEPER = 0.6
VALUES = (None, True, 0, -1, 1e308, "", "x", "5", [], [{}], {}, {"custom": None}, {"custom": "y"})


@given(seed=st.integers(0, 2**32))
def test_whatever_is_wrong_it_is_a_refusal_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    content = json.loads(json.dumps(SHAPES[rng.choice(sorted(SHAPES))]))
    place = content
    while (
        inner := [one for one in place.values() if isinstance(one, dict)]
    ) and rng.random() < DEEPER:
        place = rng.choice(inner)
    if place:
        place[rng.choice(sorted(place))] = rng.choice(VALUES)
    found = decoded(as_bytes(content))
    assert found.counts["events"] == 1
    assert all(one.reason and one.detail for one in found.refused)
    for event in found.events:
        assert decoded(to_json(event), RecordKind.ALERT).events == (event,)


def test_damaged_bytes_are_refused_or_read_and_never_stop_anything() -> None:
    rng = random.Random(7)
    body = bytearray(as_bytes(DECISION))
    for _ in range(2000):
        damaged = bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        found = decoded(bytes(damaged))
        assert found.counts["events"] == 1
        assert len(found.events) + len(found.refused) <= 1
