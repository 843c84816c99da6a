from dataclasses import replace

import pytest

from optimizer.decide.constraints import Changes
from optimizer.decide.drafting import draft, validated
from optimizer.decide.thresholds import Thresholds
from optimizer.decisions import ChangeType, DecisionStatus
from tests.builders import ROUTE, START, an_arm
from tests.optimizer.decide.a_case import CHEAP, FAST, OLD, a_case, served

NONE = Changes(last=None, lately=0)


def drafted(case, changes=NONE):
    return draft(case, Thresholds().propose(case)[0], changes)


def changes_of(old, new):
    case = a_case(listed=old, incumbent=old.id, served={old.id: served(old)})
    case = replace(case, findings=(replace(case.findings[0], arm=old.id),))
    case = replace(case, route=replace(case.route, candidates=(new,)))
    return {
        one.parameter: (one.old_value, one.new_value, one.change_type.value)
        for one in drafted(case).changes
    }


def test_a_decision_says_what_why_and_on_which_evidence():
    decision = drafted(a_case())
    assert (decision.route, decision.target_services) == (ROUTE, ("shop",))
    assert (decision.incumbent, decision.candidate) == (OLD.id, FAST.id)
    assert (decision.status, decision.created_at) == (DecisionStatus.PENDING, START)
    assert decision.evidence == (a_case().findings[0].id_on(ROUTE),)
    assert "6000 ms against 5000 ms" in decision.rationale
    assert "p95 latency 1500 ms, now 6000 ms" in decision.rationale
    assert [one.arm for one in decision.alternatives] == [CHEAP.id]
    assert decision.metadata == {"requires_approval": "true"}


@pytest.mark.parametrize(
    ("old", "new", "name", "kind"),
    [
        ({}, {"temperature": 0.2}, "temperature", ChangeType.UPDATE),
        ({}, {"prompt": "short"}, "prompt", ChangeType.ADD),
        ({"prompt": "short"}, {}, "prompt", ChangeType.REMOVE),
        ({}, {"extra_params": {"seed": 1}}, "extra_params", ChangeType.ADD),
        ({}, {"cache": True}, "cache", ChangeType.UPDATE),
    ],
)
def test_changes_are_what_differs(old, new, name, kind):
    found = changes_of(an_arm("a", **old), an_arm("a", latency_p95_ms=10.0, **new))
    assert list(found) == [name]
    assert found[name][2] == kind.value


def test_a_model_is_replaced():
    found = changes_of(an_arm("a"), an_arm("b", latency_p95_ms=10.0))
    assert found == {"model": ("a", "b", "replace")}


def test_a_prompt_is_named_by_its_hash_never_quoted():
    arm = an_arm("b", latency_p95_ms=10.0)
    arm = replace(arm, config=replace(arm.config, system_prompt="You are a secret."))
    value = changes_of(an_arm("b"), arm)["system_prompt"][1]
    assert value.startswith("sha256:")
    assert "secret" not in repr(drafted(a_case()))


def test_against_an_arm_nobody_listed_only_what_was_declared_changes():
    new = an_arm("b", temperature=0.1, declared=("temperature",), latency_p95_ms=10.0)
    case = a_case(listed=None)
    case = replace(case, route=replace(case.route, candidates=(new,)))
    found = {one.parameter: (one.old_value, one.new_value) for one in drafted(case).changes}
    assert found == {"model": (None, "b"), "temperature": (None, 0.1)}


def test_the_best_option_that_breaks_nothing_is_taken():
    failing = served(FAST, p95_latency_ms=1000.0, error_rate=0.2)
    good = served(CHEAP, p95_latency_ms=2000.0)
    case = a_case(served={OLD.id: served(), FAST.id: failing, CHEAP.id: good})
    decision = drafted(case)
    assert decision.candidate == CHEAP.id
    assert [(one.arm, one.reason) for one in decision.alternatives] == [
        (FAST.id, "breaks max_error_rate_pct 5.0: 20 % of calls fail")
    ]
    assert validated(decision) == (decision,)


def test_when_every_option_breaks_something_the_best_is_refused_in_validation():
    decision = drafted(a_case(), Changes(last=None, lately=5))
    statuses = validated(decision)
    assert [one.status.value for one in statuses] == ["pending", "validating", "validation_failed"]
    assert {one.id for one in statuses} == {decision.id}
    assert statuses[-1].reason == (
        "max_changes_per_day (operational) is 5: 5 changes in the last 24 hours"
    )
