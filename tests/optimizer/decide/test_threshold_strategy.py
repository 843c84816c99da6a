from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.decide.thresholds import PRIORITIES, Thresholds
from optimizer.findings import Severity
from optimizer.settings import RiskProfile
from tests.builders import START, PriceList, an_arm
from tests.optimizer.decide.a_case import (
    CHEAP,
    FAST,
    OLD,
    a_case,
    a_finding_on,
    served,
    with_constraints,
    with_decisions,
)

COST_RULES = ["daily_budget", "cost_per_request", "cost_increase"]


def proposed(case):
    """Give the arms of each proposal, best first, by rule."""
    return {
        one.finding.rule: [option.arm.config.model for option in one.options]
        for one in Thresholds().propose(case)
    }


def why_not(case):
    return {one.arm: one.reason for each in Thresholds().propose(case) for one in each.rejected}


@pytest.mark.parametrize(
    ("rule", "arms"),
    [
        pytest.param("latency_threshold", ["gpt-4o-mini"], id="latency_threshold"),
        pytest.param("latency_increase", ["gpt-4o-mini"], id="latency_increase"),
        pytest.param("error_rate", ["gpt-4o-mini"], id="error_rate"),
        pytest.param("daily_budget", ["haiku", "gpt-4o-mini"], id="daily_budget"),
        pytest.param("cost_per_request", ["haiku", "gpt-4o-mini"], id="cost_per_request"),
        pytest.param("cost_increase", ["haiku", "gpt-4o-mini"], id="cost_increase"),
        pytest.param("quality_min", None, id="quality_min"),
        pytest.param("quality_drop", None, id="quality_drop"),
        pytest.param("traffic_stop", None, id="traffic_stop"),
        pytest.param("traffic_surge", None, id="traffic_surge"),
    ],
)
def test_each_rule_has_its_preference(rule, arms):
    arm = None if rule in {"daily_budget", "traffic_stop", "traffic_surge"} else OLD
    expected = {} if arms is None else {rule: arms}
    assert proposed(a_case(a_finding_on(arm, rule))) == expected


def test_errors_come_before_latency_and_latency_before_money():
    rules = ["cost_increase", "latency_threshold", "error_rate"]
    case = a_case(*(a_finding_on(OLD, rule) for rule in rules))
    assert list(proposed(case)) == rules[::-1]
    assert sorted(rules, key=PRIORITIES.__getitem__) == rules[::-1]


def test_a_finding_on_another_arm_changes_nothing():
    assert proposed(a_case(a_finding_on(FAST))) == {}


def test_a_warning_of_slower_latency_is_not_enough():
    warning = a_finding_on(OLD, "latency_increase", severity=Severity.WARNING)
    assert proposed(a_case(warning)) == {}


def test_what_was_recorded_here_counts_more_than_what_was_declared():
    slow_here = served(FAST, p95_latency_ms=5800.0, calls=50)
    case = a_case(served={OLD.id: served(), FAST.id: slow_here, CHEAP.id: served(CHEAP)})
    assert proposed(case) == {}
    few = served(FAST, p95_latency_ms=5800.0, calls=49)
    assert proposed(replace(case, served={**case.served, FAST.id: few})) == {
        "latency_threshold": ["gpt-4o-mini"]
    }


def test_the_newer_of_two_latencies_counts_when_it_is_worse():
    lately = served(FAST, p95_latency_ms=1000.0, current_p95_ms=9000.0)
    assert proposed(a_case(served={OLD.id: served(), FAST.id: lately})) == {}


@pytest.mark.parametrize(
    ("profile", "fits"),
    [
        (RiskProfile.AGGRESSIVE, [0.94]),
        (RiskProfile.BALANCED, [0.89]),
        (RiskProfile.CONSERVATIVE, [0.84]),
    ],
)
def test_a_profile_asks_for_its_least_improvement(profile, fits):
    for share in (0.96, 0.94, 0.91, 0.89, 0.86, 0.84):
        arms = {OLD.id: served(), FAST.id: served(FAST, p95_latency_ms=6000.0 * share)}
        case = a_case(served=arms, settings=with_decisions(risk_profile=profile))
        assert bool(proposed(case)) is (share <= fits[0])


def test_an_arm_that_fails_itself_is_no_way_out():
    case = a_case(a_finding_on(OLD), a_finding_on(FAST, "error_rate"))
    assert proposed(case) == {}
    case = a_case(a_finding_on(OLD, "error_rate"), a_finding_on(FAST, "error_rate"))
    assert proposed(case) == {"error_rate": ["haiku"]}
    assert why_not(case)[FAST.id] == "fails too often itself"


def test_from_errors_the_cheapest_is_a_way_out_when_no_latency_is_known():
    unknown = replace(FAST, latency_p95_ms=None)
    case = a_case(a_finding_on(OLD, "error_rate"))
    case = replace(case, route=replace(case.route, candidates=(unknown, CHEAP)))
    assert proposed(case) == {"error_rate": ["haiku", "gpt-4o-mini"]}


def test_every_candidate_not_chosen_has_its_reason():
    case = a_case(served={OLD.id: served(), CHEAP.id: served(CHEAP, p95_latency_ms=5900.0)})
    assert why_not(case) == {CHEAP.id: "p95 latency 5900 ms is not 10% below 6000 ms"}
    case = a_case(a_finding_on(OLD, "cost_increase"), prices=PriceList(gpt_4o=(2.5, 10)).history)
    assert proposed(case) == {}


@pytest.mark.parametrize("rule", COST_RULES)
@pytest.mark.parametrize(("minutes", "due"), [(0, True), (1, False), (14, False), (15, True)])
def test_money_waits_for_the_main_loop(rule, minutes, due):
    finding = a_finding_on(None if rule == "daily_budget" else OLD, rule)
    case = a_case(finding, at=START + timedelta(minutes=minutes))
    assert bool(proposed(case)) is due


def test_urgent_rules_act_at_any_minute():
    for rule in ("error_rate", "latency_threshold", "latency_increase"):
        case = a_case(a_finding_on(OLD, rule), at=START + timedelta(minutes=7))
        assert list(proposed(case)) == [rule]


def test_a_candidate_as_dear_as_the_incumbent_saves_nothing():
    twin = replace(OLD, prompt="shorter")
    case = a_case(a_finding_on(OLD, "cost_increase"))
    case = replace(case, route=replace(case.route, candidates=(twin,)))
    assert proposed(case) == {}


@pytest.mark.parametrize(
    "wish", [{"preferred_models": ("haiku",)}, {"preferred_providers": ("anthropic",)}]
)
@pytest.mark.parametrize(("p95", "first"), [(1550.0, "haiku"), (1700.0, "gpt-4o-mini")])
def test_preference_decides_among_equals_only(wish, p95, first):
    cheap = an_arm("haiku", latency_p95_ms=p95, extra_params={"provider": "anthropic"})
    case = a_case(settings=with_constraints(**wish))
    case = replace(case, route=replace(case.route, candidates=(FAST, cheap)))
    assert proposed(case)["latency_threshold"][0] == first


def test_without_anything_known_of_the_incumbent_nothing_is_proposed():
    for rule in ("latency_threshold", "cost_increase"):
        assert proposed(a_case(a_finding_on(OLD, rule), served={})) == {}


def test_without_candidates_nothing_is_proposed():
    case = a_case(a_finding_on(OLD, "error_rate"))
    assert proposed(replace(case, route=replace(case.route, candidates=()))) == {}


def test_the_listed_incumbent_is_a_candidate_when_another_arm_is_in_force():
    case = a_case(a_finding_on(CHEAP, "error_rate"), incumbent=CHEAP.id)
    case = replace(case, served={CHEAP.id: served(CHEAP), OLD.id: served(p95_latency_ms=900.0)})
    assert proposed(case) == {"error_rate": ["gpt-4o", "gpt-4o-mini"]}
