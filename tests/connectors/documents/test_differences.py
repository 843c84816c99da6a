"""What a revision changes is said in a few lines."""

from __future__ import annotations

import pytest

from connectors.documents.differences import differences
from optimizer.documents import SLOTS, Allotment, Unit
from tests.connectors.documents.examples import NEW, OLD, a_document

MINI = f"{NEW.id}: gpt-4o-mini, temperature 0.2, 1024 tokens at most"
AT_REST = a_document(
    revision=6,
    arms=(OLD,),
    allotments=(Allotment(arm=OLD.id, slots=SLOTS),),
    leased=False,
    decision_id="",
    reason="",
)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(a_document(), a_document(revision=8), [], id="only another number"),
        pytest.param(
            a_document(slots=10),
            a_document(slots=50),
            [
                f"share of {NEW.id}: 5 % -> 25 %",
                f"share of {OLD.id}: 95 % -> 75 %",
                "units that get another arm: 20 %",
            ],
            id="a step wider",
        ),
        pytest.param(
            AT_REST,
            a_document(salt="new", reason=""),
            [
                f"+ {MINI}",
                f"share of {NEW.id}: 0 % -> 5 %",
                f"share of {OLD.id}: 100 % -> 95 %",
                "units are dealt anew: another salt",
                f"decision: none -> {a_document().decision_id}",
                "leased: no -> yes",
            ],
            id="a rollout begins",
        ),
        pytest.param(
            a_document(),
            a_document(incumbent=NEW.id, unit=Unit.USER),
            [f"incumbent: {OLD.id} -> {NEW.id}", "unit: conversation -> user"],
            id="another incumbent and unit",
        ),
        pytest.param(
            None,
            AT_REST,
            [
                f"+ {OLD.id}: gpt-4o, temperature 0.7, 1024 tokens at most, prompt answer 3",
                f"traffic: 100 % {OLD.id}",
            ],
            id="the first",
        ),
    ],
)
def test_a_difference_is_said(before, after, said) -> None:
    assert differences(before, after) == said
