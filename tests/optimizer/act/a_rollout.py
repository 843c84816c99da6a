"""A rollout's calls made up one by one, and summed to the rows that a judge is given."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from optimizer.act.judge import Judge
from optimizer.act.terms import Incumbent, Terms, terms_of
from optimizer.documents import Unit
from optimizer.panes import AT, COST, LATENCY, METRIC_SHIFT, PANE_NS, ROW_SHIFT, SLOT_SUMS, SUMS
from optimizer.rollouts import Rows, Tick, Verdict
from optimizer.settings import validate
from optimizer.statistics.sketch import bucket_of, log2_fixed

ARMS = ("small", "large")
INCUMBENT = Incumbent(latency_p95_ms=3000, latency_p99_ms=4000, error_rate=0.02)


@dataclass(frozen=True)
class Made:
    """A call: whose, and how it went."""

    arm: str
    revision: int
    slot: int
    latency_ms: float = 1000.0
    cost_usd: float = 0.001
    failed: bool = False
    score: float | None = None


def terms(profile: str = "balanced", **changed: Any) -> Terms:
    """Terms of a call-randomised rollout whose answers stay the same."""
    settings = validate({"decisions": {"risk_profile": profile}})
    made = terms_of(settings, ARMS, INCUMBENT, changes_answers=False, other_provider=False)
    return replace(made, **{"unit": Unit.CALL, **changed})


def sums_of(call: Made) -> dict[str, int]:
    """What a call adds to the sums, from their definitions."""
    values = {"calls": 1, "errors": int(call.failed)}
    if not call.failed:
        for name, value in (("latency", call.latency_ms * 1e6), ("cost", call.cost_usd * 1e9)):
            log2 = float(np.log2(value))
            values[f"{name}_log"] = round(log2 * 65536)
            values[f"{name}_log_square"] = round(log2 * log2 * 65536)
        values |= {"latency_ns": int(call.latency_ms * 1e6), "timed": 1, "billed": 1}
    if call.score is not None:
        values |= {"scores": 1, "score": round(call.score * 1e6)}
        values["score_square"] = round(call.score**2 * 1e12)
    return values


def rows_of(calls: list[Made]) -> Rows | None:
    """Sum calls by arm and revision, by slot, and into sketches."""
    if not calls:
        return None
    names = sorted({(call.arm, call.revision) for call in calls})
    sums = np.zeros((len(names), len(SUMS)), np.int64)
    slots: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    codes: dict[int, int] = defaultdict(int)
    for call in calls:
        row = names.index((call.arm, call.revision))
        for name, value in sums_of(call).items():
            sums[row, AT[name]] += value
            if name in SLOT_SUMS and call.slot >= 0:
                slots[row, call.slot][name] += value
        if not call.failed:
            for metric, value in ((LATENCY, call.latency_ms * 1e6), (COST, call.cost_usd * 1e9)):
                bucket = int(bucket_of(log2_fixed(np.array([int(value)])))[0])
                codes[row << ROW_SHIFT | metric << METRIC_SHIFT | bucket] += 1
    lines = sorted(slots)
    return Rows(
        names=tuple(names),
        sums=sums,
        slots=np.array(lines, np.int64).reshape(-1, 2),
        slot_sums=np.array(
            [[slots[line][name] for name in SLOT_SUMS] for line in lines], np.int64
        ).reshape(-1, len(SLOT_SUMS)),
        codes=np.array(sorted(codes), np.int64),
        counts=np.array([codes[code] for code in sorted(codes)], np.int64),
    )


class World:
    """Call-randomised traffic that follows the document, ten seconds at a time.

    Args:
        seed: Of all chance.
        calls: In ten seconds, on average.
        candidate: How the candidate's calls differ: `slower` (log), `dearer` (log), `failing`
            (share more), `worse` (score), `hanging` (share of calls that never end).
    """

    def __init__(self, seed: int, calls: float = 10, scored: float = 0.0, **candidate: float):
        self.random = np.random.default_rng(seed)
        self.rate, self.scored, self.candidate = calls, scored, candidate
        self.end_ns = 0

    def tick(self, slots: int, revision: int, *, stale: float = 0.0, slotted: bool = True) -> Tick:
        """Give the next ten seconds, the candidate on slots 0 to `slots`."""
        self.end_ns += PANE_NS
        made = (self._call(slots, revision, stale) for _ in range(self.random.poisson(self.rate)))
        calls = [call if slotted else replace(call, slot=-1) for call in made if call]
        return Tick(route="acme/shop/chat", end_ns=self.end_ns, rows=rows_of(calls))

    def _call(self, slots: int, revision: int, stale: float) -> Made | None:
        chance, slot = self.random, int(self.random.integers(200))
        is_stale = chance.random() < stale
        arm = ARMS[0] if slot < slots and not is_stale else ARMS[1]
        effect = self.candidate if arm == ARMS[0] else {}
        if chance.random() < effect.get("hanging", 0.0):
            return None
        scored = chance.random() < self.scored
        return Made(
            arm=arm,
            revision=revision,
            slot=slot,
            latency_ms=1000 * np.exp(chance.normal(effect.get("slower", 0.0), 0.6)),
            cost_usd=0.001 * np.exp(chance.normal(effect.get("dearer", 0.0), 0.8)),
            failed=chance.random() < 0.02 + effect.get("failing", 0.0),
            score=float(np.clip(chance.normal(0.7 - effect.get("worse", 0.0), 0.3), 0, 1))
            if scored
            else None,
        )


def judged(
    judge: Judge, world: World, ticks: int, slots: int, revision: int, **how: Any
) -> Verdict:
    """Let a judge take ticks; give the last verdict, or the first that ends a step."""
    for _ in range(ticks):
        verdict = judge.take(world.tick(slots, revision, **how))
        if verdict.kind in {"pass", "fail", "invalid", "pause"}:
            break
    return verdict
