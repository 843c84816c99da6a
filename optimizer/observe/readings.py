"""What a span is, as it is read: its facts, what its words say, and the call it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from optimizer.observe.aliases import EMBEDDINGS
from optimizer.observe.stamps import Proof
from optimizer.producers import Producer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.observe.keys import CallKey
    from optimizer.observe.price import Priced
    from optimizer.observe.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The facts of a span that can matter.

    Attributes:
        trace_id: 16 bytes, if it is a sound span.
        span_id: 8 bytes.
        start_ns: When it began, nanoseconds since the epoch.
        end_ns: When it ended.
        failed: Its status says so.
        attributes: Its scalar attributes; None for others.
        resource: Those of its resource.
        first_chunk_ns: When its first event came that marks a token; -1 without one.
        exception_type: Of its last exception event; `""` without one.
        cached_apart: Whoever wrote it leaves tokens of a cache out of the input tokens.
        producer: Whoever wrote it.
        parent_id: 8 bytes, of the span it is a child of; empty for none.
        assigns: It tells of a call when that starts: the call is its parent.
    """

    trace_id: bytes
    span_id: bytes
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    first_chunk_ns: int = -1
    exception_type: str = ""
    cached_apart: bool = False
    producer: Producer = Producer.OTHER
    parent_id: bytes = b""
    assigns: bool = False


class Kind(NamedTuple):
    """What calls with the same words have in common.

    Attributes:
        key: What they are summed by.
        operation: One of the values of `OPERATIONS`.
        model: The model that answered, else the one asked for.
        provider: Who served them.
        priced: Where their prices stand.
        streamed: The answer came in pieces.
        error_type: What `error.type` says.
        slot: The slot their resource is stamped with; where stamps are checked, their own.
        proof: What the signature of their stamp says.
        shadowed: Another producer reports the calls of their route.
        owner: A word for their tenant, where their source has several; else 0.
        assigned: They are told of when they start.
        producer: Who tells of them.
    """

    key: CallKey
    operation: str
    model: str
    provider: str
    priced: Priced
    streamed: bool
    error_type: str
    slot: int
    proof: Proof = Proof.SOUND
    shadowed: bool = False
    owner: int = 0
    assigned: bool = False
    producer: Producer = Producer.OTHER

    @property
    def silent_tokens_out(self) -> int:
        """Output tokens of a call that does not tell them; embeddings have none."""
        return 0 if self.operation == EMBEDDINGS else -1


class Reading(NamedTuple):
    """A call, all but its id and cost, which are worked out for many at once.

    Attributes:
        kind: What it is.
        ids: Trace id and span id, 24 bytes.
        end_ns: When it ended.
        latency_ns: How long it took.
        ttft_ns: Time to the first token; -1 when not streamed or not told.
        tokens_in: Input tokens, cached ones included; -1 when not told.
        tokens_out: Output tokens; -1 when not told.
        tokens_cached: Input tokens read from a cache.
        cache_write: Input tokens written to a cache.
        slot: Its slot of 200; -1 without a stamp.
        failed: It ended in an error.
        error_type: The error's class name; `""` when it succeeded.
        reported_nusd: What its producer says it cost; -1 when it does not.
    """

    kind: Kind
    ids: bytes
    end_ns: int
    latency_ns: int
    ttft_ns: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    cache_write: int
    slot: int
    failed: bool
    error_type: str
    reported_nusd: int
