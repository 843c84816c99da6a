"""What a span means: the reference reading, one span at a time, of any dialect.

The fast decoder reads the same things in columns, and everything odd through here. Content
(prompts, completions, tool arguments) has no name in the tables of aliases, so it is never read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.events import Call
from optimizer.observe.aliases import ALIASES
from optimizer.observe.call_ids import call_ids, owned, owner_word
from optimizer.observe.figures import (
    cache_use_of,
    latency_of,
    patience_of,
    reported_of,
    tokens_of,
    ttft_of,
)
from optimizer.observe.price import Usage
from optimizer.observe.readings import Kind, Reading, Span
from optimizer.observe.values import first, whole
from optimizer.observe.words import as_slot, read_words, without_module
from optimizer.producers import TOLD_BY, Producer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.observe.identify import Identities
    from optimizer.observe.price import PriceTable
    from optimizer.observe.values import Value

UNKNOWN_ERROR = "_OTHER"  # the conventions' name for an error without one
HANG = "hang"  # the error of a call that nobody saw the end of


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
        *,
        assigns: bool = False,
    ) -> Kind | None:
        """Read all of a call that is words, None for a span that is no call.

        One that `assigns` names no model: it is a call only by the arm it is rightly stamped with.
        """
        words = read_words(attributes, resource, assigns=assigns)
        if words is None:
            return None
        tenant = self.identities.tenant_of(resource)
        words, proof = self.identities.stamps.read(words, tenant, attributes, resource)
        if assigns and not (words.route and words.arm):
            return None
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
            streamed=words.streamed and not assigns,
            error_type=HANG if assigns else words.error_type,
            slot=words.slot,
            proof=proof,
            shadowed=self.identities.shadows(key.route, producer),
            owner=owner_word(tenant) if self.identities.resource_keys else 0,
            assigned=assigns,
            producer=producer if producer in TOLD_BY else Producer.OTHER,
        )

    def read(self, span: Span) -> Reading | None:
        """Read a span.

        Returns:
            None for a span that is no call: an agent's, a tool's, an HTTP request's.

        Raises:
            DecodeFailed: It is a call, but cannot be one like this.
        """
        kind = self.kind(span.attributes, span.resource, span.producer, assigns=span.assigns)
        if kind is None:
            return None
        latency_ns = latency_of(span)
        if span.assigns:
            return self._begun(span, kind)
        tokens_in, tokens_out = tokens_of(span, "tokens_in"), tokens_of(span, "tokens_out")
        cached, written = (max(tokens, 0) for tokens in cache_use_of(span))
        if tokens_in < 0:
            cached = written = 0  # parts of something that is not told
        elif span.cached_apart or tokens_in < cached + written:
            tokens_in += cached + written
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
            slot=self._slot(span, kind),
            failed=failed,
            error_type=error_type if failed else "",
            reported_nusd=reported_of(span) if self.counts_reported(kind) else -1,
        )

    def _begun(self, span: Span, kind: Kind) -> Reading:
        """Read a span that tells of a call when it starts: that call, as it is if it hangs."""
        patience_ns = patience_of(span)
        return Reading(
            kind=kind,
            ids=span.trace_id + span.parent_id,
            end_ns=span.start_ns + patience_ns,
            latency_ns=patience_ns,
            ttft_ns=-1,
            tokens_in=-1,
            tokens_out=-1,
            tokens_cached=0,
            cache_write=0,
            slot=self._slot(span, kind),
            failed=True,
            error_type=HANG,
            reported_nusd=-1,
        )

    def _slot(self, span: Span, kind: Kind) -> int:
        """Give the slot of a call: its own, else its resource's."""
        own = None if self.checks_stamps else first(span.attributes, ALIASES["slot"], whole)
        slot = as_slot(own)
        return kind.slot if slot < 0 else slot

    def counts_reported(self, kind: Kind) -> bool:
        """Tell whether a cost its producer reports counts for a call."""
        return self.trust_reported and not kind.priced.agreed

    def normalize(self, span: Span) -> Call | None:
        """Read a span as a call, with id and cost; the slow way, for few.

        Returns:
            None for a span that is no call, tells only that one started, or whose route has its
            calls from another producer.

        Raises:
            DecodeFailed: As `read`.
        """
        reading = self.read(span)
        if reading is None or reading.kind.shadowed or reading.kind.assigned:
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
