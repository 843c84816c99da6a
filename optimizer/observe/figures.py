"""The numbers of a span that are read one span at a time, and what they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.documents import MOST_PATIENCE_MS
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import ALIASES, PATIENCE
from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from optimizer.observe.price import MAX_TOKENS
from optimizer.observe.usages import UNTOLD, CacheUse, cache_use
from optimizer.observe.values import first, real, whole

if TYPE_CHECKING:
    from optimizer.observe.readings import Span

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
MAX_END_NS = 1 << 62  # the year 2116
MAX_LATENCY_NS = 86_400 * SECOND_NS
MAX_COST_USD = 1e6


def latency_of(span: Span) -> int:
    """Check a span's ids and times, and give how long it took, nanoseconds.

    Raises:
        DecodeFailed: It cannot have been so.
    """
    if (len(span.trace_id), len(span.span_id)) != (TRACE_ID_BYTES, SPAN_ID_BYTES):
        lengths = f"{len(span.trace_id)} and {len(span.span_id)}"
        raise DecodeFailed("bad_ids", f"ids of {lengths} bytes: must be of 16 and 8")
    if not any(span.trace_id) or not any(span.span_id):
        raise DecodeFailed("bad_ids", "an id is all zeros")
    if not (0 < span.start_ns <= MAX_END_NS and 0 < span.end_ns <= MAX_END_NS):
        times = f"from {span.start_ns} to {span.end_ns} ns"
        raise DecodeFailed("absurd_time", f"{times}: both must be given and before 2116")
    latency_ns = span.end_ns - span.start_ns
    if latency_ns < 0:
        raise DecodeFailed("ends_before_start", f"ends {-latency_ns} ns before it starts")
    if latency_ns > MAX_LATENCY_NS:
        raise DecodeFailed("absurd_time", f"took {latency_ns / 1e9:.0f} s: at most a day can be")
    return latency_ns


def patience_of(span: Span) -> int:
    """Check that a span names the call it tells the start of; give how long to wait, nanoseconds.

    Raises:
        DecodeFailed: Nobody can wait so long, or for that.
    """
    if len(span.parent_id) != SPAN_ID_BYTES or not any(span.parent_id):
        raise DecodeFailed("bad_ids", "it names no parent, the call it tells of")
    patience_ms = first(span.attributes, ALIASES["patience"], whole)
    if patience_ms is None or not 1 <= patience_ms <= MOST_PATIENCE_MS:
        told = f"{PATIENCE} is {patience_ms}: must be from 1 to {MOST_PATIENCE_MS}"
        raise DecodeFailed("absurd_patience", told)
    return patience_ms * MILLISECOND_NS


def tokens_of(span: Span, name: str) -> int:
    """Give a number of tokens, -1 when it is not told.

    Raises:
        DecodeFailed: There cannot be so many.
    """
    count = first(span.attributes, ALIASES[name], whole)
    if count is None:
        return -1
    if not 0 <= count <= MAX_TOKENS:
        raise DecodeFailed("absurd_tokens", f"{name} is {count}: must be in 0 to {MAX_TOKENS}")
    return count


def cache_use_of(span: Span) -> CacheUse:
    """Give the input tokens read from a cache and written to it, told as numbers or in a text.

    Raises:
        DecodeFailed: There cannot be so many.
    """
    use = first(span.attributes, ALIASES["usage"], cache_use) or UNTOLD
    cached, written = tokens_of(span, "tokens_cached"), tokens_of(span, "cache_write")
    return CacheUse(use.cached if cached < 0 else cached, use.written if written < 0 else written)


def ttft_of(span: Span) -> int:
    """Give a streamed call's time to the first token, told as attribute or by an event.

    Returns:
        Nanoseconds; -1 when neither tells.

    Raises:
        DecodeFailed: It cannot have been so.
    """
    seconds = first(span.attributes, ALIASES["ttft"], real)
    if seconds is None:
        in_time = span.start_ns <= span.first_chunk_ns <= span.end_ns
        return span.first_chunk_ns - span.start_ns if in_time else -1
    if not 0 <= seconds <= MAX_LATENCY_NS / SECOND_NS:  # false for NaN
        raise DecodeFailed("absurd_ttft", f"time to first token is {seconds} s")
    return round(seconds * SECOND_NS)


def reported_of(span: Span) -> int:
    """Give the cost a producer reports, nano-dollars; -1 for none.

    Zero is what producers write when they know no price.
    """
    cost_usd = first(span.attributes, ALIASES["reported_cost"], real)
    if cost_usd is None or not 0 < cost_usd <= MAX_COST_USD:  # true for NaN
        return -1
    return round(cost_usd * SECOND_NS)
