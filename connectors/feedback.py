"""Scores of other systems, as JSON: users' feedback, Langfuse's scores, Phoenix's annotations.

Each is read in the shape that is sent to its system, and in the one that its system gives back;
several in one object are read one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.judging import Judging, ToldScore
from connectors.members import Members, nanoseconds, raw_members
from connectors.user_feedback import (
    USER_FEEDBACK,
    echo_in,
    judgement_said,
    said_plainly,
    said_somehow,
)
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.judgements import Judge
from optimizer.observe.links import span_link, trace_link
from optimizer.observe.observer import Decoded, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from optimizer.judgements import Judgement
    from optimizer.settings import Settings, SourceSettings

    Content = Mapping[str, Any]

# What else comes on the contract's feedback topic; it holds no judgement of a call.
OTHER_EVENTS = {"performance_metrics", "model_response", "system_health", "experiment_result"}
SCORE_CREATE = "score-create"  # of Langfuse's batches, beside events that are no scores
LISTS = ("data", "batch", "events")
LANGFUSE_LINKS = ("traceId", "observationId", "sessionId", "datasetRunId")
LANGFUSE_JUDGES = {"ANNOTATION": Judge.HUMAN, "EVAL": Judge.LLM}
JUDGES = {judge.name: judge for judge in Judge}


def is_feedback(content: Content) -> bool:
    """Tell whether a JSON object is one of these shapes, or holds a list of them."""
    for name in LISTS:
        some = content.get(name)
        if isinstance(some, list):
            return bool(some) and isinstance(some[0], dict) and _way(some[0]) is not None
    return _way(content) is not None


def _way(content: Content) -> Callable[[FeedbackReader, bytes, Content], Judgement | None] | None:
    """Give who reads an object."""
    kind = content.get("type")
    if kind == USER_FEEDBACK or ("request_id" in content and "task_completed" in content):
        return FeedbackReader.user_feedback
    if isinstance(kind, str) and (kind in OTHER_EVENTS or isinstance(content.get("body"), dict)):
        return FeedbackReader.batched
    if "span_id" in content and isinstance(content.get("result"), dict):
        return FeedbackReader.annotation
    if "name" in content and any(name in content for name in LANGFUSE_LINKS):
        return FeedbackReader.score
    return None


class FeedbackReader:
    """Reads the scores of one source.

    Args:
        settings: The settings in force.
        source: Where they come from; it decides who owns them.
    """

    def __init__(self, settings: Settings, source: SourceSettings) -> None:
        self._judging = Judging(settings, source)

    def read(self, body: bytes, content: Content, time: datetime | None = None) -> Decoded:
        """Read an object for which `is_feedback` holds.

        Args:
            body: Its bytes.
            content: The same, read.
            time: When scores were given that do not tell; None for when their record was taken.

        Returns:
            Its judgements; what is refused, each as an object alone; and the counts `events`, of
            objects it holds beside itself, and `other_events`, those without a score.
        """
        judged: list[Judgement] = []
        refused: list[Refusal] = []
        counts: Counter[str] = Counter()
        parts = _parts(body, content)
        counts["events"] += len(parts) - 1
        for part, one in parts:
            try:
                judgement = self._one(part, one)
            except DecodeFailed as error:
                detail = str(error).removeprefix(f"{error.reason}: ")
                refused.append(Refusal(error.reason, detail, part))
            except InvalidEvent as error:
                refused.append(Refusal("invalid_event", str(error), part))
            else:
                if judgement is None:
                    counts["other_events"] += 1
                elif time is not None and judgement.time_ns < 0:
                    judged.append(judgement._replace(time_ns=max(nanoseconds(time), -1)))
                else:
                    judged.append(judgement)
        return Decoded(None, refused, counts, (), judged)

    def _one(self, body: bytes, content: Content) -> Judgement | None:
        way = _way(content)
        if way is None:
            raise DecodeFailed("unknown_event", "it is no score of a shape that is read")
        return way(self, body, content)

    def plain(self, body: bytes) -> Judgement | None:
        """Read a user's feedback in which all is as it should be; None for anything else.

        Raises:
            DecodeFailed: As `Judging.judgement`.
        """
        said = said_plainly(body)
        return None if said is None else judgement_said(said, body, self._judging)

    def user_feedback(self, body: bytes, content: Content) -> Judgement | None:
        """Read what a user said."""
        return judgement_said(said_somehow(content), body, self._judging)

    def batched(self, body: bytes, content: Content) -> Judgement | None:
        """Read an event of Langfuse's ingestion, or one of the contract that holds no score."""
        if content["type"] != SCORE_CREATE:
            return None
        inside = dict(content["body"])
        inside.setdefault("timestamp", content.get("timestamp"))
        if not inside.get("id"):
            inside["id"] = content.get("id")
        return self.score(body, inside)

    def score(self, body: bytes, content: Content) -> Judgement | None:
        """Read a score of Langfuse."""
        told = Members(content)
        kind, value = told.text("dataType").upper(), content.get("value")
        if kind == "TEXT":
            return None
        metadata = content.get("metadata")
        pairs = metadata if isinstance(metadata, dict) else {}
        label = value if isinstance(value, str) else told.text("stringValue")
        raw = None if isinstance(value, str) or kind == "CATEGORICAL" else _number(value, kind)
        return self._judging.judgement(
            ToldScore(
                identity=("langfuse", told.text("id") or body.decode(errors="replace")),
                tenant=self._judging.tenant,
                name=told.text("name"),
                raw=raw,
                label=label,
                judge=LANGFUSE_JUDGES.get(told.text("source").upper()),
                time_ns=_time_ns(told, "timestamp", "createdAt"),
                trace=trace_link(told.text("traceId")),
                span=span_link(told.text("observationId")),
                echo=echo_in(pairs, self._judging),
                body=body,
            )
        )

    def annotation(self, body: bytes, content: Content) -> Judgement | None:
        """Read an annotation of a span, as Phoenix has them."""
        told, result = Members(content), Members(content).inside("result")
        score, label = result.content.get("score"), result.text("label")
        if score is None and not label:
            return None  # an explanation alone
        name, span = told.text("name"), told.text("span_id")
        return self._judging.judgement(
            ToldScore(
                identity=("phoenix", span, name, told.text("identifier")),
                tenant=self._judging.tenant,
                name=name,
                raw=score if isinstance(score, bool) else result.number("score"),
                label=label,
                judge=JUDGES.get(told.text("annotator_kind").upper()),
                time_ns=_time_ns(told, "updated_at", "created_at"),
                span=span_link(span),
                echo=echo_in(told.inside("metadata").content, self._judging),
                body=body,
            )
        )


def _parts(body: bytes, content: Content) -> list[tuple[bytes, Content]]:
    """Give an object, or those of the list it holds, each with its bytes."""
    name = next((name for name in LISTS if isinstance(content.get(name), list)), "")
    if not name:
        return [(body, content)]
    raws = msgspec.json.decode(raw_members(body)[name], type=list[msgspec.Raw])
    return [
        (bytes(raw), one if isinstance(one, dict) else {})
        for raw, one in zip(raws, content[name], strict=True)
    ]


def _number(value: object, kind: str) -> float | bool | None:
    if kind == "BOOLEAN" and value in (0, 1):
        return bool(value)
    return value if isinstance(value, int | float) else None


def _time_ns(told: Members, *names: str) -> int:
    instant = told.instant(*names)
    return -1 if instant is None else nanoseconds(instant)
