"""Where the spans go: by OTLP over HTTP, as OpenTelemetry's own variables say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OURS = "http/protobuf"
_SERVICE = "litellm"
_DELAY_MS, _MOST_WAITING = 1000, 32_768


def provider_of(environment: Mapping[str, str]) -> TracerProvider:
    """Make what exports spans in the background.

    All calls are exported, whatever a caller's trace says of sampling: shares and rates are
    counted on them.

    Raises:
        SettingsInvalid: The variables ask for another protocol.
    """
    service = environment.get("OTEL_SERVICE_NAME") or _SERVICE
    resource = Resource({SERVICE_NAME: service}).merge(Resource.create())
    if not environment.get("OTEL_SERVICE_NAME") and "service.name" not in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        resource = resource.merge(Resource({SERVICE_NAME: _SERVICE}))
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource)
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
        provider.add_span_processor(_processor(environment))
    return provider


def _processor(environment: Mapping[str, str]) -> BatchSpanProcessor:
    asked = next((name for name in _PROTOCOLS if environment.get(name)), None)
    if asked and environment[asked] != _OURS:
        way_out = f"must be {_OURS}: set {_PROTOCOLS[0]} to it"
        raise SettingsInvalid([f"{asked} is {environment[asked]!r}: {way_out}"])
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - of the extra
        OTLPSpanExporter,
    )

    waiting = None if "OTEL_BSP_MAX_QUEUE_SIZE" in environment else _MOST_WAITING
    delay = None if "OTEL_BSP_SCHEDULE_DELAY" in environment else _DELAY_MS
    return BatchSpanProcessor(OTLPSpanExporter(), waiting, delay)
