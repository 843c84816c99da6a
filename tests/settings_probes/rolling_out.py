"""Probes of `rollout`: how a change is brought to traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from tests.builders import a_decision
from tests.rollout_life import GIVEN, OLD, Life
from tests.rollout_traffic import Behaviour
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.settings import Settings


def units(settings: Settings) -> list[str]:
    """What assignments stick to in the first document."""
    return [one.unit.value for one in Life(settings).of(Document)]


def shares_of_an_equal_arm(settings: Settings) -> list[int]:
    """The candidate's slots, step by step, within 24 minutes."""
    life = Life(settings)
    life.minutes(24)
    return life.shares


def last_status(minutes: float, **traffic: Any) -> Any:
    """Give what tells the newest status after some minutes."""

    def see(settings: Settings) -> str:
        life = Life(settings, **traffic)
        life.minutes(minutes)
        decisions = life.of(OptimizationDecision)
        return str(decisions[-1].status) if decisions else "pending"

    return see


def waits(settings: Settings) -> list[str]:
    """What is said of a route that is never scored."""
    life = Life(settings)
    life.minutes(2)
    return life.rules


def noise(settings: Settings) -> float:
    """What is taken for the own noise of a candidate whose provider is another one."""
    candidate = settings.routes[0].candidates[0].id
    life = Life(settings, pending=a_decision(incumbent=OLD.id, candidate=candidate), rate=0.0)
    life.minutes(1)
    return float(life.state.acting.rollout.terms.wander_sd)


def why_undone(candidate: Behaviour) -> Any:
    """Give what tells why an arm was undone within three minutes."""

    def see(settings: Settings) -> str:
        life = Life(settings, candidate)
        life.minutes(3)
        return str(life.of(OptimizationDecision)[-1].reason.split(":")[0])

    return see


def _given(**rollout: Any) -> dict[str, Any]:
    return GIVEN | {"rollout": GIVEN["rollout"] | rollout}


ELSEWHERE = GIVEN | {
    "routes": [GIVEN["routes"][0] | {"candidates": [{"model": "elsewhere/gpt-4o"}]}]
}
FAILING, SLOW = Behaviour(errors=0.5), Behaviour(latency_ms=8000.0)
PROBES = (
    Probe("rollout.unit", ("conversation", "user"), units, (["conversation"], ["user"]), GIVEN),
    Probe(
        "rollout.least_step_secs",
        (60, 3600),
        shares_of_an_equal_arm,
        ([0, 10, 50, 100, 190, 200], [0, 10]),
        GIVEN,
    ),
    Probe(
        "rollout.max_step_secs",
        (600, 7200),
        last_status(15, rate=6.0),
        ("rolled_back", "deploying"),
        GIVEN,
    ),
    Probe(
        "rollout.holdback_pct",
        (5, 20),
        shares_of_an_equal_arm,
        ([0, 10, 50, 100, 190, 200], [0, 10, 50, 100, 160, 200]),
        GIVEN,
    ),
    Probe("rollout.cooling_secs", (300, 7200), last_status(24), ("completed", "monitoring"), GIVEN),
    Probe("rollout.require_quality", (True, False), waits, (["rollout_waits"], []), GIVEN),
    Probe("rollout.provider_noise_sd", (0.08, 0.3), noise, (0.08, 0.3), ELSEWHERE),
    Probe(
        "rollout.max_error_rate_pct",
        (99, 5),
        why_undone(FAILING),
        ("harm", "hard_limit"),
        GIVEN,
    ),
    Probe("rollout.max_latency_ms", (1e6, 4000), why_undone(SLOW), ("harm", "hard_limit"), GIVEN),
)
