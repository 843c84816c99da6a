"""What leaves as JSON comes back the same, and what enters is checked."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from hypothesis import given, settings, strategies as st

from connectors.codecs import cloud_event, from_json, json_schema, plain, read_event, to_json
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import (
    Alert,
    CloudEvent,
    FeedbackEvent,
    Order,
    OrderAction,
    Report,
    ReportOutcome,
    Score,
)
from optimizer.findings import Finding, FindingStatus, Severity
from optimizer.models import Arm, ModelConfig, ModelPerformanceProfile
from optimizer.observe.columns import DeadLetter, RecordKind
from optimizer.rollouts import RolloutProgress
from optimizer.windows import WindowSummary

OUTSIDE = [
    CloudEvent,
    DeadLetter,
    Document,
    FeedbackEvent,
    Finding,
    ModelConfig,
    ModelPerformanceProfile,
    OptimizationDecision,
    RolloutProgress,
    WindowSummary,
]
SAID = {
    Document: "document",
    Finding: "finding",
    OptimizationDecision: "decision",
    RolloutProgress: "rollout",
    WindowSummary: "window",
}
INSTANT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


def rounded(number):
    return float(f"{number:.9g}") + 0.0


TEXTS = st.text(max_size=8)
LINES = TEXTS.filter(str.isprintable)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(rounded).filter(math.isfinite)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PARTS = LINES.map(lambda text: text.replace("/", ""))
ROUTES = st.builds("a{}/b{}/{}c".format, PARTS, PARTS, PARTS)
PLAIN = {
    Any: JSON,
    str: TEXTS,
    int: INTEGERS,
    float: NUMBERS,
    bool: st.booleans(),
    bytes: st.binary(),
    type(None): st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Alert: st.builds(
        Alert,
        route=ROUTES,
        anomaly=st.from_regex(r"[a-z0-9_]{1,9}", fullmatch=True),
        **dict.fromkeys(("model", "method", "metric", "trace_id", "title"), LINES),
        **dict.fromkeys(("value", "baseline", "threshold"), st.none() | NUMBERS),
        confidence=st.none() | st.floats(0, 1).map(rounded),
        samples=st.integers(0, 2**63 - 1),
    ),
    Order: st.builds(
        Order,
        route=ROUTES,
        action=st.sampled_from(OrderAction),
        decision_id=LINES.map("d{}".format),
        revision=st.none() | st.integers(0, 2**31 - 1),
        author=LINES,
        reason=LINES,
    ),
    Report: st.builds(
        Report,
        route=ROUTES,
        outcome=st.sampled_from(ReportOutcome),
        revision=st.integers(0, 2**31 - 1),
        gateway=LINES,
        arm=LINES.map("arm{}".format),
        detail=LINES,
    ),
    Score: st.builds(Score, route=TEXTS, arm=TEXTS, value=st.floats(0, 1).map(rounded)),
}


def values_of(type_):
    """Give a strategy for any value of a type, as its annotations tell."""
    if type_ in PLAIN:
        return PLAIN[type_]
    if is_dataclass(type_):
        hints = get_type_hints(type_)
        return st.builds(type_, **{name: values_of(hint) for name, hint in hints.items()})
    arguments = get_args(type_)
    match get_origin(type_):
        case None:
            strategy = st.sampled_from(type_)  # an enumeration
        case origin if origin is Literal:
            strategy = st.sampled_from(arguments)
        case origin if origin is UnionType:
            strategy = st.one_of([values_of(argument) for argument in arguments])
        case origin if origin is tuple and arguments[-1] is Ellipsis:
            strategy = st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        case origin if origin is tuple:
            strategy = st.tuples(*map(values_of, arguments))
        case _:
            strategy = st.dictionaries(*map(values_of, arguments), max_size=3)
    return strategy


@cache
def schema_check(type_):
    schema = json_schema(type_)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@st.composite
def outside_values(draw, types=OUTSIDE):
    return draw(values_of(draw(st.sampled_from(types))))


def one_of(type_, **changes):
    """Give the simplest value of a type, but for some of its fields."""
    hints = get_type_hints(type_)
    simple = {str: "x", int: 1, float: 0.5, bool: True, bytes: b"x", datetime: INSTANT}

    def value(hint):
        if hint in simple:
            return simple[hint]
        if get_origin(hint) is UnionType and type(None) in get_args(hint):
            return None
        if get_origin(hint) is tuple:
            return ()
        if get_origin(hint) in {Mapping, dict}:
            return {}
        if get_origin(hint) is Literal:
            return get_args(hint)[0]
        return one_of(hint) if is_dataclass(hint) else next(iter(hint))

    given = {name: value(hint) for name, hint in hints.items() if name not in changes}
    return type_(**given, **changes)


ORDER = {"kind": "order", "action": "pause", "route": "t/s/r"}
REPORT = {
    "kind": "report",
    "route": "a/b/c",
    "outcome": "seen",
    "revision": 3,
    "arm": "",
}


def event_json(**changes):
    data = {"kind": "score", "route": "r", "arm": "a", "value": 0.5} | changes.pop("data", {})
    event = {
        "id": "e1",
        "timestamp": "2026-11-20T14:05:00Z",
        "source": "user",
        "event_type": "feedback",
        "data": {name: value for name, value in data.items() if value is not ...},
    }
    return json.dumps(event | changes).encode()


@settings(max_examples=300, deadline=None)
@given(outside_values())
def test_written_then_read_is_the_same(value):
    assert from_json(type(value), to_json(value)) == value


@settings(max_examples=300, deadline=None)
@given(outside_values())
def test_what_is_written_fits_its_schema(value):
    schema_check(type(value)).validate(json.loads(to_json(value)))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, JSON))
def test_the_order_of_a_mapping_changes_nothing(mapping):
    backwards = dict(reversed(mapping.items()))
    assert to_json(ModelConfig(extra_params=mapping)) == to_json(
        ModelConfig(extra_params=backwards)
    )


@settings(max_examples=300)
@given(st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda n: abs(n) < 1e300))
def test_floats_keep_nine_digits(number):
    written = json.loads(to_json([number]))[0]
    assert written == pytest.approx(number, rel=5e-9, abs=1e-320)
    assert to_json([written]) == to_json([number])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.1 + 0.2, b"0.3", id="binary dust is gone"),
        pytest.param(-0.0, b"0.0", id="no minus zero"),
        pytest.param(-1e-320, b"-1e-320", id="the smallest numbers"),
        pytest.param(123456789.4, b"123456789.0", id="nine digits, wherever they stand"),
        pytest.param(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))),
                     b'"2025-12-31T22:00:00Z"', id="instants in UTC"),
        pytest.param(timedelta(minutes=5), b'"PT300S"', id="durations as ISO says"),
        pytest.param({"b": 1, "a": (2,)}, b'{"a":[2],"b":1}', id="keys are sorted"),
        pytest.param(RecordKind.ORDER, b"5", id="kinds by number"),
        pytest.param(Severity.ERROR, b'"error"', id="enumerations by value"),
        pytest.param("größe 😀", '"größe 😀"'.encode(), id="text as UTF-8"),
        pytest.param(b"\xff\x00", b'"/wA="', id="bytes as Base64"),
    ],
)  # fmt: skip
def test_there_is_one_form_of_each_value(value, expected):
    assert to_json(value) == expected


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (math.nan, "nan has no form in JSON"),
        (-math.inf, "-inf has no form in JSON"),
        (datetime(2026, 1, 1), "no time zone"),  # noqa: DTZ001 - that is the fault
        (object(), "object has no form in JSON"),
        ({1, 2}, "set has no form in JSON"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_the_name_of_its_field(value, fault):
    constraint_in = replace(one_of(ModelConfig), extra_params={"a": [value]})
    with pytest.raises(InvalidEvent, match=rf"^ModelConfig\.extra_params: .*{fault}"):
        to_json(constraint_in)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data": {"value": "0.5"}}, r"data\.score\.value: Input should be a valid number"),
        ({"data": {"value": True}}, r"data\.score\.value: Input should be a valid number"),
        ({"data": {"value": 1.01}}, r"data\.value is 1\.01: must be in \[0, 1\]"),
        ({"data": {"value": -0.1}}, r"data\.value is -0\.1: must be in \[0, 1\]"),
        ({"data": {"route": ...}}, r"data\.score\.route: Field required"),
        ({"data": {"slot": 1.5}}, r"data\.score\.slot: .*integer"),
        ({"data": {"slot": -(10**30)}}, r"data\.slot must be in -1 to 199"),
        ({"data": {"revision": 1 << 31}}, r"data\.revision must be in 0 to 2147483647"),
        ({"timestamp": "9999-11-20T14:05:00Z"}, r"timestamp is 9999.*: must be 1970 to 2116"),
        ({"data": {"kind": ...}}, r"data: Unable to extract tag using discriminator 'kind'"),
        ({"data": {"kind": "thumb"}}, r"data: .*'thumb'.*'score', 'alert', 'order'"),
        ({"data": {"kind": "order", "action": "explode"}}, r"data\.order\.action: .*'reject'"),
        ({"data": {**ORDER, "action": "reject"}}, r'data\.decision_id is "": to reject names'),
        ({"data": {**ORDER, "action": "approve"}}, r'data\.decision_id is "": to approve names'),
        ({"data": {**ORDER, "route": "r"}}, r"data\.route must be tenant/service/route, "),
        ({"data": {**ORDER, "route": "*/s/r"}}, r"data\.route must be tenant/service/route, "),
        ({"data": {**ORDER, "route": "t/*/r"}}, r"data\.route must be tenant/service/route, "),
        ({"data": {**ORDER, "route": "*"}}, r"data\.route is \*: to pause names a route"),
        ({"data": {**ORDER, "route": "t/s/*", "revision": 1}}, r"data\.route is t/s/\*: a dec"),
        ({"data": {**ORDER, "route": "t/s/*", "decision_id": "d"}}, r"data\.route is t/s/\*: "),
        ({"data": {**ORDER, "reason": "x" * 401}}, r"data\.reason must be printable, at most 400"),
        ({"data": {**ORDER, "author": "a\n"}}, r"data\.author must be printable"),
        ({"data": {**ORDER, "revision": -1}}, r"data\.revision must be in 0 to 2147483647"),
        ({"data": {**ORDER, "revision": 1 << 31}}, r"data\.revision must be in 0 to 2147483647"),
        ({"id": "i" * 401, "data": ORDER}, r"id must have at most 400 letters"),
        ({"data": {"kind": "order"}}, r"data\.order\.action: Field required"),
        ({"data": {**REPORT, "route": "a/b"}}, r"data\.route must be tenant/service/route"),
        ({"data": {**REPORT, "outcome": "gone"}}, r"data\.report\.outcome: .*'model_gone'"),
        ({"data": {**REPORT, "outcome": "model_gone"}}, r'data\.arm is "": a model that is gone'),
        ({"data": {**REPORT, "detail": "x" * 401}}, r"data\.detail must be printable, at most 400"),
        ({"data": {**REPORT, "gateway": "a\n"}}, r"data\.gateway must be printable"),
        ({"data": {**REPORT, "revision": -1}}, r"data\.revision must be in 0 to 2147483647"),
        ({"id": "i" * 401, "data": REPORT}, r"id must have at most 400 letters"),
        ({"timestamp": "2026-11-20T14:05:00"}, r"timestamp: .*must end in Z or in an offset"),
        ({"timestamp": "2026-11-20"}, r"timestamp: .*must end in Z or in an offset"),
        ({"timestamp": "9999-12-31T23:59:59-23:59"}, r"timestamp: .*years 1 to 9999"),
        ({"timestamp": "yesterday"}, r"timestamp: .*Invalid isoformat"),
        ({"timestamp": 1763647500}, r"timestamp: .*must be text such as"),
        ({"timestamp": None}, r"timestamp: .*must be text such as"),
        ({"id": 7}, r"id: Input should be a valid string"),
        ({"source": "nobody"}, r"source: .*'observatory'"),
        ({"event_type": None}, r"event_type: "),
        ({"metadata": {"a": 1}}, r"metadata\.a: Input should be a valid string"),
        ({"metadata": ["a"]}, r"metadata: "),
        ({"data": {"value": "x", "arm": 3}}, r"arm: .*; .*value: "),
    ],
)  # fmt: skip
def test_a_wrong_event_is_refused_by_the_name_of_its_field(changes, fault):
    with pytest.raises(InvalidEvent, match=fault):
        read_event(event_json(**changes))


@pytest.mark.parametrize("action", ["stop", "start"])
@pytest.mark.parametrize("route", ["t/s/r", "t/s/*", "*"])
def test_a_route_a_service_or_all_may_be_stopped_and_started(action, route):
    order = {**ORDER, "action": action, "route": route, "arm": ..., "value": ...}
    assert read_event(event_json(data=order)).data == Order(route=route, action=OrderAction(action))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,", b"\xff\xfe", b'{"a": NaN}', b"{'a': 1}", b"{} {}", b"\x00", b"[" * 100_000],
)
def test_bytes_that_are_not_json_are_refused(data):
    with pytest.raises(DecodeFailed, match=r"^not_json: ") as caught:
        from_json(FeedbackEvent, data)
    assert caught.value.reason == "not_json"


@pytest.mark.parametrize("data", [b"null", b"[]", b'"text"', b"1", b"{}"])
@pytest.mark.parametrize("type_", OUTSIDE)
def test_json_of_another_shape_is_refused(type_, data):
    if type_ is ModelConfig and data == b"{}":
        assert from_json(type_, data) == ModelConfig()
    else:
        with pytest.raises(InvalidEvent, match=f"^{type_.__name__}: "):
            from_json(type_, data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_an_event_or_an_error_of_ours(data):
    with pytest.raises((InvalidEvent, DecodeFailed)):
        read_event(data)


def test_a_refusal_of_many_things_stays_short():
    metadata = {f"{number:1000}": number for number in range(1000)}
    with pytest.raises(InvalidEvent) as caught:
        read_event(event_json(metadata=metadata))
    assert len(str(caught.value)) < 1200


def test_fields_nobody_knows_are_passed_over():
    known = read_event(event_json())
    assert read_event(event_json(extra=[1], data={"more": {"x": 1}})) == known


def test_an_event_in_another_time_zone_is_read_in_utc():
    event = read_event(event_json(timestamp="2026-11-20T16:05:00.250+02:00"))
    assert event.timestamp == INSTANT + timedelta(milliseconds=250)
    assert event.timestamp.tzinfo is UTC


def test_the_schema_tells_the_kinds_of_an_event_apart():
    schema = json_schema(FeedbackEvent)
    for data in ({"value": "x"}, {"kind": ...}, {"kind": "thumb"}, {"route": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(event_json(data=data)), schema)
    jsonschema.validate(json.loads(event_json()), schema)


@pytest.mark.parametrize("type_", SAID)
def test_what_is_said_is_a_cloud_event_whose_data_fit_the_schema_it_names(type_):
    value = one_of(type_, route="acme/chat/default")
    event = cloud_event(value, "prod eu")
    name = SAID[type_]
    assert event.type == f"io.llmops.optimizer.{name}.v1"
    assert event.source == "/llm-optimizer/prod%20eu"
    assert event.dataschema == f"https://llm-optimizer.dev/schemas/{name}/1.json"
    assert event.subject == event.partitionkey == "acme/chat/default"
    assert json_schema(type_)["$id"] == event.dataschema
    written = json.loads(to_json(event))
    assert written["specversion"] == "1.0"
    assert written["time"] == "2026-11-20T14:05:00Z"
    assert written["data"] == json.loads(to_json(value))
    jsonschema.validate(written["data"], json_schema(type_))
    assert from_json(type_, to_json(from_json(CloudEvent, to_json(event)).data)) == value


LATER = INSTANT + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (one_of(OptimizationDecision), {"status": DecisionStatus.DEPLOYED, "updated_at": LATER}),
        (one_of(OptimizationDecision), {"status": DecisionStatus.CANCELLED}),
        (one_of(OptimizationDecision), {"id": "another"}),
        (one_of(Finding), {"severity": Severity.CRITICAL, "seen": LATER}),
        (one_of(Finding), {"status": FindingStatus.CLOSED, "until": LATER}),
        (one_of(WindowSummary), {"arm": "another"}),
        (one_of(WindowSummary), {"revision": 2}),
        (one_of(WindowSummary), {"end": LATER}),
        (one_of(Document), {"revision": 2}),
        (one_of(Document), {"route": "another"}),
        (one_of(Document), {"created_at": LATER}),
        (one_of(RolloutProgress), {"at": LATER}),
        (one_of(RolloutProgress), {"decision_id": "another"}),
    ],
)
def test_each_change_is_an_event_of_its_own_and_a_repeat_is_the_same_event(said, changes):
    first, changed = cloud_event(said, "s"), cloud_event(replace(said, **changes), "s")
    assert first.id != changed.id
    assert cloud_event(replace(said), "s") == first
    if LATER in changes.values():
        assert changed.time == LATER


def test_events_of_different_types_never_share_an_id():
    assert len({cloud_event(one_of(type_), "s").id for type_ in SAID}) == len(SAID)


def test_pydantic_is_loaded_only_when_something_is_read():
    program = (
        "import sys, connectors.codecs as codecs; codecs.to_json({'a': 1});"
        "assert 'pydantic' not in sys.modules; codecs.from_json(dict, b'{}')"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)


def test_a_field_that_may_hold_other_dataclasses_is_read_by_its_kind():
    @dataclass(frozen=True, kw_only=True)
    class Square:
        side: float
        kind: Literal["square"] = "square"

    @dataclass(frozen=True, kw_only=True)
    class Cube:
        side: float
        kind: Literal["cube"] = "cube"

    @dataclass(frozen=True, kw_only=True)
    class Shelf:
        things: tuple[Square | Cube, ...]

    shelf = Shelf(things=(Square(side=1.5), Cube(side=2.5)))
    assert from_json(Shelf, to_json(shelf)) == shelf
    assert [field.name for field in fields(Shelf)] == list(plain(shelf))


@given(values_of(ModelConfig))
def test_an_arm_that_is_written_and_read_is_the_same_arm(config):
    exact = replace(config, temperature=1 / 3, extra_params={"p": [0.1234567890123, -0.0], "n": 1})
    arm = Arm(config=exact)
    assert from_json(Arm, to_json(arm)).id == arm.id
