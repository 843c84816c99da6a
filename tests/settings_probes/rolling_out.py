"""Probes of `rollout`: how a change is brought to traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from tests.builders import a_decision, a_summary, an_observation, minutes_later
from tests.rollout_life import GIVEN, NEW, OLD, Life
from tests.rollout_traffic import Behaviour
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.settings import Settings


FAILING, SLOW = Behaviour(errors=0.5), Behaviour(latency_ms=8000.0)
FAST = GIVEN["routes"][0]["candidates"][0] | {"latency_p95_ms": 500}
WITH_FAST = GIVEN | {"routes": [GIVEN["routes"][0] | {"candidates": [FAST]}]}


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


def proposed_after_it_failed(settings: Settings) -> list[str]:
    """What is proposed to a slow route whose only candidate was undone some minutes ago."""
    life = Life(settings, FAILING)
    life.minutes(6)
    at = minutes_later(20)
    slow = a_summary(arm=OLD.id, end=at, calls=3000, latency_slow=3000)
    _, outputs = life.controller.step(life.state, an_observation(at, slow))
    return [one.candidate for one in outputs if isinstance(one, OptimizationDecision)][:1]


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
    Probe(
        "rollout.retry_secs",
        (86400, 60),
        proposed_after_it_failed,
        ([], [NEW.id]),
        WITH_FAST | {"decisions": {"cooldown_secs": 0}},
    ),
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
