"""The list `scores`: what the values of each score mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Labels, Number, Switch, Text
from optimizer.settings.knobs import Knob, declared, knob

MOST = 1e9


class JudgeKind(StrEnum):
    """Who judges."""

    HUMAN = "human"
    LLM = "llm"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSettings:
    """One score: how its values and labels become a number from 0, worst, to 1, best.

    Attributes:
        name: Its name.
        min: The least value there is.
        max: The greatest.
        higher_is_better: Whether the greatest is the best.
        labels: What each label stands for, 0 worst, 1 best.
        judge: Who gives it; None where it is told with each score.
    """

    name: str = field(
        metadata=declared(
            Knob(doc="Its name, as who gives it spells it", kind=Text(), required=True)
        ),
    )
    min: float | None = field(
        default=None,
        metadata=knob(
            "The least value there is; without min and max no number is read",
            Number(least=-MOST, below=MOST),
            null=True,
        ),
    )
    max: float | None = field(
        default=None,
        metadata=knob("The greatest value there is", Number(above=-MOST, most=MOST), null=True),
    )
    higher_is_better: bool = field(
        default=True,
        metadata=knob("Whether the greatest value, and true, is the best", Switch()),
    )
    labels: Mapping[str, float] = field(
        default_factory=dict,
        metadata=knob("What each label stands for, 0 the worst and 1 the best", Labels()),
    )
    judge: JudgeKind | None = field(
        default=None,
        metadata=knob(
            "Who gives it, where a score does not tell; null stands for code",
            Choice(JudgeKind),
            null=True,
        ),
    )
