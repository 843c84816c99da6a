"""Cells: what is played, in which world and under whose rules, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.worlds.rivals import read_rivals
from optimizer.act.terms import METRICS
from optimizer.act.trials import Outcome
from optimizer.documents import Unit
from optimizer.settings import Settings
from optimizer.settings.policy import RiskProfile
from optimizer.simulate.rivals import FixedThresholds, MannWhitney, Rival
from tests.benchmarks.gates.history import History, history_of
from tests.benchmarks.gates.ladder import Climb, Ladder, climb_of
from tests.benchmarks.gates.playing import RivalWay, play
from tests.benchmarks.gates.traffic import TICKS_A_MINUTE
from tests.benchmarks.gates.worlds import EQUAL, Arms, Effect, World

if TYPE_CHECKING:
    from tests.benchmarks.gates.playing import Fates, Way

DAY = 1440.0
OURS = "ours"
RIVALS = ("fixed_thresholds", "mann_whitney")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is played.

    Attributes:
        name: Names the stream of chance: the same calls under everybody's rules.
        world: The world.
        arms: What the arms do otherwise than usual.
        minutes: For how long at most.
        profile: Whose margins and ladder count.
        alpha: In place of the profile's; None for that.
        quality: It has to be shown.
        held_at: Slots at which candidates begin and stay; None to climb.
        decided: Nothing is played after a promotion or rollback; else a holdback follows.
    """

    name: str
    world: World
    arms: Arms = EQUAL
    minutes: float = DAY
    profile: RiskProfile = RiskProfile.BALANCED
    alpha: float | None = None
    quality: bool = False
    held_at: int | None = None
    decided: bool = True

    def play(self, rules: str, part: int, seeds: int) -> dict[str, Any]:
        """Play some seeds under somebody's rules.

        Args:
            rules: `OURS` or one of `RIVALS`.
            part: Which of the parts of seeds.
            seeds: How many.
        """
        way = self._way(rules, seeds)
        names = (self.name, str(part))
        decided = self.decided or rules != OURS  # a rival has no holdback
        fates = play(self.world, self.arms, way, self.minutes, *names, decided=decided)
        told = _counts(fates) | (_times(fates) if self.decided else {})
        return told | _reasons(way) if isinstance(way, Ladder) else told

    def climb(self) -> Climb:
        """Give what our rollouts go by."""
        settings, unit = Settings(), Unit.CONVERSATION if self.world.sticky else Unit.CALL
        decisions = replace(settings.decisions, risk_profile=self.profile)
        rollout = replace(settings.rollout, unit=unit)
        climb = climb_of(
            replace(settings, decisions=decisions, rollout=rollout),
            known(self.world, self.arms).incumbent(self.world),
            changes_answers=self.quality,
            other_provider=self.world.own_sd > 0,
            held_at=self.held_at,
        )
        if self.alpha is not None:
            climb = climb._replace(terms=replace(climb.terms, alpha=self.alpha))
        return climb._replace(after=None) if self.decided else climb

    def _way(self, rules: str, seeds: int) -> Way:
        if rules == OURS:
            return Ladder(self.climb(), seeds)
        numbers, usual = read_rivals(), known(self.world, self.arms).usual
        rivals: dict[str, Rival] = {
            "fixed_thresholds": FixedThresholds(numbers.fixed_thresholds, usual, seeds),
            "mann_whitney": MannWhitney(numbers.mann_whitney, seeds),
        }
        return RivalWay(rivals[rules])

    def key(self, rules: str) -> str:
        """Name what is played under somebody's rules: other arms on the same calls are another."""
        swapped = "" if self.arms.incumbent == Effect() else " swapped"
        return f"{self.name}{swapped} {rules}"


@lru_cache
def known(world: World, arms: Arms) -> History:
    """Give what is known of the incumbent; the same is measured once."""
    return history_of(world, Arms(incumbent=arms.incumbent))


def _counts(fates: Fates) -> dict[str, Any]:
    promoted, undone = fates.promoted >= 0, fates.rolled_back >= 0
    return {
        "seeds": len(promoted),
        "promoted": int(promoted.sum()),
        "undone": int(undone.sum()),
        "undone_after": int((promoted & undone).sum()),
    }


def _times(fates: Fates) -> dict[str, Any]:
    promoted, undone = fates.promoted >= 0, fates.rolled_back >= 0
    return {
        "tried": np.sort(fates.tried[undone]).tolist(),
        "undone_min": np.sort(fates.rolled_back[undone] // TICKS_A_MINUTE).tolist(),
        "calls": np.sort(fates.calls[promoted]).tolist(),
        "promoted_min": np.sort(fates.promoted[promoted] // TICKS_A_MINUTE).tolist(),
    }


def _reasons(way: Ladder) -> dict[str, Any]:
    reasons = Counter(
        METRICS[blamed] if found == Outcome.HARM else Outcome(found).name.lower()
        for found, blamed in zip(way.found.tolist(), way.blamed.tolist(), strict=True)
        if found != Outcome.OPEN
    )
    return {"reasons": dict(sorted(reasons.items()))}
