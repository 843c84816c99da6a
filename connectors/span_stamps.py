"""For applications whose calls are watched by an instrumentation, which begins their spans itself.

provider = TracerProvider()
provider.add_span_processor(StampProcessor())  # before the one that exports
OpenAIInstrumentor().instrument(tracer_provider=provider)

with tracer.start_as_current_span("answer", attributes=dict(choice.stamps)):
    openai.chat.completions.create(model=choice.model, ...)  # its span is stamped as well
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from optimizer.observe.aliases import STAMP

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

ROUTE = f"{STAMP}route"  # no stamp is without it


class StampProcessor(SpanProcessor):
    """Stamps each span that begins within a stamped one of this process.

    A span that begins with a stamp of its own keeps it, and hands it on. What is written on the
    outer span later than the inner one began does not reach that one.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span that begins."""
        outer = trace.get_current_span(parent_context)
        told = outer.attributes if isinstance(outer, ReadableSpan) else None
        if told and ROUTE in told and ROUTE not in (span.attributes or ()):
            stamps = {name: value for name, value in told.items() if name.startswith(STAMP)}
            span.set_attributes(stamps)
