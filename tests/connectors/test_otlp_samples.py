"""What real producers send, each read as what it means."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from connectors.otlp import OtlpDecoder
from connectors.otlp.dialects import DIALECTS, dialect_of
from connectors.prices import TablePrices, per_million
from optimizer.observe.aliases import ALIASES, PARAMETERS, WHOLES
from optimizer.observe.columns import ARRAYS, ERROR, STREAMED
from optimizer.observe.identify import Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.settings import PriceSettings, Settings
from tests.otlp_oracle import spans_of
from tests.samples.expected import DATED, EXPECTED, PRICES, SAMPLES, Expected, bodies


def normalizer(settings: Settings) -> Normalizer:
    identities = Identities(settings.routes, "acme")
    trust = settings.prices.trust_reported
    return Normalizer(identities, PriceTable(PRICES), trust_reported=trust)


def test_every_sample_is_expected_to_say_something():
    files = {path.name.partition(".traces.")[0] for path in SAMPLES.glob("*.traces.*")}
    files |= {path.stem for path in SAMPLES.glob("litellm_proxy*.json")}
    assert files == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_every_call_of_a_sample_is_read_as_what_it_is(name):
    reader = normalizer(Settings())
    spans = list(spans_of(bodies(name)[0]))
    readings = [reader.read(span) for span in spans]
    calls = [reader.normalize(span) for span in spans]
    found = [
        Expected(
            reading.kind.operation,
            call.model,
            call.tokens_in,
            call.tokens_out,
            call.tokens_cached,
            call.cost_nusd,
            call.error_type,
            call.streamed,
            call.ttft_ns >= 0,
            call.provider,
        )
        for reading, call in zip(readings, calls, strict=True)
        if reading
    ]
    assert found == EXPECTED[name].calls
    assert readings.count(None) == EXPECTED[name].others
    assert [call.failed for call in calls if call] == [bool(call.error) for call in found]
    route = f"acme/{EXPECTED[name].service}/default"
    assert {call.route for call in calls if call} == {route}


@pytest.mark.parametrize("name", EXPECTED)
def test_both_encodings_of_a_sample_give_these_columns(name):
    table = KeyTable()
    service, others, calls = EXPECTED[name]
    for body in bodies(name):
        decoded = OtlpDecoder(Settings(), PRICES, "acme").decode(body, table)
        columns = decoded.columns
        rows = [
            (
                int(columns.tokens_in[row]),
                int(columns.tokens_out[row]),
                int(columns.tokens_cached[row]),
                int(columns.cost_nusd[row]),
                bool(columns.flags[row] & ERROR),
                bool(columns.flags[row] & STREAMED),
                bool(columns.ttft_ns[row] >= 0),
            )
            for row in range(len(columns))
        ]
        assert rows == [(*call[2:6], bool(call.error), *call[7:9]) for call in calls]
        assert not decoded.refused
        counts = {"spans": len(calls) + others, "calls": len(calls), "other_spans": others}
        unpriced = Counter(f"unpriced:{call.model}" for call in calls if call.cost_nusd < 0)
        counts |= {"unpriced": unpriced.total(), **unpriced}
        counts |= {"told_by:litellm": len(calls) if name.startswith("litellm") else 0}
        assert decoded.counts == {name: count for name, count in counts.items() if count}
        assert {table.keys[key].route for key in columns.key} == {f"acme/{service}/default"}


@pytest.mark.parametrize("name", EXPECTED)
def test_pb_and_json_give_the_same_bytes_in_every_column(name):
    table = KeyTable()
    one, other = (
        OtlpDecoder(Settings(), PRICES, "acme").decode(body, table).columns for body in bodies(name)
    )
    for array in ARRAYS:
        assert getattr(one, array).tobytes() == getattr(other, array).tobytes(), array


def texts_of(body: bytes) -> set[str]:
    """Give every text of a request that stands in no attribute that is read, nor in a part."""
    read, unread = set(), set()
    for resource_spans in TracesData.FromString(body).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            names = dialect_of(scope_spans.scope.name).names | {"exception.type"}
            for span in scope_spans.spans:
                events = (pair for event in span.events for pair in event.attributes)
                for pair in [*span.attributes, *events]:
                    texts = re.findall(r"[^\"'{}\[\]\\,:]{6,}", str(pair.value))
                    (read if pair.key in names else unread).update(texts)
    return {text for text in unread if not any(text in kept for kept in read)}


@pytest.mark.parametrize("name", EXPECTED)
def test_content_never_survives(name):
    body, text = bodies(name)
    table = KeyTable()
    decoder = OtlpDecoder(Settings(), PRICES, "acme")
    decoded = [decoder.decode(one, table) for one in (body, text)]
    reader = normalizer(Settings())
    kept = repr(
        [
            [
                [getattr(one.columns, array).tolist() for array in ARRAYS],
                one.refused,
                one.counts,
            ]
            for one in decoded
        ]
        + [table.keys, [reader.normalize(span) for span in spans_of(body)]]
    )
    texts = texts_of(body)
    assert len(texts) > 3
    assert not {text for text in texts if text in kept} - {"default"}  # a part of every route
    for words in ("weather bot", "Paris", "hello", "from sta", "will fail", "sk-"):
        assert words not in kept


@pytest.mark.parametrize("name", EXPECTED)
def test_no_dialect_misses_what_its_producer_writes(name):
    known = {alias for aliases in ALIASES.values() for alias in aliases}
    for resource_spans in TracesData.FromString(bodies(name)[0]).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            written = {pair.key for span in scope_spans.spans for pair in span.attributes}
            assert written & known <= dialect_of(scope_spans.scope.name).names


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.scope or "any other")
def test_every_dialect_reads_the_conventions_in_force(dialect):
    conventions = {
        "gen_ai.provider.name",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        *(names[0] for slot, names in ALIASES.items() if slot in {*PARAMETERS, *WHOLES}),
        *(f"llm.optimizer.{stamp}" for stamp in ("route", "arm", "cell", "revision", "slot")),
    }
    assert conventions <= dialect.names
    assert dialect_of(f"{dialect.scope}x") is dialect


def test_a_trusted_producer_tells_the_cost_unless_the_operator_set_the_price():
    body = bodies("litellm_1.106.2")[0]
    trusting = Settings(prices=PriceSettings(trust_reported=True))
    reported = OtlpDecoder(trusting, PRICES, "acme").decode(body, KeyTable()).columns.cost_nusd
    assert reported.tolist() == [117_600, 117_600, 117_600, 0, 100]
    agreed = TablePrices(
        {"gpt-4o-mini": [per_million(1, 1)], "text-embedding-3-small": [per_million(1)]},
        agreed={"gpt-4o-mini"},
    )
    mixed = OtlpDecoder(trusting, agreed, "acme").decode(body, KeyTable()).columns.cost_nusd
    assert mixed.tolist() == [1_224_000, 1_224_000, 1_224_000, 0, 100]


def test_a_model_without_a_price_has_no_cost_and_is_counted():
    body = bodies("otel_genai_openai_1.3b0_default")[0]
    decoded = OtlpDecoder(Settings(), TablePrices({}), "acme").decode(body, KeyTable())
    assert decoded.columns.cost_nusd.tolist() == [-1, -1, -1, 0, -1, -1]
    assert decoded.counts == {
        "spans": 6,
        "calls": 6,
        "unpriced": 5,
        f"unpriced:{DATED}": 3,
        "unpriced:text-embedding-3-small": 1,
        "unpriced:gpt-4.1-mini-2025-04-14": 1,
    }
