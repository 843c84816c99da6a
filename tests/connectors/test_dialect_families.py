"""A scope's name tells who wrote its spans."""

import pytest

from connectors.otlp.dialects import dialect_of
from optimizer.producers import Producer


@pytest.mark.parametrize(
    ("scope", "producer"),
    [
        ("llm-optimizer", Producer.OPTIMIZER),
        ("litellm", Producer.LITELLM),
        ("openinference.instrumentation.openai", Producer.OPENINFERENCE),
        ("openlit.otel.tracing", Producer.OPENLIT),
        ("opentelemetry.instrumentation.openai.v1", Producer.OPENLLMETRY),
        ("opentelemetry.instrumentation.anthropic", Producer.OPENLLMETRY),
        ("opentelemetry.instrumentation.openai_v2", Producer.OTEL),
        ("opentelemetry.instrumentation.genai.openai", Producer.OTEL),
        ("opentelemetry.util.genai.handler", Producer.OTEL),
        ("opentelemetry.instrumentation.google_genai", Producer.OTEL),
        ("com.anthropic.sdk.python", Producer.ANTHROPIC),
        ("my.own.tracer", Producer.OTHER),
        ("", Producer.OTHER),
    ],
)
def test_a_scope_belongs_to_a_family(scope, producer):
    assert dialect_of(scope).producer is producer


def test_calls_pass_through_gateways_only():
    assert {producer for producer in Producer if producer.is_gateway} == {
        Producer.LITELLM,
        Producer.OPTIMIZER,
    }
