"""Spans as bytes: the official classes read in them exactly what was simulated."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from connectors.worlds import records, wire
from optimizer.models import Arm, ModelConfig
from optimizer.observe.columns import RecordKind
from optimizer.simulate.arrivals import Rhythmic
from optimizer.simulate.calls import ERROR_TYPES
from optimizer.simulate.export import travel
from optimizer.simulate.quantities import Lognormal
from optimizer.simulate.simulation import simulate
from optimizer.simulate.users import Users
from optimizer.simulate.worlds import Cell, Dialect
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm

TTFT = "gen_ai.response.time_to_first_chunk"
WHOLE = st.integers(0, 2**63 - 1)
VALUES = st.one_of(
    st.text(), st.booleans(), WHOLE, st.floats(allow_nan=False), st.lists(st.text(), max_size=5)
)


def official(value) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            found = AnyValue()
            found.array_value.values.extend(official(item) for item in value)
            return found


def plain(value: AnyValue):
    name = value.WhichOneof("value")
    if name == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, name)


@given(st.text(min_size=1), VALUES)
def test_an_attribute_is_encoded_as_the_official_classes_do(key, value):
    encoded = wire.attribute(1, key, value)
    expected = KeyValue(key=key, value=official(value)).SerializeToString()
    assert encoded == wire.block(1, expected)
    assert KeyValue.FromString(expected).value == official(value)


@given(st.lists(st.integers(-1, 2**40), max_size=30))
def test_integers_are_encoded_once_and_those_absent_not_at_all(values):
    encoded = wire.IntegerAttributes(9, "tokens")
    for value in values:
        assert encoded[value] == (wire.attribute(9, "tokens", value) if value >= 0 else b"")


@given(st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=20))
def test_rows_stand_side_by_side_with_their_zeros(texts):
    octets = np.array([list(text) for text in texts], np.uint8)
    found = wire.rows(len(texts), b"\0a", octets, b"b\0", wire.hexadecimal(octets))
    assert found == [b"\0a" + text + b"b\0" + text.hex().encode() for text in texts]


STAMPED = a_route(
    arms=(
        an_arm(
            "gpt-4o",
            0.5,
            arm=Arm(config=ModelConfig(model="gpt-4o", temperature=0.2, top_k=40, max_tokens=200)),
            errors=0.2,
            cached=0.5,
            ttft_ms=Lognormal(median=200),
        ),
        an_arm("gpt-4o-mini", 0.5, errors=0.2, tokens_out=Lognormal(median=90_000, sigma=3)),
    ),
    cells=(Cell(name="short", share=0.5), Cell(name="lang=de", share=0.5)),
    users=Users(turns=3),
    traffic=Rhythmic(calls_per_minute=60),
)
PLAIN = a_route(
    "acme/old/default",
    arms=(an_arm("claude-haiku-4-5", provider="anthropic", errors=0.2, cached=0.5),),
    dialect=Dialect.G1,
    revision=0,
    users=Users(turns=3),
    traffic=Rhythmic(calls_per_minute=60),
)


@pytest.fixture(scope="module")
def sent():
    """Give a world's calls in the order they travel, and as many decoded spans with resources."""
    world = a_world(STAMPED, PLAIN, length=timedelta(minutes=15), partitions=2)
    calls, _ = travel(world, simulate(world))
    spans = []
    for record in records(world):
        if record.kind is RecordKind.OTLP:
            request = ExportTraceServiceRequest.FromString(record.body)
            assert request.SerializeToString() == record.body
            (resource_spans,) = request.resource_spans
            (scope_spans,) = resource_spans.scope_spans
            spans += [
                (span, resource_spans.resource, scope_spans.scope) for span in scope_spans.spans
            ]
    assert len(spans) == len(calls) > 1000
    return world, calls, spans


def attributes_of(holder) -> dict:
    keys = [pair.key for pair in holder.attributes]
    assert len(set(keys)) == len(keys)
    return {pair.key: plain(pair.value) for pair in holder.attributes}


def test_ids_times_and_status_are_those_of_the_call(sent):
    _, calls, spans = sent
    for row, (span, _, _) in enumerate(spans):
        assert span.trace_id + span.span_id == calls.ids[row].tobytes()
        assert span.start_time_unix_nano == calls.start_ns[row]
        assert span.end_time_unix_nano == calls.end_ns[row]
        assert span.kind == span.SPAN_KIND_CLIENT
        assert (span.status.code == span.status.STATUS_CODE_ERROR) == calls.failed[row]


def test_a_span_says_what_its_call_measured(sent):
    world, calls, spans = sent
    for row, (span, _, _) in enumerate(spans):
        found = attributes_of(span)
        arm = world.routes[calls.route[row]].arms[calls.arm[row]]
        assert span.name == f"chat {arm.arm.config.model}"
        assert found["gen_ai.operation.name"] == "chat"
        assert found["gen_ai.request.model"] == arm.arm.config.model
        assert found["gen_ai.request.max_tokens"] == arm.arm.config.max_tokens
        assert found["gen_ai.request.temperature"] == arm.arm.config.temperature
        assert found.get("gen_ai.request.top_k") == arm.arm.config.top_k
        assert found.get("gen_ai.usage.input_tokens", -1) == calls.tokens_in[row]
        assert found.get("gen_ai.usage.output_tokens", -1) == calls.tokens_out[row]
        if calls.failed[row]:
            assert found["error.type"] == ERROR_TYPES[calls.failure[row]]
            assert span.status.message == ERROR_TYPES[calls.failure[row]]
            assert not [key for key in found if key.startswith("gen_ai.response")]
        else:
            assert "error.type" not in found
            assert found["gen_ai.response.model"] == arm.arm.config.model
            reasons = ["length" if calls.cut[row] else "stop"]
            assert found["gen_ai.response.finish_reasons"] == reasons


def test_a_newer_span_tells_stream_cache_and_conversation(sent):
    _, calls, spans = sent
    conversations = set()
    for row, (span, _, _) in enumerate(spans):
        found = attributes_of(span)
        if calls.route[row] == 0:
            assert found["gen_ai.provider.name"] == "openai"
            assert found.get("gen_ai.request.stream", False) == (calls.arm[row] == 0)
            assert found.get(TTFT, -1e-9) * 1e9 == pytest.approx(calls.ttft_ns[row])
            cached = found.get("gen_ai.usage.cache_read.input_tokens", 0)
            assert cached == calls.tokens_cached[row]
            conversations.add((found["gen_ai.conversation.id"], int(calls.conversation[row])))
    names, numbers = zip(*conversations, strict=True)
    assert len(set(names)) == len(set(numbers)) == len(conversations) > 50


def test_stamps_name_route_arm_cell_revision_and_slot(sent):
    _, calls, spans = sent
    for row, (span, _, _) in enumerate(spans):
        found = attributes_of(span)
        stamps = {key: found[key] for key in found if key.startswith("llm.optimizer.")}
        if calls.route[row] == 0:
            assert stamps == {
                "llm.optimizer.route": "support",
                "llm.optimizer.arm": STAMPED.arms[calls.arm[row]].arm.id,
                "llm.optimizer.cell": STAMPED.cells[calls.cell[row]].name,
                "llm.optimizer.revision": 1,
                "llm.optimizer.slot": calls.slot[row],
            }
        else:
            assert stamps == {}


def test_an_older_span_keeps_to_what_its_conventions_know(sent):
    _, calls, spans = sent
    for row, (span, _, scope) in enumerate(spans):
        if calls.route[row] == 1:
            found = attributes_of(span)
            assert found["gen_ai.system"] == "anthropic"
            assert scope.name == "opentelemetry.instrumentation.openai_v2"
            newer = {"gen_ai.provider.name", "gen_ai.conversation.id", TTFT, "enduser.id"}
            assert not newer & set(found)
            assert not [key for key in found if "cache" in key]


def test_a_batch_names_its_service_and_process(sent):
    world, calls, spans = sent
    senders = set()
    for row, (_, resource, _) in enumerate(spans):
        found = attributes_of(resource)
        assert found["service.name"] == world.routes[calls.route[row]].service
        senders.add((found["service.name"], found["service.instance.id"]))
    assert len(senders) == 2 * world.exporter.processes


def test_no_span_holds_what_was_said(sent):
    _, _, spans = sent
    keys = {key for span, _, _ in spans for key in attributes_of(span)}
    assert not [key for key in keys if "messages" in key or "instructions" in key]
    assert 18 <= max(len(span.attributes) for span, _, _ in spans) <= 25
