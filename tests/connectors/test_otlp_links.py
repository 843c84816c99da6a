"""The links of calls, read in columns and one by one, are those of the official classes' ids."""

from __future__ import annotations

import random

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from optimizer.errors import DecodeFailed
from optimizer.observe.identify import Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import Links, response_link, span_link, trace_link
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.settings import Settings
from tests.benchmarks.otlp_load import messages
from tests.connectors.test_otlp_paths import PRICES, SETTINGS, request
from tests.otlp_oracle import as_json, spans_of

OWNERS = ("gen_ai", "llm", "ai")
IDS = ("chatcmpl-1", " resp_2 ", "", "  ", "é" * 300, 7, True, None)


def expected(body: bytes, links: Links) -> list[list[int]]:
    """Give the links of each call of a request, in the slow and obvious way."""
    normalizer = Normalizer(Identities((), "acme"), PriceTable(PRICES))
    found = []
    for span in spans_of(body):
        try:
            reading = normalizer.read(span)
        except DecodeFailed:
            continue
        if reading is not None and not reading.kind.assigned:
            names = [span.attributes.get(f"{owner}.response.id") for owner in OWNERS]
            told = [name for name in names if isinstance(name, str) and name.strip()]
            response = told[0] if told and links is Links.RESPONSES else ""
            trace, span_id = span.trace_id.hex(), span.span_id.hex()
            found.append([trace_link(trace), span_link(span_id), response_link(response)])
    return found


def some_request(seed: int) -> bytes:
    """Make a request some of whose spans have ids of responses, under one name or both."""
    rng = random.Random(seed)
    data = request(rng, 12)
    for resource_spans in data.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                for owner in rng.sample(OWNERS, rng.randint(0, 2)):
                    pair = span.attributes.add(key=f"{owner}.response.id")
                    pair.value.CopyFrom(any_value(rng.choice(IDS)))
    return data.SerializeToString()


def any_value(content: object) -> AnyValue:
    match content:
        case bool():
            return AnyValue(bool_value=content)
        case int():
            return AnyValue(int_value=content)
        case str():
            return AnyValue(string_value=content)
        case _:
            return AnyValue()


@pytest.mark.parametrize("links", [Links.TRACES, Links.RESPONSES], ids=["traces", "responses"])
@pytest.mark.parametrize("settings", SETTINGS[::2], ids=["plain", "routes"])
def test_links_are_those_of_the_ids_in_both_encodings(settings, links):
    decoder, table, told = OtlpDecoder(settings, PRICES, "acme", links), KeyTable(), 0
    for seed in range(40):
        body = some_request(seed)
        wanted = expected(body, links)
        for encoded in (body, as_json(body)):
            assert decoder.decode(encoded, table).columns.links.tolist() == wanted
        told += sum(response > 0 for _, _, response in wanted)
    assert told > 100 if links is Links.RESPONSES else told == 0


def test_whoever_asks_for_no_links_gets_none_and_all_else_stays_the_same():
    (body,) = messages(1, spans_per_message=64)
    table = KeyTable()
    plain, linked = (
        OtlpDecoder(Settings(), PRICES, "acme", links).decode(body, table)
        for links in Links
        if links is not Links.TRACES
    )
    assert plain.columns.links is None
    assert plain.counts == linked.counts
    assert plain.columns.call_id.tolist() == linked.columns.call_id.tolist()
    assert all(linked.columns.links[linked.columns.flags & 1 == 0].all(axis=1))


def test_a_response_named_in_text_that_is_not_utf8_still_has_a_link():
    data = TracesData.FromString(messages(1, spans_per_message=4, seed=2)[0])
    body = data.SerializeToString().replace(b"chatcmpl-", b"chat\xffmpl-")
    decoder = OtlpDecoder(Settings(), PRICES, "acme", Links.RESPONSES)
    assert decoder.decode(body, KeyTable()).columns.links.all()
