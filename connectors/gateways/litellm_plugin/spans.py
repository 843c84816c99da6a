"""One span for each call through the proxy, begun when it comes in and ended when it is done."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from connectors.gateways.litellm_plugin import attributes
from optimizer.observe.aliases import ASSIGNMENT, PATIENCE
from optimizer.producers import Producer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span

    from connectors.documents.choices import Choice
    from connectors.gateways.litellm_plugin.requests import Request
    from connectors.gateways.litellm_plugin.steering import Assignment

SCOPE = f"{Producer.OPTIMIZER}.litellm"
UNFINISHED = "unfinished"
_MOST_OPEN = 100_000
_ANSWERED_NS = 60_000_000_000  # how much later LiteLLM logs what it answered
_LONGEST_NS = 3_600_000_000_000


@dataclass(slots=True)
class _Open:
    """A call under way.

    Attributes:
        span: Its span.
        begin_ns: When it came in.
        asked: The model group that it asked for.
        group: The model group it was given to.
        is_assigned: It was given to an arm, whose model its span names already.
        failure: What its first failed try failed of; empty while none failed.
        answered_ns: When the proxy answered it; 0 while it has not.
        is_streamed: It is answered in pieces.
        dealt: The stamps of the deployment that LiteLLM gave it to first, by its weights.
        is_rescued: A deployment of another arm answered it in the end.
    """

    span: Span
    begin_ns: int
    asked: str
    group: str
    is_assigned: bool
    is_streamed: bool
    failure: attributes.Attributes = field(default_factory=dict)
    answered_ns: int = 0
    dealt: Mapping[str, str | int] = field(default_factory=dict)
    is_rescued: bool = False


class Spans:
    """Writes the spans of calls, each one once.

    Args:
        provider: Where they go.
        clock: Wall clock, nanoseconds.
    """

    def __init__(self, provider: TracerProvider, clock: Callable[[], int]) -> None:
        self._tracer = provider.get_tracer(SCOPE)
        self._traces = TraceContextTextMapPropagator()
        self._clock = clock
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def begin(
        self, request: Request, assigned: Assignment, model: str, data: Mapping[str, Any]
    ) -> None:
        """Begin a call's span; one that was begun already goes on, one without an id has none.

        Args:
            request: The call.
            assigned: What becomes of it.
            model: The model it goes to, as far as that is known.
            data: The request as it goes to LiteLLM.
        """
        self._sweep()
        if not request.call or request.call in self._open:
            return
        choice, now = assigned.choice, self._clock()
        told = attributes.of_request(request, model, data) | dict(choice.stamps if choice else {})
        span = self._start(request, model, told, now)
        if choice and choice.patience_ms:
            self._tell_assignment(span, choice, now)
        is_assigned = bool(choice and choice.arm)
        self._open[request.call] = _Open(
            span, now, request.group, assigned.group, is_assigned, request.is_streamed
        )

    def dealt(self, call: str, stamps: Mapping[str, str | int]) -> None:
        """Stamp a call that LiteLLM dealt by weights: what it tried first is what it was given to.

        Args:
            call: Its id.
            stamps: Those of the deployment of a try; empty for none of ours.
        """
        found = self._open.get(call)
        if found is None or found.is_assigned or not (stamps or found.dealt):
            return
        if found.dealt or found.failure:
            found.is_rescued = stamps != found.dealt
        else:
            found.dealt = stamps
            found.span.set_attributes(dict(stamps))

    def failed_once(self, call: str, failure: attributes.Attributes) -> None:
        """Keep what a try failed of; others may follow."""
        if (found := self._open.get(call)) and not found.failure:
            found.failure = failure

    def answered(self, call: str) -> None:
        """Keep that the proxy answered; what it answered with is told later, as a rule."""
        if found := self._open.get(call):
            found.answered_ns = self._clock()

    def succeed(self, call: str, payload: Mapping[str, Any], answer: object) -> None:
        """End the span of a call that was answered.

        One that only another model group than its own could answer counts as failed: its own did.
        """
        if (found := self._open.pop(call, None)) is None:
            return
        span = found.span
        span.set_attributes(attributes.of_answer(payload, answer, found.asked))
        if found.is_streamed and (first := _nanoseconds(payload.get("completionStartTime"))):
            seconds = max(first - found.begin_ns, 0) / 1e9
            span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)
        model, _ = attributes.model_asked(payload)
        is_elsewhere = payload.get("model_group") not in ("", None, found.group)
        if found.failure and (is_elsewhere or found.is_rescued):
            _fail(span, found.failure)
        elif model and not found.is_assigned:
            span.set_attribute("gen_ai.request.model", model)
        self._end(found, _nanoseconds(payload.get("endTime")) or self._clock())

    def fail(self, call: str, failure: attributes.Attributes) -> bool:
        """End the span of a call that failed for good; tell whether there was one."""
        if (found := self._open.pop(call, None)) is None:
            return False
        _fail(found.span, failure)
        self._end(found, self._clock())
        return True

    def refuse(
        self, request: Request, model: str, data: Mapping[str, Any], failure: attributes.Attributes
    ) -> None:
        """Write the span of a call that was refused before it was anybody's to serve."""
        now = self._clock()
        span = self._start(request, model, attributes.of_request(request, model, data), now)
        _fail(span, failure)
        span.end(now)

    def close(self) -> None:
        """End the spans of calls that were answered but not logged."""
        for call, found in list(self._open.items()):
            if found.answered_ns:
                self._give_up(call, found)

    def _start(self, request: Request, model: str, told: attributes.Attributes, now: int) -> Span:
        name = f"{attributes.operation_of(request.kind)} {model}".strip()
        parent = self._traces.extract(request.trace)
        return self._tracer.start_span(name, parent, SpanKind.CLIENT, told, start_time=now)

    def _tell_assignment(self, span: Span, choice: Choice, now: int) -> None:
        """Tell of a call that has begun: should it hang, this is all that is ever told of it."""
        told = {**choice.stamps, PATIENCE: choice.patience_ms}
        parent = set_span_in_context(span)
        self._tracer.start_span(ASSIGNMENT, parent, attributes=told, start_time=now).end(now)

    def _end(self, found: _Open, at_ns: int) -> None:
        found.span.end(max(at_ns, found.begin_ns))

    def _sweep(self) -> None:
        """End what LiteLLM tells nothing more of: an answer that it did not log, or nothing."""
        now = self._clock()
        while self._open:
            call, found = next(iter(self._open.items()))
            is_late = found.answered_ns and now - found.answered_ns > _ANSWERED_NS
            is_lost = now - found.begin_ns > _LONGEST_NS or len(self._open) >= _MOST_OPEN
            if not (is_late or is_lost):
                return
            self._give_up(call, found)

    def _give_up(self, call: str, found: _Open) -> None:
        del self._open[call]
        if not found.answered_ns:
            _fail(found.span, found.failure or attributes.of_failure(UNFINISHED, None))
        self._end(found, found.answered_ns or self._clock())


def _fail(span: Span, failure: attributes.Attributes) -> None:
    span.set_attributes(failure)
    span.set_status(Status(StatusCode.ERROR))


def _nanoseconds(seconds: object) -> int:
    """Give an instant of LiteLLM's; 0 for none."""
    return round(seconds * 1e9) if isinstance(seconds, float) and seconds > 0 else 0
