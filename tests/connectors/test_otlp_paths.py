"""The fast path, the path of JSON and the official classes agree on every span there can be."""

from __future__ import annotations

import random
import struct

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import connectors.otlp.decoder
import connectors.otlp.memory
from connectors.otlp import OtlpDecoder
from connectors.otlp.any_value import any_value
from connectors.otlp.dialects import DIALECTS
from connectors.prices import TablePrices, per_million
from optimizer.models import Arm, ModelConfig
from optimizer.observe.aliases import (
    ALIASES,
    ASSIGNMENT,
    OPERATIONS,
    PATIENCE,
    PROVIDERS,
    REALS,
    WHOLES,
)
from optimizer.observe.columns import ARRAYS, Columns, from_calls
from optimizer.observe.keys import KeyTable
from optimizer.observe.values import whole
from optimizer.settings import PriceSettings, RouteSettings, Settings
from tests.benchmarks.otlp_load import Load, messages
from tests.otlp_oracle import as_json, judge

END_NS = 1_800_000_000_000_000_000
MODELS = ("gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o-mini", "gpt-4o-mini", "unheard-of", "")
PRICES = TablePrices(
    {
        "gpt-4o": [per_million("2.5", 10, "1.25"), per_million(2, 8, from_ns=END_NS)],
        "gpt-4o-mini": [per_million("0.15", "0.6", "0.075", "0.3")],
    },
    agreed={"gpt-4o-mini"},
)
ROUTE = RouteSettings(
    route="acme/chat/help",
    incumbent=Arm(config=ModelConfig(model="gpt-4o", temperature=0.2), declared=("temperature",)),
    candidates=(
        Arm(config=ModelConfig(model="gpt-4o")),
        Arm(config=ModelConfig(model="gpt-4o-mini"), prompt="short", prompt_version="2"),
        Arm(config=ModelConfig(model="gpt-4o-mini", max_tokens=64), declared=("max_tokens",)),
    ),
    cells=("cell-0", "cell-1"),
)
SETTINGS = [
    Settings(),
    Settings(routes=(ROUTE,)),
    Settings(routes=(ROUTE,), prices=PriceSettings(trust_reported=True)),
]
UNREAD = ("gen_ai.input.messages", "server.address", "x" * 200, "")
TEXTS = (
    "",
    " ",
    "True",
    "false",
    "1200",
    "-5",
    "12.5",
    "1e3",
    "openai.RateLimitError",
    "é\u0000/x",
)
WHOLE = (0, 1, 7, 127, 128, 300, 16_383, 16_384, 2**21, 2**28 - 1, 2**28, 10**9, 10**9 + 1)
EXTREME = (2**31, 2**53, 2**63 - 1, -1, -(2**63))
DOUBLES = (0.0, -0.0, 0.25, 1.5, 1200.0, 1e9, 1e300, -1.0, float("nan"), float("inf"), 5e-324)


ANYTHING = (
    *(AnyValue(int_value=number) for number in WHOLE + EXTREME),
    *(AnyValue(double_value=number) for number in DOUBLES),
    *(AnyValue(string_value=text) for text in (*TEXTS, "x" * 10, "x" * 130, "x" * 5_000)),
    *(AnyValue(bool_value=truth) for truth in (True, False)),
    *(AnyValue(bytes_value=octets) for octets in (b"", b"\x18\x05")),
    AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="stop")])),
    AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")])),
    *(AnyValue() for _ in range(5)),
)
CHOICES = {
    "operation": (*OPERATIONS, "LLM", "invoke_agent", "execute_tool"),
    "call_type": (*OPERATIONS, "unknown", "arerank"),
    "usage": ("{'cached_tokens': 7, 'cache_write_tokens': 300}", '{"cached_tokens": 128}', "{}"),
    "provider": (*PROVIDERS, "openai", ""),
    "route": ("help", "chat/help", "acme/chat/help", "evil/chat/help", "a/b/c/d", "/", "new"),
    "arm": ("arm-1", "arm-2"),
    "cell": ("cell-0", "cell-7"),
    "patience": (8_000, 8_000, 1, 86_400_000, 0, 86_400_001),
    "prompt": ("short", "long"),
    "prompt_version": ("1", "2"),
    "invocation": ('{"model": "gpt-4o", "temperature": 0.2, "stream": true}', "[]", "{", "{}"),
    "error_type": ("openai.RateLimitError", "timeout"),
    **dict.fromkeys(("streamed", "from_cache"), (True, True, False)),
    **dict.fromkeys(("revision", "max_tokens"), (0, 1, 64, 300)),
    **dict.fromkeys(("temperature", "top_p"), (0.2, 0.9)),
    **dict.fromkeys(WHOLES, WHOLE[:9]),
    **dict.fromkeys(REALS, (0.0, 0.5, 1.25)),
}
SLOTS = {name: slot for slot, names in ALIASES.items() for name in names}


def some_value(rng: random.Random, name: str, strange: float) -> AnyValue:
    """Make a value: of the type one would expect, but for a strange share of any."""
    if rng.random() < strange:
        return rng.choice(ANYTHING)
    value = rng.choice(CHOICES.get(SLOTS.get(name, ""), MODELS))
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    return AnyValue(**{kinds[type(value)]: value})


def request(rng: random.Random, spans: int) -> TracesData:
    """Make a request of some resources and scopes, with everything that may go wrong."""
    data = TracesData()
    for _ in range(rng.randint(1, 3)):
        resource_spans = data.resource_spans.add()
        for name in ("service.name", "llm.optimizer.route", "llm.optimizer.arm", *UNREAD):
            if rng.random() < (0.8 if name == "service.name" else 0.1):
                value = AnyValue(string_value=rng.choice(("chat", "a/b", "", "x" * 300)))
                resource_spans.resource.attributes.add(key=name, value=value)
        if rng.random() < 0.1:
            value = some_value(rng, "llm.optimizer.slot", 0.2)
            resource_spans.resource.attributes.add(key="llm.optimizer.slot", value=value)
        for _ in range(rng.randint(0, 2)):
            scope_spans = resource_spans.scope_spans.add()
            names = [dialect.scope for dialect in DIALECTS]
            scope_spans.scope.name = rng.choice([*names, "mine", *["llm-optimizer"] * 3])
            for _ in range(rng.randint(0, spans)):
                span = scope_spans.spans.add()
                some_span(rng, span)
                if rng.random() < 0.3:
                    begin(rng, span)
    return data


def some_span(rng: random.Random, span) -> None:
    """Fill a span: mostly a call, mostly a sound one."""
    span.trace_id = rng.randbytes(16)
    span.span_id = rng.randbytes(8)
    span.end_time_unix_nano = END_NS + rng.randrange(-(10**9), 10**9)
    span.start_time_unix_nano = span.end_time_unix_nano - rng.randrange(5 * 10**9)
    span.status.code = rng.choice((0, 0, 1, 2))
    span.status.message = rng.choice(("", "went wrong"))
    if rng.random() < 0.5:
        span.name, span.kind = "chat gpt-4o", 3
    if rng.random() < 0.3:
        for name in ("exception", "First Token Stream Event", "gen_ai.content.completion.chunk"):
            event = span.events.add(name=name)
            event.time_unix_nano = rng.choice((0, span.start_time_unix_nano + 5, 2**63))
            event.attributes.add(key="exception.type", value=AnyValue(string_value="a.b.TimeOut"))
    names = [name for aliases in ALIASES.values() for name in aliases[: rng.randint(0, 3)]]
    rng.shuffle(names)
    likely, strange = rng.choice((0.3, 0.9)), rng.choice((0, 0, 0.02, 0.1))
    for name in [*names, *UNREAD]:
        for _ in range(2 if rng.random() < 0.03 else 1):  # a key may stand twice
            if rng.random() < likely or name == ALIASES["operation"][0]:
                span.attributes.add(key=name, value=some_value(rng, name, strange))
    if rng.random() < 0.1:
        spoil(rng, span)


def begin(rng: random.Random, span) -> None:
    """Let a span tell of a call when it starts: mostly of one that it names."""
    span.name = ASSIGNMENT
    span.parent_span_id = rng.randbytes(8)
    if rng.random() < 0.1:
        span.parent_span_id = bytes(rng.choice((0, 8) if rng.random() < 0.9 else (7, 9)))
    for name, likely in ((PATIENCE, 0.9), ("llm.optimizer.route", 0.7), ("llm.optimizer.arm", 0.7)):
        if rng.random() < likely:
            span.attributes.add(key=name, value=some_value(rng, name, 0.05))


def spoil(rng: random.Random, span) -> None:
    match rng.randrange(7):
        case 0:
            # One id of a wrong length sends all spans of its request down the slow path.
            lengths = (0, 15, 17) if rng.random() < 0.1 else (16,)
            span.trace_id = bytes(rng.choice(lengths))
        case 1:
            span.span_id = bytes(rng.choice((0, 9) if rng.random() < 0.1 else (8,)))
        case 2:
            span.start_time_unix_nano = span.end_time_unix_nano + rng.choice((1, 10**12))
        case 3:
            span.end_time_unix_nano = rng.choice((0, 2**62, 2**62 + 1, 2**64 - 1))
        case 4:
            span.start_time_unix_nano = 0
        case 5:
            span.start_time_unix_nano -= 86_400 * 10**9
        case _:
            span.ClearField("attributes")


def assert_same(found: Columns, expected: Columns) -> None:
    for name in ARRAYS:
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype, name
        assert one.tolist() == other.tolist(), name


@pytest.mark.parametrize("settings", SETTINGS, ids=["plain", "routes", "trusting"])
@pytest.mark.parametrize("block", range(6))
def test_all_readings_agree_on_random_requests(settings, block):
    decoder, table = OtlpDecoder(settings, PRICES, "acme"), KeyTable()
    seen = refused = begun = 0
    for seed in range(block * 40, block * 40 + 40):
        body = request(random.Random(seed), 12).SerializeToString()
        verdict = judge(body, settings, PRICES, "acme")
        for encoded in (body, as_json(body)):
            decoded = decoder.decode(encoded, table)
            assert_same(decoded.columns, from_calls(verdict.calls, table))
            assert [refusal.reason for refusal in decoded.refused] == verdict.reasons, seed
            assert decoded.counts.get("other_spans", 0) == verdict.others
            assert decoded.counts.get("calls", 0) == len(verdict.calls)
            assert decoded.counts.get("assignments", 0) == len(verdict.assigned)
            if verdict.assigned:
                assert_same(decoded.assigned, from_calls(verdict.assigned, table))
        begun += len(verdict.assigned)
        seen += len(verdict.calls)
        refused += len(verdict.reasons)
    assert seen > 200
    assert refused >= 10
    assert begun >= 5


@pytest.mark.parametrize("stamped", [True, False])
def test_all_readings_agree_on_the_load_of_the_benchmarks(stamped):
    decoder, table = OtlpDecoder(SETTINGS[1], PRICES, "acme"), KeyTable()
    for body in messages(3, spans_per_message=200, load=Load(stamped=stamped, errors=0.2)):
        verdict = judge(body, SETTINGS[1], PRICES, "acme")
        assert len(verdict.calls) == 200
        for encoded in (body, as_json(body)):
            assert_same(decoder.decode(encoded, table).columns, from_calls(verdict.calls, table))


def test_nothing_that_is_remembered_changes_what_is_read(monkeypatch):
    bodies = [request(random.Random(seed), 12).SerializeToString() for seed in range(60)]
    remembering, table = OtlpDecoder(SETTINGS[1], PRICES, "acme"), KeyTable()
    expected = [remembering.decode(body, table) for body in bodies]
    monkeypatch.setattr(connectors.otlp.memory, "MAX_SIGNATURES", 5)
    forgetful = OtlpDecoder(SETTINGS[1], PRICES, "acme")
    order = list(range(60))
    random.Random(1).shuffle(order)
    for number in order:
        assert_same(forgetful.decode(bodies[number], table).columns, expected[number].columns)
    other = KeyTable()
    for number in order[:20]:
        columns = remembering.decode(bodies[number], other).columns
        keys = [other.keys[code] for code in columns.key]
        assert keys == [table.keys[code] for code in expected[number].columns.key]


@pytest.mark.parametrize("encode", [bytes, as_json], ids=["protobuf", "json"])
@pytest.mark.parametrize("length", [20, 3_000], ids=["short", "long"])
def test_what_is_remembered_is_bounded_whatever_names_come_in(monkeypatch, encode, length):
    made = []

    class Watched(connectors.otlp.memory.Memory):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(connectors.otlp.decoder, "Memory", Watched)
    monkeypatch.setattr(connectors.otlp.memory, "MAX_SIGNATURES", 50)
    decoder, table = OtlpDecoder(Settings(), PRICES, "acme"), KeyTable()
    most = 0
    for number in range(40):
        data = TracesData()
        spans = data.resource_spans.add().scope_spans.add().spans
        for place in range(5):
            span = spans.add(trace_id=b"t" * 16, span_id=bytes([number + 1, place]) * 4)
            span.start_time_unix_nano, span.end_time_unix_nano = END_NS, END_NS
            model = AnyValue(string_value=f"{number}-{place}-{'x' * length}")
            span.attributes.add(key="gen_ai.operation.name", value=AnyValue(string_value="chat"))
            span.attributes.add(key="gen_ai.request.model", value=model)
        assert decoder.decode(encode(data.SerializeToString()), table).counts["calls"] == 5
        known = [(len(memory.kinds.kinds), memory.kinds.signatures) for memory in made]
        most = max(most, *map(max, known))
    assert 50 <= most < 60


def test_resources_that_differ_only_in_type_are_two():
    (body,) = messages(1, spans_per_message=8, load=Load(stamped=False))
    decoder, table = OtlpDecoder(Settings(), PRICES, "acme"), KeyTable()
    for value, slot in ((AnyValue(bool_value=True), -1), (AnyValue(int_value=1), 1)):
        data = TracesData.FromString(body)
        for resource_spans in data.resource_spans:
            resource_spans.resource.attributes.add(key="llm.optimizer.slot", value=value)
        assert set(decoder.decode(data.SerializeToString(), table).columns.slot) == {slot}


def test_unknown_fields_and_repeated_messages_change_nothing():
    rng = random.Random(11)
    body = b"".join(request(rng, 12).SerializeToString() for _ in range(5))
    decoder, table = OtlpDecoder(Settings(), PRICES, "acme"), KeyTable()
    expected = decoder.decode(body, table).columns
    assert len(expected) > 3
    assert_same(decoder.decode(body + b"\xfa\x7f\x03abc", table).columns, expected)
    twice = decoder.decode(body + body, table).columns
    assert twice.call_id.tolist() == expected.call_id.tolist() * 2


def test_text_that_is_not_utf8_spoils_only_itself():
    (body,) = messages(1, spans_per_message=8)
    decoder, table = OtlpDecoder(Settings(), PRICES, "acme"), KeyTable()
    expected = decoder.decode(body, table).columns
    for word in (b"conversation-", b"service-", b"route-", b"gen_ai.conversation.id"):
        assert word in body
        spoiled = decoder.decode(body.replace(word, b"\xff\xfe" + word[2:]), table).columns
        assert spoiled.call_id.tolist() == expected.call_id.tolist()
        assert spoiled.cost_nusd.tolist() == expected.cost_nusd.tolist()
    assert all(letter.isprintable() for key in table.keys for letter in "".join(map(str, key)))


@pytest.mark.parametrize(
    "value",
    [
        *(AnyValue(int_value=number) for number in (*WHOLE, *EXTREME)),
        *(AnyValue(double_value=number) for number in DOUBLES),
        *(AnyValue(string_value=text) for text in TEXTS),
        AnyValue(bool_value=True),
        AnyValue(bool_value=False),
        AnyValue(bytes_value=b"x"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])),
        AnyValue(kvlist_value=KeyValueList()),
        AnyValue(),
    ],
)
def test_a_scalar_is_read_as_the_official_classes_read_it(value):
    kind = value.WhichOneof("value")
    scalar = kind in {"string_value", "bool_value", "int_value", "double_value"}
    expected = getattr(value, kind) if scalar else None
    found = any_value(value.SerializeToString())
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384])
def test_a_text_of_any_length_is_read_whatever_stands_behind_it(length):
    text = "x" * length
    raw = AnyValue(string_value=text).SerializeToString()
    assert any_value(raw) == text
    assert any_value(raw + b"\x18\x05") == 5
    assert any_value(raw + b"\x40\x01") == text
    assert any_value(raw[:-1]) == (text[:-1] if text else "")


def test_of_several_values_in_one_the_last_counts():
    text, number = AnyValue(string_value="a"), AnyValue(int_value=3)
    both = text.SerializeToString() + number.SerializeToString()
    assert any_value(both) == AnyValue.FromString(both).int_value == 3
    assert any_value(both + b"\x40\x01" + text.SerializeToString()) == "a"  # after an unknown one
    assert any_value(both + AnyValue(bytes_value=b"").SerializeToString()) is None


SCOPE = "opentelemetry.instrumentation.genai.openai"


IDS = 3 + 16 + 3 + 8  # bytes of the ids of a raw span


def raw_request(*spans: bytes) -> bytes:
    """Make a request of spans that no encoder would write."""
    scope = block(0x0A, block(0x0A, SCOPE.encode()))
    return block(0x0A, block(0x12, scope + b"".join(block(0x12, span) for span in spans)))


def block(tag: int, content: bytes) -> bytes:
    length = len(content)
    return bytes((tag, length & 0x7F | 0x80, length >> 7)) + content


def raw_span(
    trace_id: bytes = b"t" * 16,
    span_id: bytes = b"s" * 8,
    start_ns: int = END_NS - 1,
    end_ns: int = END_NS,
    status: bytes = b"",
    **values: bytes,
) -> bytes:
    """Make a call's span of undecoded values: of output tokens, and of others by their slots."""
    usual = {"operation": b"\x0a\x04chat", "tokens_in": b"\x18\x05", "tokens_out": b"\x18\x05"}
    pairs = ((ALIASES[slot][0].encode(), raw) for slot, raw in (usual | values).items())
    return (
        block(0x0A, trace_id)
        + block(0x12, span_id)
        + struct.pack("<BQBQ", 0x39, start_ns, 0x41, end_ns)
        + b"".join(block(0x4A, block(0x0A, key) + block(0x12, raw)) for key, raw in pairs)
        + (block(0x7A, status) if status else b"")
    )


def decode(*spans: bytes):
    return OtlpDecoder(Settings(), PRICES, "acme").decode(raw_request(*spans), KeyTable())


@pytest.mark.parametrize(
    ("raw", "tokens"),
    [
        (b"\x18\x05", 5),
        (b"\x18\x85\x00", 5),  # a longer way to write it
        (b"\x18\x80\x80\x80\x80\x00", 0),
        (b"\x18\xff\xff\xff\x7f", 2**28 - 1),
        (b"\x18\x80\x80\x80\x80\x01", 2**28),
        (b"\x18\x05\x18\x09", 9),  # of several the last counts
        (b"\x18\x85\x05\x18\x09", 9),
        (b"\x18\x85\x85\x05\x18\x09", 9),
        (b"\x18\x85\x85\x85\x05\x18\x09", 9),
        (b"\x18\x05\x0a\x017", 7),
        (b"\x18\x05\x2a\x00", -1),
        (b"\x40\x01\x18\x05", 5),  # after a field nobody knows
        (b"\x18\x05\x00\x18\x09", 5),  # damaged: read as far as it goes
        (b"\x18\x05\x00\x00\x00\x00\x00\x00\x18\x09", 5),
        (b"\x18", 0),
        (b"\x18\x85", 5),
        (b"\x00\x18\x05", -1),
        (b"\x21" + struct.pack("<d", 5), 5),
        (b"\x10\x01", -1),
        (b"", -1),
    ],
)
def test_whole_numbers_written_in_any_way_are_read_as_one_by_one(raw, tokens):
    found = any_value(raw)
    assert (whole(found) if whole(found) is not None else -1) == tokens
    assert decode(raw_span(tokens_out=raw)).columns.tokens_out.tolist() == [tokens]


@pytest.mark.parametrize(
    ("raw", "ttft_ns"),
    [
        (struct.pack("<Bd", 0x21, 0.5), 500_000_000),
        (struct.pack("<Bd", 0x21, 0), 0),
        (struct.pack("<BdBd", 0x21, 0.5, 0x21, 0.25), 250_000_000),
        (struct.pack("<Bd", 0x21, 0.5) + b"\x18\x02", 2_000_000_000),
        (struct.pack("<Bd", 0x21, 0.5) + b"\x00\x18\x02", 500_000_000),
        (struct.pack("<Bd", 0x21, 86_400), 86_400 * 10**9),
        (b"\x18\x02", 2_000_000_000),
        (b"\x0a\x030.5", 500_000_000),
        (b"\x21\x00\x01", 0),
        (b"", -1),
    ],
)
def test_doubles_written_in_any_way_are_read_as_one_by_one(raw, ttft_ns):
    found = decode(raw_span(streamed=b"\x10\x01", ttft=raw))
    assert found.columns.ttft_ns.tolist() == [ttft_ns]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([{"trace_id": b"t" * 15}, {"trace_id": b"t" * 17}], "bad_ids"),
        ([{"span_id": b"s" * 7}, {"span_id": b"s" * 9}], "bad_ids"),
        ([{"start_ns": 2**62 + 1, "end_ns": 2**62 + 2}], "absurd_time"),
        ([{"start_ns": 2**63, "end_ns": 2**63}], "absurd_time"),
        ([{"start_ns": 0, "end_ns": 1}], "absurd_time"),
        ([{"status": b"\x18"}], "not_protobuf"),
    ],
)
def test_spans_that_spoil_the_columns_are_refused_alone(bad, reason):
    found = decode(raw_span(), *(raw_span(**facts) for facts in bad), raw_span())
    assert found.columns.latency_ns.tolist() == [1, 1]
    assert [refusal.reason for refusal in found.refused] == [reason] * len(bad)


def test_a_start_told_twice_is_not_taken_for_an_end():
    start = struct.pack("<BQ", 0x39, END_NS - 7)
    ids, attributes = raw_span()[:IDS], raw_span()[IDS + 2 * len(start) :]
    spans = [ids + start + start + attributes] * 2
    assert [refusal.reason for refusal in decode(*spans).refused] == ["absurd_time"] * 2


def test_ids_and_times_told_twice_count_as_told_last():
    late = struct.pack("<BQ", 0x39, END_NS - 7)
    found = decode(raw_span() + late, raw_span(span_id=b"u" * 8))
    assert found.columns.latency_ns.tolist() == [7, 1]
