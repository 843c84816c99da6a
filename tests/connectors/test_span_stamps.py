"""Spans that an instrumentation begins are stamped as the one they begin in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagType
from openfeature.hook import HookContext
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connectors.documents.choices import stamps_of
from connectors.openfeature import Stamping
from connectors.otlp import OtlpDecoder
from connectors.prices import TablePrices
from connectors.span_stamps import StampProcessor
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyTable
from optimizer.observe.stamps import StampReader
from optimizer.settings import Settings, StampCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "the key of all stamps"
SHOP = stamps_of("acme/shop/answer", "small-1", revision=7, slot=3, key=KEY)
OTHER = stamps_of("acme/shop/sum", "large-2", key=KEY)
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


class Tracing:
    """Makes spans as an application does, and keeps those that ended."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(StampProcessor())
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self._tracer = provider.get_tracer("shop")

    def span(self, name: str, given: Mapping[str, Any] | None = None) -> Any:
        return self._tracer.start_as_current_span(name, attributes=dict(given or {}))

    def ended(self) -> tuple[ReadableSpan, ...]:
        return self._kept.get_finished_spans()

    def attributes(self) -> dict[str, Mapping[str, Any]]:
        return {span.name: dict(span.attributes or {}) for span in self.ended()}


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


def test_all_that_begins_within_a_stamped_span_is_stamped(tracing: Tracing) -> None:
    with tracing.span("answer", {**SHOP, "user.id": "ada"}):
        with tracing.span("chat", CALL), tracing.span("POST"):
            pass
        with tracing.span("embeddings"):
            pass
    with tracing.span("later"):
        pass
    found = tracing.attributes()
    assert found["chat"] == {**SHOP, **CALL}
    assert found["POST"] == found["embeddings"] == dict(SHOP)
    assert found["later"] == {}


def test_a_span_is_stamped_by_what_is_written_on_the_outer_one_before_it_begins(
    tracing: Tracing,
) -> None:
    with tracing.span("answer"):
        with tracing.span("before"):
            trace.get_current_span().set_attribute("a", 1)
        trace.get_current_span().set_attributes(dict(SHOP))
        with tracing.span("after"):
            pass
    assert tracing.attributes()["before"] == {"a": 1}
    assert tracing.attributes()["after"] == dict(SHOP)


def test_a_span_keeps_the_stamp_it_begins_with_and_hands_it_on(tracing: Tracing) -> None:
    with tracing.span("answer", SHOP), tracing.span("sum", OTHER), tracing.span("chat"):
        pass
    assert tracing.attributes()["chat"] == tracing.attributes()["sum"] == dict(OTHER)


def test_a_span_of_another_process_hands_nothing_on(tracing: Tracing) -> None:
    remote = trace.SpanContext(1, 1, is_remote=True, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(remote)), tracing.span("chat"):
        pass
    assert tracing.attributes() == {"chat": {}}


def an_evaluation(route: str) -> FlagEvaluationDetails[Any]:
    """Give what an evaluation of a flag tells that knows no revision, as after a lease."""
    told = {"form": 1, "revision": 0, "decision_id": "d"}
    return FlagEvaluationDetails(route, {}, variant="large-2", flag_metadata=told)


def test_a_flag_evaluated_within_a_stamped_span_leaves_nothing_of_that_stamp(
    tracing: Tracing,
) -> None:
    asked = HookContext("acme/shop/sum", FlagType.OBJECT, {}, EvaluationContext("someone"))
    hook = Stamping(KEY)
    with tracing.span("answer", SHOP), tracing.span("chat", CALL):
        hook.finally_after(asked, an_evaluation("acme/shop/sum"), {})
    claims = Claims(stamps=StampReader(StampCheck.REQUIRED, KEY))
    decoder, table = OtlpDecoder(Settings(), TablePrices({}), "acme", claims=claims), KeyTable()
    columns = decoder.decode(encode_spans(tracing.ended()).SerializeToString(), table).columns
    (code,), (slot,) = columns.key.tolist(), columns.slot.tolist()
    name = table.keys[code]
    assert (name.route, name.arm, name.revision, slot) == ("acme/shop/sum", "large-2", 0, -1)
