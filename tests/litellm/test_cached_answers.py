"""What the plugin says of answers that LiteLLM's own cache gave."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.gateways.litellm_plugin.spans import SCOPE
from connectors.otlp import OtlpDecoder
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import Links
from optimizer.settings import Settings
from tests.connectors.test_otlp_paths import PRICES


@pytest.mark.parametrize("is_cached", [False, True])
def test_an_answer_of_the_proxy_s_cache_costs_nothing(is_cached: bool) -> None:  # noqa: FBT001 - a case
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = SCOPE
    span = scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat gpt-4o")
    span.start_time_unix_nano, span.end_time_unix_nano = (
        1_800_000_000 * 10**9,
        1_800_000_001 * 10**9,
    )
    for name, value in (("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "gpt-4o")):
        span.attributes.add(key=name).value.string_value = value
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        span.attributes.add(key=name).value.int_value = 1000
    span.attributes.add(key="litellm.cache_hit").value.bool_value = is_cached
    decoder = OtlpDecoder(Settings(), PRICES, "acme", Links.RESPONSES, Claims())
    columns, *_ = decoder.decode(request.SerializeToString(), KeyTable())
    assert (columns.cost_nusd[0] == 0) == is_cached
