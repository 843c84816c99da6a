"""Whatever comes, the decoder reads it or says why it cannot; nothing else ever escapes."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from connectors.otlp.any_value import any_value
from connectors.prices import TablePrices, per_million
from optimizer.errors import DecodeFailed
from optimizer.observe.keys import KeyTable
from optimizer.settings import Settings
from tests.benchmarks.otlp_load import messages
from tests.otlp_oracle import as_json

PRICES = TablePrices({"gpt-4o": [per_million("2.5", 10)]})
(SMALL,) = messages(1, spans_per_message=5, seed=4)


def decoder() -> OtlpDecoder:
    return OtlpDecoder(Settings(), PRICES, "acme")


def attempt(reader: OtlpDecoder, body: bytes, table: KeyTable) -> str:
    """Give why a body cannot be read; empty when it can."""
    try:
        decoded = reader.decode(body, table)
    except DecodeFailed as failed:
        return failed.reason
    assert all(refusal.reason and refusal.detail for refusal in decoded.refused)
    assert decoded.counts.get("spans", 0) >= len(decoded.columns) + len(decoded.refused)
    return ""


@pytest.mark.parametrize("body", [SMALL, as_json(SMALL)], ids=["protobuf", "json"])
def test_a_body_cut_anywhere_is_read_or_refused(body):
    reader, table = decoder(), KeyTable()
    reasons = {attempt(reader, body[:length], table) for length in range(len(body))}
    assert reasons <= {"", "not_protobuf", "not_otlp_json"}
    assert len(reasons) == 2
    for length in range(len(body)):
        attempt(reader, b"\x0a" + body[length:], table)


@pytest.mark.parametrize("body", [SMALL, as_json(SMALL)], ids=["protobuf", "json"])
@pytest.mark.parametrize("seed", range(5))
def test_a_body_changed_anywhere_is_read_or_refused(body, seed):
    rng, reader, table = random.Random(seed), decoder(), KeyTable()
    read = 0
    for _ in range(400):
        changed = bytearray(body)
        for _ in range(rng.choice((1, 1, 2, 20))):
            place = rng.randrange(len(changed))
            match rng.randrange(3):
                case 0:
                    changed[place] = rng.randrange(256)
                case 1:
                    del changed[place : place + rng.randrange(1, 40)]
                case _:
                    changed[place:place] = rng.randbytes(rng.randrange(1, 9))
        read += not attempt(reader, bytes(changed), table)
    assert 0 < read < 400


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    reader, table = decoder(), KeyTable()
    for start in (b"", b"\x0a", b"{"):
        attempt(reader, start + body, table)
    any_value(body)


NAMES = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resource",
    "attributes",
    "key",
    "value",
    "scope",
    "name",
    "code",
    "status",
    "events",
    "stringValue",
    "intValue",
    "doubleValue",
    "boolValue",
    "traceId",
    "spanId",
    "startTimeUnixNano",
    "endTimeUnixNano",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from(["resourceSpans", "scopeSpans", "spans", "attributes"]))
def test_any_json_is_read_or_refused(inner, level):
    content = inner
    for name in ("attributes", "spans", "scopeSpans", "resourceSpans"):
        if name <= level:
            content = {name: [content]}
    attempt(decoder(), json.dumps({"resourceSpans": content}).encode(), KeyTable())
    attempt(decoder(), json.dumps({"resourceSpans": [content]}).encode(), KeyTable())


def nested(start: str, end: str) -> str:
    return start * 100_000 + end * 100_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", ""),
        (b"{}", ""),
        (b'{"resourceSpans": null}', ""),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}', ""),
        (b"[]", "not_otlp"),
        (b"\x1f\x8b\x08", "not_otlp"),
        (b"hello", "not_otlp"),
        (b"{", "not_otlp_json"),
        (b'{"resourceSpans": 5}', "not_otlp_json"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [5', "not_otlp_json"),
        (b'{"a": "\xff"}', ""),
        (b'{"resourceSpans": [{"scopeSpans": [{"scope": {"name": "\xff"}}]}]}', "not_otlp_json"),
        (f'{{"a": {nested("[", "]")}}}'.encode(), "not_otlp_json"),
        (b"{" + b'"a": {' * 100_000, "not_otlp_json"),
        (b"\x0a\xff\xff\xff\xff\x7f", "not_protobuf"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "not_protobuf"),
        (b"\x0a\x02\x0a\x05", "not_protobuf"),
        (b"\x0a\x04\x0a\x02\x0a\x05", "not_protobuf"),
    ],
)
def test_a_body_that_is_no_request_says_so(body, reason):
    assert attempt(decoder(), body, KeyTable()) == reason


def test_one_span_that_cannot_be_read_leaves_the_others():
    content = json.loads(as_json(SMALL))
    spans = [
        span
        for resource_spans in content["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans.get("spans", ())
    ]
    deep = json.loads('{"arrayValue": ' * 200 + "{}" + "}" * 200)
    spans[0]["attributes"].append({"key": "gen_ai.input.messages", "value": deep})
    spans[1]["attributes"].append({"key": "error.type", "value": {"stringValue": [[]]}})
    spans[2]["startTimeUnixNano"] = "soon"
    spans[3]["attributes"] = "none"
    spans[4]["traceId"] = "zz" * 16
    decoded = decoder().decode(json.dumps(content).encode(), KeyTable())
    assert decoded.counts["calls"] == 2
    assert [(refusal.reason, b"soon" in refusal.body) for refusal in decoded.refused] == [
        ("absurd_time", True),
        ("not_otlp_json", False),
        ("bad_ids", False),
    ]


@pytest.mark.parametrize(("levels", "reason"), [(900, ""), (100_000, "not_otlp_json")])
def test_content_may_be_nested_but_not_without_end(levels, reason):
    before, after = as_json(SMALL).split(b'"stringValue": "api.openai.com"', 1)
    body = before + b'"arrayValue": ' + b"[" * levels + b"]" * levels + after
    assert attempt(decoder(), body, KeyTable()) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda span: setattr(span, "trace_id", b"short"), "bad_ids"),
        (lambda span: setattr(span, "trace_id", bytes(16)), "bad_ids"),
        (lambda span: setattr(span, "span_id", b""), "bad_ids"),
        (lambda span: setattr(span, "end_time_unix_nano", 5), "ends_before_start"),
        (lambda span: setattr(span, "end_time_unix_nano", 0), "absurd_time"),
        (lambda span: setattr(span, "end_time_unix_nano", 2**63), "absurd_time"),
        (lambda span: setattr(span, "start_time_unix_nano", 5), "absurd_time"),
        (lambda span: told(span, "gen_ai.usage.input_tokens", -1), "absurd_tokens"),
        (lambda span: told(span, "gen_ai.usage.output_tokens", 2**53 + 1), "absurd_tokens"),
        (lambda span: told(span, "gen_ai.usage.cache_read.input_tokens", 2**40), "absurd_tokens"),
        (lambda span: told(span, "gen_ai.response.time_to_first_chunk", -0.5), "absurd_ttft"),
        (lambda span: told(span, "gen_ai.response.time_to_first_chunk", 1e300), "absurd_ttft"),
        (lambda span: told(span, "gen_ai.response.time_to_first_chunk", 86_401), "absurd_ttft"),
    ],
)
def test_a_call_that_cannot_be_is_refused_alone_with_its_own_bytes(change, reason):
    data = TracesData.FromString(SMALL)
    span = data.resource_spans[0].scope_spans[0].spans[0]
    told(span, "gen_ai.request.stream", 1)
    change(span)
    for body in (data.SerializeToString(), as_json(data.SerializeToString())):
        decoded = decoder().decode(body, KeyTable())
        assert decoded.counts["calls"] == 4
        (refusal,) = decoded.refused
        assert refusal.reason == reason
        assert reason not in refusal.detail
        (again,) = decoder().decode(refusal.body, KeyTable()).refused
        assert (again.reason, again.detail) == (reason, refusal.detail)


def told(span, key: str, value: float) -> None:
    """Add an attribute; it stands after any other of that key, so it counts."""
    pair = span.attributes.add(key=key)
    if isinstance(value, int):
        pair.value.int_value = value
    else:
        pair.value.double_value = value


def test_other_spans_may_be_as_odd_as_they_like():
    data = TracesData.FromString(SMALL)
    span = data.resource_spans[0].scope_spans[0].spans[0]
    span.ClearField("attributes")
    span.trace_id = b""
    for body in (data.SerializeToString(), as_json(data.SerializeToString())):
        decoded = decoder().decode(body, KeyTable())
        assert decoded.counts == decoded.counts | {"spans": 5, "calls": 4, "other_spans": 1}
        assert not decoded.refused


def test_a_whole_number_in_json_may_have_any_number_of_digits():
    text = as_json(SMALL).decode().replace('"intValue": "', '"intValue": "9' + "9" * 5_000)
    decoded = decoder().decode(text.encode(), KeyTable())
    assert decoded.counts["calls"] == 5  # not a number that can be meant, so it is not told
    text = text.replace('"intValue": "9', '"intValue": 9').replace('", "x', ", x")
    assert attempt(decoder(), text.encode(), KeyTable()) == "not_otlp_json"


def test_names_are_short_and_printable():
    data = TracesData.FromString(SMALL)
    for resource_spans in data.resource_spans:
        resource_spans.resource.attributes[0].value.string_value = "a\nb\x00c/d\u202e" + "e" * 500
        for span in resource_spans.scope_spans[0].spans:
            for pair in span.attributes:
                if pair.key.startswith("llm.optimizer") and pair.value.string_value:
                    pair.value.string_value = "x\r" * 300
    table = KeyTable()
    decoder().decode(data.SerializeToString(), table)
    for key in table.keys:
        assert key.route.count("/") == 2
        assert all(len(part) <= 128 for part in key.route.split("/"))
        assert key.route.isprintable()
        assert key.arm.isprintable()
        assert len(key.arm) <= 128


def test_the_decoder_does_not_wake_what_it_does_not_need():
    script = (
        "import sys, connectors.otlp, connectors.prices\n"
        "print(sorted({'genai_prices', 'scipy', 'pyarrow', 'httpx2'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
