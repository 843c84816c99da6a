"""What a score's value means: each scale and each label becomes a number from 0 to 1.

None of the systems that send scores says what is the best. So nothing is guessed: what is neither
true, false nor declared in `scores` is set aside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.errors import DecodeFailed
from optimizer.judgements import MOST_VALUE, Judge
from optimizer.observe.values import real

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.settings import ScoreSettings

_SHOWN = 80
_MOST_LABEL = 40  # characters; a longer text may be what somebody wrote, and is not repeated


class Scales:
    """The scales of scores by name.

    Args:
        scores: Those that are declared.
    """

    def __init__(self, scores: Iterable[ScoreSettings]) -> None:
        self._scores = {score.name: score for score in scores}

    def value(
        self,
        name: str,
        raw: float | bool | None,  # noqa: FBT001 - a score may be true or false
        label: str = "",
        usual: ScoreSettings | None = None,
    ) -> int:
        """Give a score in millionths.

        Args:
            name: What was judged.
            raw: Its value; None where there is only a label.
            label: Its label; one that is declared counts before the value.
            usual: What it means where nothing is declared.

        Raises:
            DecodeFailed: Nothing says what it means (`unmapped_score`), or it is not on its
                declared scale (`absurd_score`).
        """
        score = self._scores.get(name, usual)
        if score is not None and label in score.labels:
            return round(score.labels[label] * MOST_VALUE)
        if isinstance(raw, bool):
            good = raw if score is None else raw == score.higher_is_better
            return MOST_VALUE * good
        number = real(raw)  # JSON may hold integers too long for a double
        if number is None or score is None or score.min is None or score.max is None:
            raise _unmapped(name[:_SHOWN], number, label)
        return _on_scale(number, score, score.min, score.max)

    def judge(self, name: str, otherwise: Judge = Judge.CODE) -> Judge:
        """Give who gives a score, as declared."""
        score = self._scores.get(name)
        return otherwise if score is None or score.judge is None else Judge[score.judge.name]


def _on_scale(raw: float, score: ScoreSettings, least: float, most: float) -> int:
    if not (math.isfinite(raw) and least <= raw <= most):
        raise DecodeFailed(
            "absurd_score",
            f"{score.name[:_SHOWN]} is {raw:g}: must be from {least:g} to {most:g}, as declared in "
            "the list scores (OPTIMIZER_SCORES)",
        )
    share = (raw - least) / (most - least)
    return round((share if score.higher_is_better else 1 - share) * MOST_VALUE)


def _unmapped(name: str, number: float | None, label: str) -> DecodeFailed:
    """Say what has to be declared before such a score can be read; a long text is not repeated."""
    if number is not None:
        wanted = f"is {number:g}: declare its scale, such as {{name: {name}, min: 0, max: 1}},"
    elif len(label) > _MOST_LABEL:
        wanted = (
            f"is a text of {len(label)} characters: if it is a label, declare what it stands for"
        )
    else:
        example = f"{{name: {name}, labels: {{{label}: 1}}}}"
        wanted = f"is {label!r}: declare what this label stands for, such as {example},"
    return DecodeFailed("unmapped_score", f"{name} {wanted} in the list scores (OPTIMIZER_SCORES)")
