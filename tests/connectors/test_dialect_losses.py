"""What a producer does not say is not known, and changes nothing that it says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from optimizer.observe.aliases import ALIASES, CALL_TYPES, SERVICE
from optimizer.observe.identify import Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.observe.readings import Span
from optimizer.observe.usages import cache_use
from optimizer.observe.values import first, text, truth, whole
from optimizer.settings import Settings
from tests.otlp_oracle import as_json, judge, spans_of
from tests.samples.expected import EXPECTED, PRICES, bodies

if TYPE_CHECKING:
    from collections.abc import Collection

    from optimizer.events import Call
    from optimizer.observe.values import Value

READER = Normalizer(Identities((), "acme"), PriceTable(PRICES))
CALLS = [
    (name, place, span)
    for name in EXPECTED
    for place, span in enumerate(spans_of(bodies(name)[0]))
    if READER.read(span)
]
INPUT = ("tokens_in", "tokens_cached", "cache_write")
USED = (*INPUT, "usage")
MODELS = ("request_model", "response_model", "gateway_model", "old_request_model", "invocation")
STAMPS = ("route", "arm", "cell", "revision", "slot")
# What is read of which aliases, each in its order; all others are none of its business.
READ_OF = {
    "tokens_in": USED,
    "tokens_cached": USED,
    "tokens_out": ("tokens_out", "operation", "call_type"),
    "streamed": ("streamed", "invocation", "operation"),
    "ttft_ns": ("ttft", "streamed", "invocation", "operation"),
    "failed": ("error_type",),
    "error_type": ("error_type",),
    "provider": ("provider", "gateway_model"),
    "model": (*MODELS, "provider"),
    "arm": (*MODELS, "provider", "prompt", "prompt_version", "arm"),
    "route": ("route",),
    "cell": ("cell",),
    "revision": ("revision",),
    "slot": ("slot",),
    "cost_nusd": (*USED, *MODELS, "provider", "tokens_out", "from_cache", "error_type"),
    "end_ns": (),
    "latency_ns": (),
    "call_id": (),
}
UNKNOWN = {
    "tokens_in": -1,
    "tokens_cached": 0,
    "streamed": False,
    "ttft_ns": -1,
    "provider": "",
    "model": "",
    "cell": "",
    "revision": 0,
    "slot": -1,
}


def names_of(field: str) -> set[str]:
    return {name for slot in READ_OF[field] for name in ALIASES[slot]}


def without(span: Span, lost: Collection[str]) -> Span:
    kept = {name: value for name, value in span.attributes.items() if name not in lost}
    return replace(span, attributes=kept)


def lose(data: st.DataObject) -> tuple[Span, set[str], Call | None]:
    """Take some attributes away from a call; give it as it was, what is lost, what is left."""
    _, _, span = data.draw(st.sampled_from(CALLS))
    names = sorted(span.attributes)
    lost = set(data.draw(st.lists(st.sampled_from(names), unique=True))) if names else set()
    return span, lost, READER.normalize(without(span, lost))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_what_is_lost_changes_nothing_that_is_not_read_of_it(data):
    span, lost, found = lose(data)
    if found is None:
        return
    whole_call = READER.normalize(span)
    for field in READ_OF:
        if not lost & names_of(field):
            assert getattr(found, field) == getattr(whole_call, field), field


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_what_is_told_is_the_first_name_that_is_left_or_unknown(data):
    span, lost, found = lose(data)
    left = without(span, lost).attributes
    operation = first(left, ALIASES["operation"], text)
    if found is None:
        assert operation is None
        return
    assert operation is not None
    assert found.tokens_out == _whole(left, "tokens_out", 0 if "embed" in operation.lower() else -1)
    use = cache_use(left.get("metadata.usage_object")) or (-1, -1)
    told, cached, written = map(_whole, [left] * 3, INPUT, (-1, *use))
    apart = max(cached, 0) + max(written, 0)
    left_out = told >= 0 and (span.cached_apart or told < apart)
    assert found.tokens_in == told + apart * left_out
    assert found.tokens_cached == (max(cached, 0) if told >= 0 else 0)
    if not left.keys() & {"llm.invocation_parameters", "ai.operationId"}:
        assert found.streamed == bool(first(left, ALIASES["streamed"], truth))
    if found.ttft_ns >= 0:
        assert found.streamed
        assert left.keys() & set(ALIASES["ttft"]) or span.first_chunk_ns >= 0
    assert found.model in {"", READER.normalize(span).model, *_models(left)}


def _whole(attributes: dict[str, Value], slot: str, otherwise: int) -> int:
    found = first(attributes, ALIASES[slot], whole)
    return otherwise if found is None else found


def _models(left: dict[str, Value]) -> set[str]:
    """Give the models that what is left names, with and without a provider before them."""
    values = [str(left[name]) for slot in MODELS for name in ALIASES[slot] if name in left]
    named = {name for value in values for name in re.findall(r"[\w.:/-]+", value)}
    return named | {model.partition("/")[2] for model in named}


@pytest.mark.parametrize("field", UNKNOWN)
def test_a_call_that_says_nothing_of_it_does_not_know_it(field):
    lost = names_of(field) - set(ALIASES["operation"])
    for _, _, span in CALLS:
        if field == "streamed" and "ai.operationId" in span.attributes:
            continue  # what it is called says that it is a stream
        found = READER.normalize(replace(without(span, lost), first_chunk_ns=-1))
        assert getattr(found, field) == UNKNOWN[field], field


def test_a_call_that_does_not_say_what_it_is_is_none():
    operations = {*ALIASES["operation"], *CALL_TYPES}
    for _, _, span in CALLS:
        assert READER.normalize(without(span, operations)) is None


@settings(deadline=None, max_examples=50)
@given(st.data(), st.sampled_from(("x.", "gen_ai.unknown.", "")))
def test_attributes_of_unknown_names_are_as_good_as_none(data, prefix):
    name = data.draw(st.sampled_from(sorted(EXPECTED)))
    renamed, removed = (TracesData.FromString(bodies(name)[0]) for _ in range(2))
    keys = sorted({pair.key for span in spans_in(renamed) for pair in span.attributes})
    lost = set(data.draw(st.lists(st.sampled_from(keys), unique=True)))
    for span in spans_in(renamed):
        for pair in span.attributes:
            if pair.key in lost:
                pair.key = f"{prefix}{pair.key}.x"
    for span in spans_in(removed):
        kept = [pair for pair in span.attributes if pair.key not in lost]
        del span.attributes[:]
        span.attributes.extend(kept)
    body, less = renamed.SerializeToString(), removed.SerializeToString()
    expected = judge(less, Settings(), PRICES, "acme")
    assert judge(body, Settings(), PRICES, "acme") == expected
    for encoded in (body, as_json(body)):
        table = KeyTable()
        decoded = OtlpDecoder(Settings(), PRICES, "acme").decode(encoded, table)
        assert decoded.columns.cost_nusd.tolist() == [call.cost_nusd for call in expected.calls]
        assert decoded.columns.tokens_in.tolist() == [call.tokens_in for call in expected.calls]
        keys_found = [table.keys[code].route for code in decoded.columns.key]
        assert keys_found == [call.route for call in expected.calls]


def spans_in(data: TracesData):
    for resource_spans in data.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield from scope_spans.spans


def test_a_resource_without_a_name_is_an_unknown_service():
    for _, _, span in CALLS:
        resource = {name: value for name, value in span.resource.items() if name != SERVICE}
        found = READER.normalize(replace(span, resource=resource))
        assert found.route == "acme/unknown/default"
