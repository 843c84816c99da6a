"""The section `attribution`: how scores find the calls they judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Number
from optimizer.settings.knobs import knob

_WEEK_SECS = 7 * 86_400


class LinkIndex(StrEnum):
    """By what calls can be found."""

    NONE = "none"
    TRACES = "traces"
    RESPONSES = "responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSettings:
    """How scores that do not tell where their call was made find it."""

    index: LinkIndex = field(
        default=LinkIndex.TRACES,
        metadata=knob(
            "By what calls can be found: traces (and spans), responses too, or nothing",
            Choice(LinkIndex),
        ),
    )
    max_calls: int = field(
        default=1_000_000,
        metadata=knob(
            "Most calls that can be found: half of them of the last 15 minutes, half spread"
            " evenly over keep_secs; chosen by trace",
            Number(least=1, most=20_000_000, whole=True),
        ),
    )
    max_scores: int = field(
        default=1_000_000,
        metadata=knob(
            "Most scores whose repeats are recognised",
            Number(least=1, most=20_000_000, whole=True),
        ),
    )
    keep_secs: int = field(
        default=86_400,
        metadata=knob(
            "How long calls can be found, and repeats of scores are recognised",
            Number(least=60, most=_WEEK_SECS, whole=True),
            unit="s",
        ),
    )
    span_wait_secs: int = field(
        default=60,
        metadata=knob(
            "How long a score waits for the span or response it names before calls of its trace"
            " will do, if all are of one arm; never longer than wait_secs",
            Number(least=0, most=86_400, whole=True),
            unit="s",
        ),
    )
    wait_secs: int = field(
        default=900,
        metadata=knob(
            "How long a score waits for its call before it is set aside",
            Number(least=0, most=86_400, whole=True),
            unit="s",
        ),
    )
