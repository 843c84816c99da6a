"""A dead letter is one span with all that stood around it, and says again what it said before."""

from __future__ import annotations

import json
import random

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from connectors.otlp.letters import MAX_FRAMES, Letters
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import Links
from optimizer.settings import Settings
from tests.benchmarks.otlp_load import messages
from tests.connectors.test_otlp_paths import PRICES, SETTINGS, assert_same, request
from tests.otlp_oracle import as_json

ENCODINGS = pytest.mark.parametrize("encode", [bytes, as_json], ids=["protobuf", "json"])
UNKNOWN = b"\xfa\x7f\x03abc"  # a field nobody knows


def decoder(settings: Settings = SETTINGS[2]) -> OtlpDecoder:
    return OtlpDecoder(settings, PRICES, "acme", Links.RESPONSES)


@ENCODINGS
def test_a_letter_gives_the_same_call_or_the_same_refusal_as_its_record(encode):
    reader, table, refused = decoder(), KeyTable(), 0
    for seed in range(60):
        decoded = reader.decode(encode(request(random.Random(seed), 6).SerializeToString()), table)
        columns = decoded.columns
        for row in range(len(columns)):
            again = reader.decode(columns.raw(row), table)
            assert again.counts["spans"] == 1
            assert_same(again.columns, columns.part(row, row + 1))
            assert again.columns.links.tolist() == columns.links[row : row + 1].tolist()
        for refusal in decoded.refused:
            again = reader.decode(refusal.body, table)
            assert again.refused == [refusal]
            assert again.counts == {"spans": 1}
            refused += 1
    assert refused > 5


def test_a_protobuf_letter_keeps_what_nobody_reads():
    data = TracesData.FromString(messages(1, spans_per_message=5, seed=4)[0])
    for number, resource_spans in enumerate(data.resource_spans):
        resource_spans.schema_url = f"resource-{number}"
        resource_spans.resource.dropped_attributes_count = 7
        resource_spans.resource.MergeFromString(UNKNOWN)
        resource_spans.scope_spans[0].schema_url = f"scope-{number}"
        resource_spans.scope_spans[0].MergeFromString(UNKNOWN)
        resource_spans.MergeFromString(UNKNOWN)
    letters, place = Letters(data.SerializeToString()), 0
    for resource_spans in data.resource_spans:
        for span in resource_spans.scope_spans[0].spans:
            expected = TracesData(resource_spans=[resource_spans])
            del expected.resource_spans[0].scope_spans[0].spans[:]
            expected.resource_spans[0].scope_spans[0].spans.append(span)
            letter = TracesData.FromString(letters(place))
            assert letter == expected
            assert letters(place).count(UNKNOWN) == 3
            place += 1
    assert place == 5


def test_a_json_letter_keeps_what_nobody_reads():
    content = json.loads(as_json(messages(1, spans_per_message=5, seed=4)[0]))
    content["resourceSpans"][0] |= {"schemaUrl": "r", "new": [1]}
    content["resourceSpans"][0]["scopeSpans"][0] |= {"schemaUrl": "s", "née\n": {"a": 1.5}}
    letters, place = Letters(json.dumps(content).encode()), 0
    for resource_spans in content["resourceSpans"]:
        (scope_spans,) = resource_spans["scopeSpans"]
        for span in scope_spans.get("spans", ()):
            around = resource_spans | {"scopeSpans": [scope_spans | {"spans": [span]}]}
            assert json.loads(letters(place)) == {"resourceSpans": [around]}
            place += 1
    assert place == 5


@ENCODINGS
def test_what_stands_around_spans_is_repeated_only_so_often(encode):
    spans = 400
    data = TracesData()
    resource_spans = data.resource_spans.add()
    resource_spans.resource.attributes.add(key="host.name").value.string_value = "x" * 50_000
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "litellm" + "y" * 2_000
    for _ in range(spans):
        pair = scope_spans.spans.add().attributes.add(key="gen_ai.operation.name")
        pair.value.string_value = "chat"
    body = encode(data.SerializeToString())
    refused = decoder().decode(body, KeyTable()).refused
    assert [refusal.reason for refusal in refused] == ["bad_ids"] * spans
    size = sum(len(refusal.body) for refusal in refused)
    assert len(body) + MAX_FRAMES - 60_000 < size < 2 * len(body) + MAX_FRAMES + spans * 1_000
    for refusal in (refused[0], refused[-1]):
        (again,) = decoder().decode(refusal.body, KeyTable()).refused
        assert again.reason == "bad_ids"
        assert b"litellm" in refusal.body


def test_a_field_whose_name_is_no_text_is_left_out_of_letters():
    body = as_json(messages(1, spans_per_message=2, seed=4)[0])
    spoiled = body.replace(b'"scopeSpans"', b'"\xff": 1, "scopeSpans"', 1)
    spoiled = spoiled.replace(b'"traceId": "', b'"traceId": "z')
    refused = decoder().decode(spoiled, KeyTable()).refused
    assert [refusal.reason for refusal in refused] == ["bad_ids"] * 2
    for refusal in refused:
        assert decoder().decode(refusal.body, KeyTable()).refused == [refusal]
