"""Gates against the formulae written out, and what evidence is divided by."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from optimizer.act.gates import Gates
from optimizer.act.minutes import Minute, empty_minute
from optimizer.act.terms import MEANS, METRICS
from optimizer.documents import SLOTS
from tests.optimizer.act.a_rollout import terms

LATENCY, ERRORS = METRICS.index("latency"), METRICS.index("errors")
ALL = np.ones(1, np.bool_)


def a_minute(seed: int, effect: float = 0.0, likeness: float = 0.0, calls: float = 2.0) -> Minute:
    """Calls of 200 slots, the first hundred the candidate's; those of a slot share a part."""
    chance, minute = np.random.default_rng(seed), empty_minute(1)
    own = np.random.default_rng(99).normal(0, 0.6 * math.sqrt(likeness), SLOTS)
    for slot in range(SLOTS):
        arm = 0 if slot < 100 else 1
        count = chance.poisson(calls)
        values = 7 + own[slot] + chance.normal(0, math.sqrt(1 - likeness), count) * 0.6
        values += effect * (arm == 0)
        failed = chance.random(count) < 0.02
        minute.known[0, 0, arm] += count
        minute.total[0, 0, arm] += values.sum()
        minute.square[0, 0, arm] += (values**2).sum()
        minute.trials[0, :, arm] += count
        minute.hits[0, 0, arm] += failed.sum()
        minute.slot_calls[0, slot, :2] = count
        minute.slot_total[0, slot, :2] = failed.sum(), values.sum()
    return minute


def played(*minutes: Minute, **changed: object) -> Gates:
    gates = Gates.begin(terms(**changed))
    gates.begin_step(100, 190, ALL)
    for minute in minutes:
        gates.add(minute)
    return gates


def mixture(effect: float, variance: float, scale: float, freedom: float) -> float:
    """Log e-value of an effect, written out with exact tails of t."""
    deviate = stats.norm.isf(stats.t.sf(effect / math.sqrt(variance), freedom))
    effect = deviate * math.sqrt(variance)
    total = variance + scale**2
    grown = scale**2 * effect**2 / (2 * variance * total)
    tail = stats.norm.logcdf(effect * scale / math.sqrt(variance * total))
    return math.log(2) + 0.5 * math.log(variance / total) + grown + tail


def test_harm_of_a_mean_is_half_of_all_steps_and_half_the_mean_of_each() -> None:
    gates = played(*(a_minute(seed, effect=0.1) for seed in range(5)))
    effects, precision = gates.contrast.effects(), gates.precision()
    margin = math.log(1.2)
    direct = mixture(
        float(effects.value[0, 0, 0]),
        float(precision.variance[0, 0, 0]),
        margin,
        float(precision.freedom[0, 0]),
    )
    # Three steps lead to the last one, and of two nothing is known yet.
    wanted = 0.5 * math.exp(direct) + 0.5 * (math.exp(direct) + 2) / 3
    assert gates.log_harm()[0, LATENCY] == pytest.approx(math.log(wanted), abs=0.03)


def test_harm_of_the_rollout_is_the_mean_over_judged_metrics() -> None:
    gates = played(*(a_minute(seed, effect=0.1) for seed in range(5)))
    logs = gates.log_harm()[0]
    judged = [METRICS.index(gate.metric) for gate in gates.terms.gates if gate.is_judged]
    assert "tokens" not in [METRICS[place] for place in judged]
    direct = math.log(np.exp(logs[judged]).mean())
    assert gates.log_total(gates.log_harm())[0] == pytest.approx(direct)


def test_safety_is_measured_from_the_margin_of_the_next_step() -> None:
    gates = played(*(a_minute(seed) for seed in range(5)))
    effects, precision = gates.contrast.effects(), gates.precision()
    margin = math.log(1 + 0.2)  # the last step leads to all of it
    direct = mixture(
        margin - float(effects.value[0, 0, 0]),
        float(precision.variance[0, 0, 0]),
        margin,
        float(precision.freedom[0, 0]),
    )
    assert gates.log_safe()[0, LATENCY] == pytest.approx(direct, abs=0.05)


def test_calls_of_a_slot_that_resemble_each_other_are_worth_less() -> None:
    alike = played(*(a_minute(seed, likeness=0.5) for seed in range(8))).precision()
    apart = played(*(a_minute(seed) for seed in range(8))).precision()
    ratio = alike.variance[0, 0, 0] / apart.variance[0, 0, 0]
    assert ratio == pytest.approx(1 + 0.5 * 16, rel=0.35)  # 16 calls a slot
    assert apart.design[0, 0] == pytest.approx(1, abs=0.25)


def test_another_provider_s_wandering_is_added_and_fades() -> None:
    minutes = [a_minute(seed) for seed in range(30)]
    plain, wandering = (played(*minutes, wander_sd=sd).precision() for sd in (0.0, 0.3))
    added = wandering.variance[0, 0] - plain.variance[0, 0]
    spans = 30 / 20
    left = 2 / spans * (1 - (1 - math.exp(-spans)) / spans)
    assert added[MEANS.index("latency")] == pytest.approx(0.09 * left)
    assert added[MEANS.index("cost")] == 0
    assert wandering.design[0, 1] > plain.design[0, 1]  # slow calls feel it too


def test_twenty_calls_of_each_arm_come_before_any_proof_by_means() -> None:
    gates = played(a_minute(1, effect=2.0, calls=0.15))
    assert gates.contrast.calls[0, 0].min() < 20
    assert gates.log_harm()[0, LATENCY] == pytest.approx(0)
    assert gates.log_safe()[0, LATENCY] == 0


def test_a_metric_that_is_worse_by_what_was_announced_is_no_harm() -> None:
    minutes = [a_minute(seed, effect=math.log(1.5)) for seed in range(8)]
    announced = tuple(
        replace(gate, tolerated=0.5) if gate.metric == "latency" else gate for gate in terms().gates
    )
    assert played(*minutes).log_harm()[0, LATENCY] > math.log(20)
    assert played(*minutes, gates=announced).log_harm()[0, LATENCY] < math.log(20)


def test_scores_are_worse_when_they_are_lower() -> None:
    gates = played()
    gates.contrast.weight[:], gates.contrast.gap[:] = 1.0, -0.2
    gates.contrast.freedom[:] = 100
    effects = gates.signed_effects()[0, 0]
    assert effects[MEANS.index("quality")] == pytest.approx(0.2)
    assert effects[MEANS.index("latency")] == pytest.approx(-0.2)


def test_effective_slots_are_those_of_both_arms() -> None:
    assert played(*(a_minute(seed, calls=20) for seed in range(3))).effective_slots()[0] > 190
    assert played().effective_slots()[0] == SLOTS  # by call: nothing sticks to anything
