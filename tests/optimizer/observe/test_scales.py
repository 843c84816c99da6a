"""What a score's value means: nothing is guessed, everything declared is taken."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from optimizer.errors import DecodeFailed
from optimizer.judgements import Judge
from optimizer.observe.scales import Scales
from optimizer.settings import JudgeKind, ScoreSettings

SCALES = Scales(
    [
        ScoreSettings(name="stars", min=1, max=5, labels={"great": 0.9}),
        ScoreSettings(name="toxicity", min=0, max=1, higher_is_better=False, judge=JudgeKind.LLM),
        ScoreSettings(name="verdict", labels={"pass": 1, "fail": 0}),
    ]
)


@pytest.mark.parametrize(
    ("name", "raw", "label", "value"),
    [
        pytest.param("stars", 1, "", 0, id="the least"),
        pytest.param("stars", 5.0, "", 1_000_000, id="the greatest"),
        pytest.param("stars", 4, "", 750_000, id="between"),
        pytest.param("stars", None, "great", 900_000, id="a label"),
        pytest.param("stars", 1, "great", 900_000, id="a declared label counts before the value"),
        pytest.param("stars", 3, "so-so", 500_000, id="another label does not"),
        pytest.param("toxicity", 0.2, "", 800_000, id="less is better"),
        pytest.param("toxicity", True, "", 0, id="true is worse where less is better"),
        pytest.param("verdict", None, "fail", 0, id="a label of labels alone"),
        pytest.param("unheard of", True, "", 1_000_000, id="true needs no scale"),
        pytest.param("unheard of", False, "", 0, id="nor does false"),
    ],
)
def test_values_and_labels_become_millionths(
    name: str, raw: float | None, label: str, value: int
) -> None:
    assert SCALES.value(name, raw, label) == value


@pytest.mark.parametrize(
    ("name", "raw", "label", "reason"),
    [
        pytest.param("unheard of", 0.5, "", "unmapped_score", id="a number without a scale"),
        pytest.param("unheard of", None, "good", "unmapped_score", id="a label without a scale"),
        pytest.param("verdict", 1, "", "unmapped_score", id="a number where labels are declared"),
        pytest.param("verdict", None, "Pass", "unmapped_score", id="a label spelt otherwise"),
        pytest.param("stars", 6, "", "absurd_score", id="above the scale"),
        pytest.param("stars", 0, "", "absurd_score", id="below it"),
        pytest.param("stars", math.nan, "", "absurd_score", id="no number"),
        pytest.param("stars", math.inf, "", "absurd_score", id="no end"),
        pytest.param("stars", 10**400, "", "absurd_score", id="no double holds it"),
        pytest.param("unheard of", -(10**400), "", "unmapped_score", id="nor without a scale"),
    ],
)
def test_what_nobody_declared_is_refused_with_the_way_out(
    name: str, raw: float | None, label: str, reason: str
) -> None:
    with pytest.raises(DecodeFailed, match=r"OPTIMIZER_SCORES") as refused:
        SCALES.value(name, raw, label)
    assert refused.value.reason == reason


def test_what_somebody_wrote_is_not_repeated() -> None:
    with pytest.raises(DecodeFailed, match="a text of 50 characters") as refused:
        SCALES.value("comment", None, "the answer quoted my address, 12 Elm Street, again")
    assert "Elm Street" not in str(refused.value)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1))
def test_a_scale_keeps_order_and_stays_between_worst_and_best(
    one: float, other: float, share: float
) -> None:
    least, most = sorted((one, other))
    if not least < most:
        return
    up = Scales([ScoreSettings(name="s", min=least, max=most)])
    down = Scales([ScoreSettings(name="s", min=least, max=most, higher_is_better=False)])
    raw = min(max(least + share * (most - least), least), most)
    assert 0 <= up.value("s", raw) <= 1_000_000
    assert abs(up.value("s", raw) + down.value("s", raw) - 1_000_000) <= 1


def test_who_judges_is_declared_told_or_code() -> None:
    assert SCALES.judge("toxicity") is Judge.LLM
    assert SCALES.judge("stars") is Judge.CODE
    assert SCALES.judge("stars", Judge.HUMAN) is Judge.HUMAN
