"""Slots agree with flagd's own evaluator, whatever the unit is called."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from optimizer.documents import SLOTS
from optimizer.slots import slot_of, slots_of

SALT = "3f1c"


def every_slot_a_variant(salt: str) -> FlagdCore:
    """An evaluator whose flag tells the slot itself: 200 variants of one weight."""
    targeting = {
        "fractional": [
            {"cat": [salt, {"var": "targetingKey"}]},
            *([str(slot), 1] for slot in range(SLOTS)),
        ]
    }
    flag = {
        "state": "ENABLED",
        "variants": {str(slot): slot for slot in range(SLOTS)},
        "defaultVariant": "0",
        "targeting": targeting,
    }
    flagd = FlagdCore()
    flagd.set_flags(json.dumps({"flags": {"slot": flag}}))
    return flagd


FLAGD = every_slot_a_variant(SALT)


def slot_by_flagd(unit: str) -> int:
    context = EvaluationContext(targeting_key=unit)
    return int(FLAGD.resolve_integer_value("slot", -1, context).value)


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_a_slot_is_the_bucket_that_flagd_gives(unit: str) -> None:
    assert slot_of(SALT, unit) == slot_by_flagd(unit)


@pytest.mark.parametrize("length", [19, 20, 251, 252, 65_531, 65_532])
def test_units_around_each_form_of_the_head_agree_too(length: int) -> None:
    assert slot_of(SALT, "x" * length) == slot_by_flagd("x" * length)


@pytest.mark.parametrize(
    ("name", "quarter"), [("jack", 1), ("queen", 1), ("ten", 0), ("nine", 0), ("3", 3)]
)
def test_the_published_vectors_of_the_third_algorithm_hold(name: str, quarter: int) -> None:
    # flagd's conformance suite, "Fractional operator", v3: clubs, diamonds, hearts, spades
    assert slot_of("fractional-flag", name) // (SLOTS // 4) == quarter


@pytest.mark.parametrize(
    ("salt", "unit", "slot"),
    [
        ("", "", 30),
        ("salt", "", 60),
        ("", "conversation-1", 145),
        (SALT, "conversation-1", 23),
        (SALT, "conversation-2", 39),
        (SALT, "ü-ñ-漢字-🙂", 175),
    ],
)
def test_slots_never_change(salt: str, unit: str, slot: int) -> None:
    assert slot_of(salt, unit) == slot


def test_slots_are_of_one_size() -> None:
    found = Counter(slots_of(SALT, (f"user-{number}" for number in range(200_000))))
    assert sorted(found) == list(range(SLOTS))
    assert max(abs(count - 1000) for count in found.values()) < 160  # five standard deviations


def test_another_salt_deals_anew() -> None:
    units = [f"user-{number}" for number in range(20_000)]
    same = sum(map(int.__eq__, slots_of("one", units), slots_of("two", units)))
    assert abs(same - 100) < 50  # one in 200


def test_a_text_that_is_not_unicode_has_a_slot() -> None:
    assert slot_of(SALT, "a\ud800") == slot_of(SALT, "a?")
