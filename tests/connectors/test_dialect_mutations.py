"""However an exporter writes it down, the same telemetry is read as the same calls."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from optimizer.observe.aliases import ALIASES, REALS, WHOLES
from optimizer.observe.columns import ARRAYS
from optimizer.observe.keys import KeyTable
from optimizer.settings import PriceSettings, Settings
from tests.otlp_oracle import as_json
from tests.samples.expected import EXPECTED, PRICES, bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Mutation = Callable[[TracesData, Random], TracesData]
    JsonMutation = Callable[[Any, Random], Any]

TABLE = KeyTable()
DECODERS = [
    OtlpDecoder(given_settings, PRICES, "acme")
    for given_settings in (Settings(), Settings(prices=PriceSettings(trust_reported=True)))
]
SEEDS = st.integers(0, 2**32)
SAMPLES = {name: bodies(name)[0] for name in EXPECTED}
NUMBERS = {
    name
    for slot in (*WHOLES, *REALS, "revision", "temperature", "top_p", "max_tokens")
    for name in ALIASES[slot]
}
TRUTHS = {*ALIASES["streamed"], *ALIASES["from_cache"]}
UNKNOWN_FIELDS = (
    b"\xfa\x7f\x03abc",  # 2047, bytes
    b"\xf8\x7f\x96\x01",  # 2047, a number
    b"\xf9\x7f12345678",  # 2047, eight bytes
    b"\xfd\x7f1234",  # 2047, four bytes
)
NESTED = AnyValue(
    kvlist_value=KeyValueList(
        values=[
            KeyValue(
                key="gen_ai.usage.input_tokens",
                value=AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=7)])),
            )
        ]
    )
)


def calls_of(body: bytes) -> list[list[tuple]]:
    """Give all that is read of a body, by row, and the counts; with each of the settings."""
    found = []
    for decoder in DECODERS:
        decoded = decoder.decode(body, TABLE)
        assert not decoded.refused
        columns = (getattr(decoded.columns, array).tolist() for array in ARRAYS if array != "key")
        keys = [TABLE.keys[code] for code in decoded.columns.key]
        found.append([*zip(keys, *columns, strict=True), tuple(sorted(decoded.counts.items()))])
    return found


def spans_in(data: TracesData) -> Iterator[Any]:
    for resource_spans in data.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def with_attributes(data: TracesData) -> Iterator[Any]:
    """Give everything that has attributes which are read."""
    yield from (resource_spans.resource for resource_spans in data.resource_spans)
    yield from spans_in(data)


def in_another_order(data: TracesData, rng: Random) -> TracesData:
    for holder in with_attributes(data):
        pairs = list(holder.attributes)
        rng.shuffle(pairs)
        del holder.attributes[:]
        holder.attributes.extend(pairs)
    return data


def numbers_as_text(data: TracesData, rng: Random) -> TracesData:
    for span in spans_in(data):
        for pair in span.attributes:
            kind = pair.value.WhichOneof("value")
            if pair.key in NUMBERS and kind in {"int_value", "double_value"} and rng.random() < 0.5:
                pair.value.string_value = f" {getattr(pair.value, kind)!r}"
    return data


def whole_numbers_as_doubles(data: TracesData, rng: Random) -> TracesData:
    for span in spans_in(data):
        for pair in span.attributes:
            if pair.key in NUMBERS and pair.value.HasField("int_value") and rng.random() < 0.5:
                pair.value.double_value = pair.value.int_value
    return data


def truths_as_text(data: TracesData, rng: Random) -> TracesData:
    for span in spans_in(data):
        for pair in span.attributes:
            if pair.key in TRUTHS and pair.value.HasField("bool_value"):
                spelled = (
                    ("True", "true", "1") if pair.value.bool_value else ("False", "false", "0")
                )
                pair.value.string_value = rng.choice(spelled)
    return data


def attributes_nobody_knows(data: TracesData, rng: Random) -> TracesData:
    values = (NESTED, AnyValue(bytes_value=b"\x18\x05"), AnyValue(int_value=3), AnyValue())
    for holder in with_attributes(data):
        for name in ("gen_ai.usage", "llm.optimizer", "input_tokens", "", "x" * 300):
            holder.attributes.add(key=name, value=rng.choice(values))
    return in_another_order(data, rng)


def fields_nobody_knows(data: TracesData, rng: Random) -> TracesData:
    for resource_spans in data.resource_spans:
        holders = [data, resource_spans, resource_spans.resource]
        for scope_spans in resource_spans.scope_spans:
            holders += [scope_spans, scope_spans.scope, *scope_spans.spans]
            for span in scope_spans.spans:
                holders += [span.status, *span.events]
                # Not the pair: an entry of a map that says more is none to protobuf.
                holders += [pair.value for pair in span.attributes]
        for holder in holders:
            if rng.random() < 0.3:
                holder.MergeFromString(rng.choice(UNKNOWN_FIELDS))
    return data


def a_resource_for_each_span(data: TracesData, _: Random) -> TracesData:
    apart = TracesData()
    for resource_spans in data.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                alone = apart.resource_spans.add(resource=resource_spans.resource)
                alone.scope_spans.add(scope=scope_spans.scope, spans=[span])
    return apart


def nothing_in_between(data: TracesData, rng: Random) -> TracesData:
    """Add resources, scopes and requests without spans."""
    mixed = TracesData()
    for resource_spans in data.resource_spans:
        if rng.random() < 0.5:
            mixed.resource_spans.add().scope_spans.add()
        mixed.resource_spans.add().CopyFrom(resource_spans)
        mixed.resource_spans.add(resource=resource_spans.resource)
    return mixed


MUTATIONS: list[Mutation] = [
    in_another_order,
    numbers_as_text,
    whole_numbers_as_doubles,
    truths_as_text,
    attributes_nobody_knows,
    fields_nobody_knows,
    a_resource_for_each_span,
    nothing_in_between,
]


def upper_case_ids(content: Any, rng: Random) -> Any:
    def change(name: str, value: Any) -> Any:
        if name not in {"traceId", "spanId", "parentSpanId"}:
            return value
        return "".join(rng.choice((letter, letter.upper())) for letter in value)

    return changed(content, change)


def members_nobody_knows(content: Any, rng: Random) -> Any:
    if isinstance(content, list):
        return [members_nobody_knows(item, rng) for item in content]
    if not isinstance(content, dict):
        return content
    members = [(name, members_nobody_knows(item, rng)) for name, item in content.items()]
    value = rng.choice(({"spans": [{"attributes": 1}]}, [[]], None, "é\"'", 1e300, True))
    members.insert(rng.randint(0, len(members)), ("fromTheFuture", value))
    return dict(members)


def whole_numbers_as_numbers(content: Any, rng: Random) -> Any:
    """Write 64-bit numbers now as JSON's numbers, now as text."""

    def change(name: str, value: Any) -> Any:
        if name not in {"intValue", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano"}:
            return value
        return rng.choice((int(value), str(value)))

    return changed(content, change)


def changed(content: Any, change: Callable[[str, Any], Any]) -> Any:
    """Give a JSON value with all members that are no objects changed."""
    if isinstance(content, list):
        return [changed(item, change) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        name: changed(item, change) if isinstance(item, (dict, list)) else change(name, item)
        for name, item in content.items()
    }


JSON_MUTATIONS: list[JsonMutation] = [
    upper_case_ids,
    members_nobody_knows,
    whole_numbers_as_numbers,
]
EXPECTATIONS = {name: calls_of(body) for name, body in SAMPLES.items()}


@pytest.mark.parametrize("mutate", MUTATIONS)
@settings(deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), seed=SEEDS)
def test_another_form_of_the_same_spans_is_the_same_calls(mutate, name, seed):
    body = mutate(TracesData.FromString(SAMPLES[name]), Random(seed)).SerializeToString()
    assert calls_of(body) == EXPECTATIONS[name]
    assert calls_of(as_json(body)) == EXPECTATIONS[name]


@pytest.mark.parametrize("mutate", JSON_MUTATIONS)
@settings(deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), seed=SEEDS)
def test_another_form_of_the_same_json_is_the_same_calls(mutate, name, seed):
    content = mutate(json.loads(as_json(SAMPLES[name])), Random(seed))
    assert calls_of(json.dumps(content, indent=seed % 3).encode()) == EXPECTATIONS[name]


@settings(deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(SAMPLES)), min_size=1, max_size=3),
    mutations=st.lists(st.sampled_from(MUTATIONS), max_size=4),
    json_mutations=st.lists(st.sampled_from(JSON_MUTATIONS), max_size=3),
    seed=SEEDS,
)
def test_exports_put_together_are_the_calls_of_each(names, mutations, json_mutations, seed):
    rng = Random(seed)
    data = TracesData.FromString(b"".join(SAMPLES[name] for name in names))
    for mutate in mutations:
        data = mutate(data, rng)
    body = data.SerializeToString()
    content = json.loads(as_json(body))
    for mutate in json_mutations:
        content = mutate(content, rng)
    for encoded in (body, json.dumps(content).encode()):
        for place, (*rows, counts) in enumerate(calls_of(encoded)):
            expected = [EXPECTATIONS[name][place] for name in names]
            assert rows == [row for found in expected for row in found[:-1]]
            sums: dict[str, int] = {}
            for name, count in (pair for found in expected for pair in found[-1]):
                sums[name] = sums.get(name, 0) + count
            assert dict(counts) == sums
