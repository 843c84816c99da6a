"""What users say of an answer: the contract's `user_feedback` events."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.echoes import NO_ECHO, PLAIN, STAMP, stamped
from connectors.judging import ToldScore
from connectors.members import Members, nanoseconds
from optimizer.judgements import Judge
from optimizer.observe.links import NO_LINK, span_link, trace_link
from optimizer.settings import ScoreSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.echoes import Echo
    from connectors.judging import Judging
    from optimizer.judgements import Judgement

USER_FEEDBACK = "user_feedback"
MOST_STARS = 5
STARS = ScoreSettings(name=USER_FEEDBACK, min=0, max=MOST_STARS)  # whole ones, else declare
_ECHOING = frozenset((*PLAIN, *(f"{STAMP}{name}" for name in PLAIN)))


class Said(msgspec.Struct, tag_field="type", tag=USER_FEEDBACK, gc=False):
    """What matters of an event; the members from `specversion` on tell that it is another."""

    id: str | None = None
    timestamp: datetime | None = None
    rating: float | None = None
    liked: bool | None = None
    task_completed: bool | None = None
    metadata: dict[str, Any] | None = None
    specversion: Any = None
    data: Any = None
    batch: Any = None
    events: Any = None
    payload: Any = None
    outputs: Any = None
    anomaly: Any = None
    anomaly_type: Any = None


_OTHER = Said.__struct_fields__[Said.__struct_fields__.index("specversion") :]
_OTHERS = attrgetter(*_OTHER)
_NONE = (None,) * len(_OTHER)
_SAID = msgspec.json.Decoder(Said)
_NAMED = USER_FEEDBACK.encode()


def said_plainly(body: bytes) -> Said | None:
    """Read an event in which all is as it should be, fast; None for anything else."""
    if _NAMED not in body:
        return None
    try:
        said = _SAID.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    naive = said.timestamp is not None and said.timestamp.tzinfo is None
    return None if naive or _OTHERS(said) != _NONE else said


def said_somehow(content: Mapping[str, Any]) -> Said:
    """Read an event whose members may be written in other ways.

    Raises:
        InvalidEvent: A member has the wrong type.
    """
    told = Members(content)
    liked, done = content.get("liked"), content.get("task_completed")
    return Said(
        id=told.text("id"),
        timestamp=told.instant("timestamp"),
        rating=told.number("rating"),
        liked=liked if isinstance(liked, bool) else None,
        task_completed=done if isinstance(done, bool) else None,
        metadata=dict(told.inside("metadata").content),
    )


def judgement_said(said: Said, body: bytes, judging: Judging) -> Judgement | None:
    """Give a thumb, else 0 to 5 stars, else whether the task was done; None where none is told.

    Raises:
        DecodeFailed: As `Judging.judgement`.
    """
    raw: float | bool | None = said.rating if said.liked is None else said.liked
    raw = said.task_completed if raw is None else raw
    if raw is None:
        return None
    metadata = said.metadata or {}
    trace, span = _context(metadata)
    return judging.judgement(
        ToldScore(
            identity=(USER_FEEDBACK, said.id or body.decode(errors="replace")),
            tenant=judging.tenant,
            name=USER_FEEDBACK,
            raw=raw,
            scale=STARS if raw in range(MOST_STARS + 1) else None,
            judge=Judge.HUMAN,
            time_ns=-1 if said.timestamp is None else nanoseconds(said.timestamp),
            trace=trace_link(trace) if trace else NO_LINK,
            span=span_link(span) if span else NO_LINK,
            response=text_in(metadata, "response_id", "gen_ai.response.id"),
            echo=echo_in(metadata, judging),
            body=body,
        )
    )


def echo_in(pairs: Mapping[str, Any], judging: Judging) -> Echo:
    """Give what free pairs of names and values echo of a call."""
    if _ECHOING.isdisjoint(pairs):
        return NO_ECHO
    service = text_in(pairs, "service", "service.name")
    return judging.echoes.read(stamped(pairs), judging.tenant, service)


def text_in(pairs: Mapping[str, Any], *names: str) -> str:
    """Give the first of some texts that is told; `""` for none."""
    for name in names:
        if isinstance(value := pairs.get(name), str):
            return value
    return ""


def _context(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Give trace and span id, also of a W3C `traceparent`."""
    if "traceparent" in metadata:
        match text_in(metadata, "traceparent").split("-"):
            case [_, trace, span, _]:
                return trace, span
    return text_in(metadata, "trace_id", "traceId"), text_in(metadata, "span_id", "spanId")
