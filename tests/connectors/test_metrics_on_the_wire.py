"""OTLP metrics as they come: captured libraries, both encodings, every spelling, every damage."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.histograms import explicit, exponential
from optimizer.observe.keys import KeyTable
from optimizer.observe.observer import Decoded
from optimizer.observe.points import UNCOUNTED, Measure, Point
from optimizer.settings import validate

SAMPLES = Path(__file__).parents[1] / "samples" / "metrics"
SECOND = 1_000_000_000
TIME = 1_800_000_000 * SECOND


def decoded(body: bytes, given: dict[str, Any] | None = None) -> Decoded:
    settings = validate(given or {})
    decoder = RecordDecoder(settings, open_prices(settings.prices), "p0")
    return decoder.decode(Record("p0", 0, 0, RecordKind.METRICS, body), KeyTable())


def without_stream(points: Any) -> list[Point]:
    return [point._replace(stream=b"", alone=bytes) for point in points]


@pytest.mark.parametrize(
    ("name", "told", "others"),
    [
        # Calls, failed ones, tokens in and out. LiteLLM makes a stream of each call, none of a
        # failed one.
        pytest.param("litellm_1.106.2", (4, 0, 3605, 72), 10, id="litellm"),
        # This one names neither model nor operation of a call that failed.
        pytest.param("openllmetry_openai_0.62.4", (5, 1, 3605, 72), 9, id="openllmetry"),
        pytest.param("otel_genai_openai_1.3b0_default", (6, 1, 3641, 84), 2, id="genai"),
        # No tokens of streams.
        pytest.param("otel_openai_v2_2.4b0_default", (5, 1, 2405, 48), 0, id="openai-v2"),
    ],
)
def test_captured_libraries_are_read_as_what_they_did(
    name: str, told: tuple[int, int, int, int], others: int
) -> None:
    pair = [decoded((SAMPLES / f"{name}.{end}").read_bytes()) for end in ("pb", "json")]
    for found in pair:
        requests = [point for point in found.points if point.measure is Measure.CALLS]
        tokens = (
            sum(point.total for point in found.points if point.measure is measure)
            for measure in (Measure.TOKENS_IN, Measure.TOKENS_OUT)
        )
        calls = sum(point.calls for point in requests)
        failed = sum(point.calls for point in requests if point.failed)
        assert (calls, failed, *tokens) == told
        assert not found.refused
        assert found.counts["points"] == len(found.points) + found.counts["other_points"]
        assert found.counts["other_points"] == others
        assert len({point.stream for point in found.points}) == len(found.points)
    assert without_stream(pair[0].points) == without_stream(pair[1].points)


def a_request(metric: dict[str, Any], *points: dict[str, Any], **data: Any) -> bytes:
    """A request in JSON: a metric's name, unit and form, and its data points."""
    given = dict(metric)
    form = given.pop("form")
    given[form] = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points} | data
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    scopes = [{"scope": {"name": "app"}, "metrics": [given]}]
    return json.dumps(
        {"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}
    ).encode()


def attributes(**given: str) -> list[dict[str, Any]]:
    named = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"} | given
    return [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]


DURATION = {"name": "gen_ai.client.operation.duration", "unit": "s", "form": "histogram"}
COUNTER = {"name": "gen_ai.client.inference.usage.input_tokens", "unit": "{token}", "form": "sum"}
TIMES = {"startTimeUnixNano": str(TIME - 60 * SECOND), "timeUnixNano": str(TIME)}
POINT = {
    **TIMES,
    "attributes": attributes(),
    "count": "3",
    "sum": 4.5,
    "explicitBounds": [1, 2],
    "bucketCounts": ["0", "2", "1"],
}
EXPONENTIAL = {
    **TIMES,
    "attributes": attributes(),
    "count": "4",
    "sum": 4.5,
    "scale": 6,
    "zeroCount": 1,
    "positive": {"offset": -3, "bucketCounts": [1, 0, 2]},
}


def to_protobuf(body: bytes) -> bytes:
    """The same request in protobuf, written by the official classes."""
    from google.protobuf.json_format import Parse  # noqa: PLC0415 - nothing with ids is given to it

    return Parse(
        body, ExportMetricsServiceRequest(), ignore_unknown_fields=True
    ).SerializeToString()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(
            a_request(DURATION, POINT),
            {
                "start_ns": TIME - 60 * SECOND,
                "time_ns": TIME,
                "cumulative": True,
                "measure": Measure.CALLS,
                "failed": False,
                "calls": 3,
                "total": 4_500_000_000,
                "histogram": explicit([SECOND, 2 * SECOND], [0, 2, 1]),
            },
            id="durations",
        ),
        pytest.param(
            a_request(DURATION | {"unit": "ms"}, POINT),
            {"total": 4_500_000, "histogram": explicit([1_000_000, 2_000_000], [0, 2, 1])},
            id="in milliseconds",
        ),
        pytest.param(
            a_request(DURATION, POINT, aggregationTemporality=1),
            {"cumulative": False},
            id="deltas",
        ),
        pytest.param(
            a_request(DURATION | {"form": "exponentialHistogram"}, EXPONENTIAL),
            {"calls": 4, "histogram": exponential(6, -3, [1, 0, 2], 1)},
            id="exponential",
        ),
        pytest.param(
            a_request(DURATION, POINT | {"attributes": attributes(**{"error.type": "Timeout"})}),
            {"failed": True},
            id="failed",
        ),
        pytest.param(
            a_request(DURATION, POINT | {"explicitBounds": [], "bucketCounts": []}),
            {"histogram": None, "calls": 3},
            id="without buckets",
        ),
        pytest.param(
            a_request(COUNTER, {**TIMES, "attributes": attributes(), "asInt": "70"}),
            {"measure": Measure.TOKENS_IN, "calls": UNCOUNTED, "total": 70, "rate_pusd": 2_500_000},
            id="a counter of tokens",
        ),
        pytest.param(
            a_request(COUNTER, {**TIMES, "attributes": attributes(), "asDouble": 70.0}),
            {"total": 70},
            id="a counter in doubles",
        ),
    ],
)
def test_both_encodings_say_the_same(body: bytes, wanted: dict[str, Any]) -> None:
    for found in (decoded(body), decoded(to_protobuf(body))):
        (point,) = found.points
        assert {name: getattr(point, name) for name in wanted} == wanted
        assert point.key.route == "default/shop/default"


def spelled(point: dict[str, Any], **data: Any) -> bytes:
    return a_request(DURATION, point, **data)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            spelled(POINT | {"count": 3, "bucketCounts": [0, 2, 1], "timeUnixNano": TIME}),
            id="numbers where text is usual",
        ),
        pytest.param(
            spelled(POINT | {"sum": "4.5", "explicitBounds": ["1", "2.0"], "flags": "0"}),
            id="text where numbers are usual",
        ),
        pytest.param(
            spelled(POINT, aggregationTemporality="AGGREGATION_TEMPORALITY_CUMULATIVE"),
            id="an enum by name",
        ),
        pytest.param(spelled(POINT | {"unheardOf": [{}], "exemplars": [{}]}), id="unknown fields"),
        pytest.param(spelled(POINT | {"attributes": attributes()[::-1]}), id="another order"),
    ],
)
def test_json_may_be_spelled_in_many_ways(body: bytes) -> None:
    (point,), (usual,) = decoded(body).points, decoded(spelled(POINT)).points
    assert point._replace(alone=bytes) == usual._replace(alone=bytes)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(
            spelled(
                POINT | {"attributes": attributes(**{"gen_ai.operation.name": "invoke_agent"})}
            ),
            "other_points",
            id="an agent repeats the requests inside it",
        ),
        pytest.param(
            a_request(DURATION | {"name": "http.client.duration"}, POINT),
            "other_points",
            id="another metric",
        ),
        pytest.param(
            a_request(
                DURATION | {"name": "gen_ai.client.token.usage"},
                POINT | {"attributes": attributes(**{"gen_ai.token.type": "image"})},
            ),
            "other_points",
            id="tokens of another sort",
        ),
        pytest.param(spelled(POINT | {"flags": 1}), "points_empty", id="the end of a series"),
    ],
)
def test_what_is_none_of_ours_is_counted(body: bytes, count: str) -> None:
    for found in (decoded(body), decoded(to_protobuf(body))):
        assert Counter(found.counts) == Counter({"points": 1, count: 1})
        assert not found.points


REFUSED = [
    ("unknown_unit", a_request(DURATION | {"unit": "fortnight"}, POINT)),
    ("unknown_temporality", spelled(POINT, aggregationTemporality=0)),
    ("not_monotonic", a_request(COUNTER, {**TIMES, "asInt": "7"}, isMonotonic=False)),
    ("no_histogram", a_request(DURATION | {"form": "sum"}, {**TIMES, "asInt": "7"})),
    ("no_sum", spelled({name: value for name, value in POINT.items() if name != "sum"})),
    ("absurd_time", spelled(POINT | {"timeUnixNano": "0"})),
    ("absurd_time", spelled(POINT | {"timeUnixNano": str(1 << 63)})),
    ("absurd_time", spelled(POINT | {"startTimeUnixNano": str(TIME + 1)})),
    ("absurd_value", spelled(POINT | {"count": str(1 << 40)})),
    ("absurd_value", spelled(POINT | {"sum": -1.0})),
    ("absurd_value", spelled(POINT | {"sum": "NaN"})),
    ("absurd_value", spelled(POINT | {"sum": "Infinity"})),
    ("absurd_buckets", spelled(POINT | {"bucketCounts": ["1", "2"]})),
    ("absurd_buckets", spelled(POINT | {"bucketCounts": ["0", "2", "2"]})),
    ("absurd_buckets", spelled(POINT | {"explicitBounds": [2, 1]})),
    ("absurd_buckets", spelled(POINT | {"explicitBounds": [1, "NaN"]})),
    (
        "absurd_buckets",
        a_request(
            DURATION | {"form": "exponentialHistogram"},
            EXPONENTIAL | {"count": 5, "negative": {"offset": 0, "bucketCounts": [1]}},
        ),
    ),
    (
        "absurd_buckets",
        a_request(DURATION | {"form": "exponentialHistogram"}, EXPONENTIAL | {"scale": 31}),
    ),
    (
        "absurd_buckets",
        a_request(
            DURATION | {"form": "exponentialHistogram"},
            EXPONENTIAL | {"count": "601", "positive": {"offset": 0, "bucketCounts": [1] * 600}},
        ),
    ),
]


@pytest.mark.parametrize(("reason", "body"), REFUSED, ids=lambda value: str(value)[:20])
def test_a_point_that_cannot_be_is_refused_alone_and_can_be_read_again(
    reason: str, body: bytes
) -> None:
    whole = json.loads(body)
    (metric,) = whole["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    (form,) = metric.keys() - {"name", "unit"}
    metric[form]["dataPoints"] *= 3
    for request in (json.dumps(whole).encode(), to_protobuf(json.dumps(whole).encode())):
        found = decoded(request)
        assert [refusal.reason for refusal in found.refused] == [reason] * 3
        assert found.counts == {"points": 3}
        assert not found.points
        again = decoded(found.refused[0].body)
        assert again.counts == {"points": 1}
        assert [(each.reason, each.detail) for each in again.refused] == [found.refused[0][:2]]


def test_a_number_that_is_none_is_refused_and_its_neighbours_are_read() -> None:
    found = decoded(a_request(DURATION, POINT, POINT | {"count": "three"}, POINT))
    assert len(found.points) == 2
    assert [refusal.reason for refusal in found.refused] == ["not_otlp_json"]


def test_a_point_alone_is_the_point() -> None:
    for name in ("litellm_1.106.2", "otel_genai_openai_1.3b0_default"):
        for end in ("pb", "json"):
            for point in decoded((SAMPLES / f"{name}.{end}").read_bytes()).points:
                (again,) = decoded(point.alone()).points
                assert again._replace(alone=bytes) == point._replace(alone=bytes)


def test_no_content_of_a_bomb_of_attributes_is_kept() -> None:
    body = (SAMPLES / "litellm_1.106.2.json").read_bytes()
    assert b"hidden_params" in body
    found = decoded(body)
    assert "hidden_params" not in repr(without_stream(found.points))


def test_the_official_classes_read_a_point_alone() -> None:
    body = to_protobuf(a_request(DURATION, POINT))
    (point,) = decoded(body).points
    alone = ExportMetricsServiceRequest.FromString(point.alone())
    assert MessageToDict(alone) == MessageToDict(ExportMetricsServiceRequest.FromString(body))


@given(st.data())
def test_damage_is_refused_or_read_and_never_stops_anything(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["openllmetry_openai_0.62.4", "otel_openai_v2_2.4b0_default"]))
    end = data.draw(st.sampled_from(["pb", "json"]))
    body = bytearray((SAMPLES / f"{name}.{end}").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = decoded(bytes(body))
    except DecodeFailed:
        return
    fates = sum(count for name, count in found.counts.items() if name != "points")
    assert found.counts.get("points", 0) == len(found.points) + len(found.refused) + fates


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        pytest.param("litellm_1.106.2", "litellm", id="litellm"),
        pytest.param(
            "openllmetry_openai_0.62.4", "opentelemetry.instrumentation.openai.v1", id="o"
        ),
    ],
)
def test_metrics_of_a_producer_that_does_not_count_are_told_as_shadowed(
    name: str, scope: str
) -> None:
    for end in ("pb", "json"):
        body = (SAMPLES / f"{name}.{end}").read_bytes()
        assert scope.encode() in body
        found = decoded(body, {"telemetry": {"producer": "otel"}})
        assert not found.points
        assert found.counts["points"] == (
            found.counts["points_shadowed"] + found.counts["other_points"]
        )
        assert found.counts["points_shadowed"] > 0


def test_who_writes_an_old_metric_and_the_new_one_is_counted_once() -> None:
    old, new = json.loads(spelled(POINT)), json.loads(spelled(POINT))
    scope = old["resourceMetrics"][0]["scopeMetrics"][0]
    (metric,) = new["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    scope["metrics"].append(metric | {"name": "gen_ai.client.inference.duration"})
    for found in (
        decoded(json.dumps(old).encode()),
        decoded(to_protobuf(json.dumps(old).encode())),
    ):
        assert sum(point.calls for point in found.points) == 3
        assert found.counts == {"points": 2, "points_doubled": 1}
