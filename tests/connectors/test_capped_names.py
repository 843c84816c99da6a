"""Names beyond the limits: every way a record is read lets in the same ones."""

from __future__ import annotations

import gc
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import connectors.otlp.memory
import connectors.otlp.plans
from connectors.otlp import OtlpDecoder
from optimizer.observe.columns import from_calls
from optimizer.observe.keys import KeyLimits, KeyTable
from optimizer.settings import Settings
from tests.connectors.test_otlp_paths import PRICES, SETTINGS, request
from tests.otlp_oracle import as_json, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 256  # remembered of resources and of scopes in this test
LIMITS = KeyLimits(routes=2, arms=3)


@pytest.mark.parametrize("settings", SETTINGS[:2], ids=["plain", "routes"])
def test_all_readings_pool_the_same_names(settings: Settings) -> None:
    decoders = [(encode, OtlpDecoder(settings, PRICES, "acme")) for encode in (bytes, as_json)]
    tables = [KeyTable(limits=LIMITS) for _ in decoders]
    expected, pooled = KeyTable(limits=LIMITS), 0
    for seed in range(60):
        body = request(random.Random(seed), 12).SerializeToString()
        calls = judge(body, settings, PRICES, "acme").calls
        keys = from_calls(calls, expected).key
        for (encode, decoder), table in zip(decoders, tables, strict=True):
            decoded = decoder.decode(encode(body), table)
            assert decoded.columns.key.tolist() == keys.tolist()
            told_apart = [expected.keys[key] for key in keys]
            asked = [(call.route, call.arm, call.revision, call.cell) for call in calls]
            beyond = sum(one != other for one, other in zip(told_apart, asked, strict=True))
            assert decoded.counts.get("pooled", 0) == beyond
        pooled += beyond
        assert [table.keys for table in tables] == [expected.keys] * 2
    assert pooled > 50


def requests_of(first: int, count: int, size: int) -> Iterator[bytes]:
    """Make requests of one call each, of so many resources and scopes that all differ."""
    for start in range(first, first + count, size):
        data = TracesData()
        for number in range(start, start + size):
            resource_spans = data.resource_spans.add()
            service = resource_spans.resource.attributes.add(key="service.name")
            service.value.string_value = f"service {number}"
            spans = resource_spans.scope_spans.add()
            spans.scope.name = f"library {number}"
            span = spans.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=1)
            span.end_time_unix_nano = 2
            operation = span.attributes.add(key="gen_ai.operation.name")
            operation.value.string_value = "chat"
        yield data.SerializeToString()


@pytest.mark.parametrize("encode", [bytes, as_json], ids=["protobuf", "json"])
def test_what_is_remembered_of_resources_and_scopes_is_bounded(monkeypatch, encode) -> None:
    monkeypatch.setattr(connectors.otlp.memory, "MAX_RESOURCES", MOST)
    monkeypatch.setattr(connectors.otlp.plans, "MAX_SCOPES", MOST)
    decoder, table = OtlpDecoder(Settings(), PRICES, "acme"), KeyTable(limits=LIMITS)

    def kept(first: int) -> int:
        """Decode as many that are new as may be remembered; give the bytes kept since."""
        for body in requests_of(first, MOST, 32):
            decoder.decode(encode(body), table)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = [kept(number * MOST) for number in range(6)]
    finally:
        tracemalloc.stop()
    assert max(held[3:]) < 1.2 * max(held[:3])
    assert len(table) < 10
