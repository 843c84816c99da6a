from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.decide.constraints import Changes, broken, check, needs_approval
from optimizer.decisions import ConstraintLevel
from tests.builders import START, PriceList
from tests.optimizer.decide.a_case import CHEAP, FAST, OLD, a_case, served, with_constraints

NONE = Changes(last=None, lately=0)
ORDER = [
    "max_error_rate_pct",
    "max_latency_p95_ms",
    "min_quality",
    "daily_budget",
    "hourly_budget",
    "cost_per_request",
    "max_changes_per_day",
    "min_minutes_between_changes",
    "approval_above_daily_usd",
    "preferred",
]


def here(arm=FAST, **changes):
    """A case where the candidate served: fast, good, rarely failing."""
    values = {"p95_latency_ms": 1500.0} | changes
    return {OLD.id: served(), arm.id: served(arm, **values)}


def name_of(constraint):
    return constraint and constraint.constraint_type


def test_constraints_are_checked_in_order_and_all_are_written_down():
    wish = with_constraints(preferred_models=("gpt-4o-mini",))
    checked = check(a_case(served=here(), settings=wish), FAST, NONE)
    assert [one.constraint_type for one in checked] == ORDER
    levels = list(ConstraintLevel)
    places = [levels.index(one.level) for one in checked]
    assert places == sorted(places)
    assert all(one.satisfied for one in checked if one.hard)
    assert broken(checked) is None


@pytest.mark.parametrize(
    ("changes", "limits", "name"),
    [
        pytest.param({"error_rate": 0.06}, {}, "max_error_rate_pct", id="fails too often"),
        pytest.param({"p95_latency_ms": 3100.0}, {}, "max_latency_p95_ms", id="too slow"),
        pytest.param({"quality_score": 0.7}, {}, "min_quality", id="too poor"),
        pytest.param(
            {"error_rate": 0.06, "p95_latency_ms": 9000.0},
            {},
            "max_error_rate_pct",
            id="the first of two",
        ),
        pytest.param({}, {"max_changes_per_day": 0}, "max_changes_per_day", id="too many changes"),
    ],
)
def test_the_first_hard_constraint_broken_ends_the_check(changes, limits, name):
    case = a_case(served=here(**changes), settings=with_constraints(**limits))
    checked = check(case, FAST, NONE)
    assert name_of(broken(checked)) == name
    assert checked[-1] is broken(checked)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"daily_budget": 400.0}, "daily_budget"),
        ({"hourly_budget": 17.0}, "hourly_budget"),
        ({"cost_per_request": 0.004}, "cost_per_request"),
        ({}, None),
    ],
)
def test_a_dearer_arm_must_stay_within_the_budgets(limits, name):
    case = a_case(
        incumbent=FAST.id,
        served={FAST.id: served(FAST), OLD.id: served(p95_latency_ms=900.0)},
        settings=with_constraints(**limits),
    )
    assert name_of(broken(check(case, OLD, NONE))) == name


def test_what_costs_less_than_now_breaks_no_budget():
    limits = with_constraints(daily_budget=1.0, hourly_budget=0.1, cost_per_request=0.0001)
    checked = check(a_case(served=here(), settings=limits), FAST, NONE)
    assert broken(checked) is None
    assert [one for one in checked if "yet below what runs now" in one.detail]


def test_what_is_not_known_neither_holds_nor_breaks():
    checked = check(a_case(prices=PriceList().history), CHEAP, NONE)
    known = {one.constraint_type: one.satisfied for one in checked}
    assert [name for name in ORDER[:6] if known[name] is not None] == []
    assert broken(checked) is None
    assert not needs_approval(checked)
    assert "not known" in checked[0].detail


def test_a_few_calls_prove_no_safety():
    checked = check(a_case(served=here(calls=49, error_rate=0.5)), FAST, NONE)
    assert checked[0].satisfied is None


@pytest.mark.parametrize(("minutes", "holds"), [(29, False), (30, True)])
def test_changes_keep_their_distance(minutes, holds):
    changes = Changes(last=START - timedelta(minutes=minutes), lately=1)
    checked = check(a_case(served=here()), FAST, changes)
    assert name_of(broken(checked)) == (None if holds else "min_minutes_between_changes")


@pytest.mark.parametrize(("lately", "holds"), [(4, True), (5, False)])
def test_a_day_has_so_many_changes(lately, holds):
    checked = check(a_case(served=here()), FAST, Changes(last=None, lately=lately))
    assert name_of(broken(checked)) == (None if holds else "max_changes_per_day")


def test_a_large_effect_needs_approval_whichever_way_it_goes():
    case = a_case(served=here())  # 0.0047 USD less for each of 3,600 calls an hour: 406 a day
    assert needs_approval(check(case, FAST, NONE))
    slow = {OLD.id: replace(served(), calls_per_hour=36.0)}
    assert not needs_approval(check(a_case(served=slow), FAST, NONE))
    back = {FAST.id: served(FAST), OLD.id: served(p95_latency_ms=900.0)}
    dearer = check(a_case(served=back, incumbent=FAST.id), OLD, NONE)
    assert needs_approval(dearer)
    assert broken(dearer) is None


def test_a_preference_never_forbids():
    wish = with_constraints(preferred_models=("haiku",))
    checked = check(a_case(served=here(), settings=wish), FAST, NONE)
    assert (checked[-1].constraint_type, checked[-1].satisfied) == ("preferred", False)
    assert broken(checked) is None
