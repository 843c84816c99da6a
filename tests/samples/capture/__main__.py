"""Capture what a library exports: `python tests/samples/capture LIBRARY FILE.pb`.

To be run where the library is installed. An imitation of the models' APIs and a sink for OTLP/HTTP
run on this machine; nothing leaves it. What libraries say of the machine (paths in stack traces,
process, host) is taken out.
"""

# ruff: noqa: PLC0415 - each library is imported only where it is asked for

from __future__ import annotations

import os
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from imitation import Imitation
from libraries import LIBRARIES, OWN_EXPORT

KEPT_RESOURCE = ("service.", "telemetry.sdk.", "deployment.", "model_id")


def set_up(base: str) -> None:
    """Export spans one by one, as they end."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "chat"}))
    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def joined(exports: list[bytes]) -> bytes:
    """Put exports into one request, without what they say of this machine."""
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    data = TracesData.FromString(b"".join(exports))
    for resource_spans in data.resource_spans:
        pairs = resource_spans.resource.attributes
        kept = [pair for pair in pairs if pair.key.startswith(KEPT_RESOURCE)]
        del pairs[:]
        pairs.extend(kept)
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            for holder in (span, *span.events):
                for pair in holder.attributes:
                    if "stack" in pair.key:
                        pair.value.string_value = "Traceback (taken out)"
    return data.SerializeToString()


def main(library: str, path: str) -> None:
    """Capture a library."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Imitation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    os.environ.setdefault("OTEL_SERVICE_NAME", "chat")
    if library not in OWN_EXPORT:
        set_up(base)
    LIBRARIES[library](base)
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush:
        flush()
    Path(path).write_bytes(joined(Imitation.exports))


if __name__ == "__main__":
    main(*sys.argv[1:])
