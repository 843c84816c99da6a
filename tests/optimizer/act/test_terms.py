import pytest

from optimizer.act.margins import Margins
from optimizer.act.terms import MEANS, SHARES, Incumbent, terms_of
from optimizer.settings import validate
from tests.optimizer.act.a_rollout import ARMS, INCUMBENT, terms


def terms_with(incumbent: Incumbent = INCUMBENT, rollout: dict | None = None, **known):
    """Terms under settings of a rollout."""
    known = {"changes_answers": False, "other_provider": False} | known
    return terms_of(validate({"rollout": rollout or {}}), ARMS, incumbent, **known)


@pytest.mark.parametrize(
    ("profile", "alpha", "ladder"),
    [
        ("conservative", 0.01, (2, 10, 50, 100, 190)),
        ("balanced", 0.05, (10, 50, 100, 190)),
        ("aggressive", 0.10, (20, 100, 190)),
    ],
)
def test_the_risk_profile_gives_risk_and_ladder(profile, alpha, ladder):
    made = terms(profile)
    assert (made.alpha, made.ladder) == (alpha, ladder)


@pytest.mark.parametrize(
    ("holdback_pct", "ladder"),
    [(0.5, (10, 50, 100, 199)), (50, (10, 50, 100)), (20, (10, 50, 100, 160))],
)
def test_the_last_step_leaves_the_holdback(holdback_pct, ladder):
    assert terms_with(rollout={"holdback_pct": holdback_pct}).ladder == ladder


@pytest.mark.parametrize(
    ("known", "required"),
    [
        ({}, False),
        ({"changes_answers": True}, True),
        ({"changes_answers": True, "rollout": {"require_quality": False}}, False),
    ],
    ids=["same answers", "other answers", "not required"],
)
def test_quality_is_required_where_answers_may_change(known, required):
    gate = terms_with(**known).gate("quality")
    assert (gate is not None and gate.is_required) is required


def test_only_what_is_told_is_judged():
    made = terms_with(
        Incumbent(latency_p95_ms=3000, latency_p99_ms=4000, error_rate=0, is_priced=False)
    )
    assert [gate.metric for gate in made.gates] == ["latency", "tokens", "errors", "slow"]
    assert not made.gate("tokens").is_judged


@pytest.mark.parametrize(
    ("error_rate", "given", "limit"),
    [(0.0, None, 0.05), (0.03, None, 0.09), (0.5, None, 1.0), (0.01, 2, 0.02), (0.03, 2, 1.0)],
)
def test_what_the_incumbent_already_breaks_limits_nobody(error_rate, given, limit):
    incumbent = Incumbent(latency_p95_ms=3000, latency_p99_ms=4000, error_rate=error_rate)
    made = terms_with(incumbent, {"max_error_rate_pct": given})
    assert made.max_error_share == pytest.approx(limit)


def test_a_latency_limit_below_the_incumbent_s_is_none():
    assert terms_with(rollout={"max_latency_ms": 2000}).limit_bucket is None
    assert terms_with(rollout={"max_latency_ms": 4000}).limit_bucket is not None


def test_another_provider_wanders_by_itself():
    assert terms_with().wander_sd == 0
    assert terms_with(other_provider=True).wander_sd == 0.08


def test_margins_shrink_as_the_candidate_gets_more():
    margins = Margins.of(terms())
    latency, errors = MEANS.index("latency"), SHARES.index("errors")
    assert margins.shares[errors] == pytest.approx([0.08, 0.04, 0.02])
    assert margins.means[latency] == pytest.approx([0.5877867, 0.3364722, 0.1823216])  # logs


def test_what_the_decision_itself_announced_is_no_harm():
    made = terms_with(tolerated={"cost": 0.5, "latency": -0.2})
    assert made.gate("latency").tolerated == 0
    margins = Margins.of(made)
    cost = MEANS.index("cost")
    assert margins.harmless[cost] == pytest.approx(0.4054651)  # log of 1.5
    assert margins.means[cost][0] == pytest.approx(0.8329091)  # log of 1.5 + .2 / .25


def test_in_a_holdback_harm_begins_at_the_margin():
    margins = Margins.of(terms(is_holdback=True))
    assert margins.harmless[MEANS.index("latency")] == pytest.approx(0.1823216)  # log of 1.2


def test_a_step_off_the_ladder_is_refused():
    with pytest.raises(ValueError, match="60 slots are not on the ladder"):
        Margins.of(terms()).step_before(60)
