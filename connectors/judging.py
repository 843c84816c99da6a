"""Our own score events as judgements, and what all readers of scores share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from optimizer.events import EventSource
from optimizer.judgements import MOST_VALUE, Judge, Judgement
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent, Score


def identity_of(*parts: str) -> int:
    """Give 64 bits of a hash of what names a score: who gave it, and its id there; never 0."""
    octets = "\0".join(parts).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(octets, digest_size=8).digest(), "little") or 1


def judgement_of(event: FeedbackEvent, score: Score, body: bytes) -> Judgement:
    """Give a score event of our own as a judgement; it echoes where its call was made.

    Args:
        event: The event.
        score: What it holds.
        body: Its bytes.
    """
    tenant = score.route.partition("/")[0]
    return Judgement(
        identity=identity_of(tenant, event.source, event.id),
        time_ns=round(event.timestamp.timestamp() * 1e6) * 1000,
        value=round(score.value * MOST_VALUE),
        name=score.name,
        judge=Judge.HUMAN if event.source is EventSource.USER else Judge.CODE,
        tenant=tenant,
        key=(score.route, score.arm, score.revision, score.cell),
        slot=score.slot,
        body=body,
        kind=RecordKind.SCORE,
    )
