"""Who writes telemetry of LLM calls: gateways that calls pass through, and SDKs that make them."""

from __future__ import annotations

from enum import StrEnum


class Producer(StrEnum):
    """A family of instrumentations that name things alike, whatever library they watch."""

    OPTIMIZER = "llm-optimizer"  # our own plugin inside a gateway
    LITELLM = "litellm"
    OPENLLMETRY = "openllmetry"
    OPENINFERENCE = "openinference"
    OPENLIT = "openlit"
    ANTHROPIC = "anthropic"  # its own client, which traces itself whatever else watches it
    OTEL = "otel"  # OpenTelemetry's own instrumentations
    OTHER = "other"

    @property
    def is_gateway(self) -> bool:
        """It stands between callers and models, so one span of its kind is one call of a route."""
        return self in GATEWAYS


GATEWAYS = frozenset({Producer.OPTIMIZER, Producer.LITELLM})
# Both tell of the same calls where the plugin runs inside LiteLLM, so it is counted who told.
TOLD_BY = {producer: f"told_by:{producer}" for producer in (Producer.OPTIMIZER, Producer.LITELLM)}
