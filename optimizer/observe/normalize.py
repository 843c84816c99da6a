"""What a span means: the reference reading, one span at a time, of any dialect.

The fast decoder reads the same things in columns, and everything odd through here. Content
(prompts, completions, tool arguments) has no name in the tables of aliases, so it is never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.events import Call
from optimizer.observe.aliases import ALIASES, EMBEDDINGS
from optimizer.observe.call_ids import call_ids, owned, owner_word
from optimizer.observe.figures import (
    cache_use_of,
    latency_of,
    reported_of,
    tokens_of,
    ttft_of,
)
from optimizer.observe.price import Usage
from optimizer.observe.stamps import Proof
from optimizer.observe.values import first, whole
from optimizer.observe.words import as_slot, read_words, without_module
from optimizer.producers import Producer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.observe.identify import Identities
    from optimizer.observe.keys import CallKey
    from optimizer.observe.price import Priced, PriceTable
    from optimizer.observe.values import Value

UNKNOWN_ERROR = "_OTHER"  # the conventions' name for an error without one


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


class Normalizer:
    """Reads spans of one source.

    Args:
        identities: Resolves tenants, routes and arms.
        prices: Prices calls.
        trust_reported: What a producer reports as cost wins over published prices.
    """

    def __init__(
        self, identities: Identities, prices: PriceTable, *, trust_reported: bool = False
    ) -> None:
        self.identities = identities
        self.prices = prices
        self.trust_reported = trust_reported

    @property
    def checks_stamps(self) -> bool:
        """Tell whether a stamp counts by its signature; its slot then belongs to its kind."""
        return self.identities.stamps.checks

    def kind(
        self,
        attributes: Mapping[str, Value],
        resource: Mapping[str, Value],
        producer: Producer = Producer.OTHER,
    ) -> Kind | None:
        """Read all of a call that is words, None for a span that is no call."""
        words = read_words(attributes, resource)
        if words is None:
            return None
        tenant = self.identities.tenant_of(resource)
        words, proof = self.identities.stamps.read(words, tenant, attributes, resource)
        key = self.identities.identify(words, tenant)
        models = tuple(dict.fromkeys(filter(None, (words.response_model, words.request_model))))
        return Kind(
            key=key,
            operation=words.operation,
            model=models[0] if models else "",
            provider=words.provider,
            priced=self.prices.free()
            if words.from_cache
            else self.prices.find(models, words.provider),
            streamed=words.streamed,
            error_type=words.error_type,
            slot=words.slot,
            proof=proof,
            shadowed=self.identities.shadows(key.route, producer),
            owner=owner_word(tenant) if self.identities.resource_keys else 0,
        )

    def read(self, span: Span) -> Reading | None:
        """Read a span.

        Returns:
            None for a span that is no call: an agent's, a tool's, an HTTP request's.

        Raises:
            DecodeFailed: It is a call, but cannot be one like this.
        """
        kind = self.kind(span.attributes, span.resource, span.producer)
        if kind is None:
            return None
        latency_ns = latency_of(span)
        tokens_in, tokens_out = tokens_of(span, "tokens_in"), tokens_of(span, "tokens_out")
        cached, written = (max(tokens, 0) for tokens in cache_use_of(span))
        if tokens_in < 0:
            cached = written = 0  # parts of something that is not told
        elif span.cached_apart or tokens_in < cached + written:
            tokens_in += cached + written
        slot = -1 if self.checks_stamps else as_slot(first(span.attributes, ALIASES["slot"], whole))
        failed = span.failed or bool(kind.error_type)
        error_type = kind.error_type or without_module(span.exception_type) or UNKNOWN_ERROR
        return Reading(
            kind=kind,
            ids=span.trace_id + span.span_id,
            end_ns=span.end_ns,
            latency_ns=latency_ns,
            ttft_ns=ttft_of(span) if kind.streamed else -1,
            tokens_in=tokens_in,
            tokens_out=kind.silent_tokens_out if tokens_out < 0 else tokens_out,
            tokens_cached=cached,
            cache_write=written,
            slot=kind.slot if slot < 0 else slot,
            failed=failed,
            error_type=error_type if failed else "",
            reported_nusd=reported_of(span) if self.counts_reported(kind) else -1,
        )

    def counts_reported(self, kind: Kind) -> bool:
        """Tell whether a cost its producer reports counts for a call."""
        return self.trust_reported and not kind.priced.agreed

    def normalize(self, span: Span) -> Call | None:
        """Read a span as a call, with id and cost; the slow way, for few.

        Returns:
            None for a span that is no call, or whose route has its calls from another producer.

        Raises:
            DecodeFailed: As `read`.
        """
        reading = self.read(span)
        if reading is None or reading.kind.shadowed:
            return None
        kind = reading.kind
        return Call(
            **kind.key._asdict(),
            slot=reading.slot,
            model=kind.model,
            provider=kind.provider,
            call_id=_call_id(reading),
            end_ns=reading.end_ns,
            latency_ns=reading.latency_ns,
            ttft_ns=reading.ttft_ns,
            tokens_in=reading.tokens_in,
            tokens_out=reading.tokens_out,
            tokens_cached=reading.tokens_cached,
            cost_nusd=self._cost(reading),
            streamed=kind.streamed,
            failed=reading.failed,
            error_type=reading.error_type,
        )

    def _cost(self, reading: Reading) -> int:
        if reading.reported_nusd >= 0:
            return reading.reported_nusd
        usage = Usage(*(np.array([getattr(reading, name)]) for name in Usage._fields))
        return int(self.prices.cost(np.array([reading.kind.priced.history]), usage)[0])


def _call_id(reading: Reading) -> int:
    ids = call_ids(np.frombuffer(reading.ids, "<u8").reshape(1, 3))
    return int(owned(ids, np.array([reading.kind.owner], np.uint64))[0])
