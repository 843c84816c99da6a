"""Our way: up the ladder while the gates let it, then the holdback, or back at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.profiles import PROFILES
from optimizer.act.terms import METRICS, Incumbent, terms_of
from optimizer.act.trials import TICK_SECS, Outcome
from optimizer.settings import Settings
from optimizer.simulate.rivals import Standing
from tests.benchmarks.gates.panel import Panel
from tests.benchmarks.gates.post import Post
from tests.benchmarks.gates.traffic import TICKS_A_MINUTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.terms import Terms
    from tests.benchmarks.gates.outcomes import Served

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

ARMS = ("candidate", "incumbent")
FAILING = (Outcome.HARD_LIMIT, Outcome.HANG, Outcome.HARM)


class Climb(NamedTuple):
    """What rollouts go by.

    Attributes:
        terms: While they climb.
        after: In the holdback; None for no holdback.
        least_ticks: Least time of each step but the last.
        held: Whether they stay at their first step whatever is shown.
    """

    terms: Terms
    after: Terms | None
    least_ticks: tuple[int, ...]
    held: bool = False


class Ladder:
    """n rollouts under our gates.

    Args:
        climb: What they go by.
        rollouts: How many, n.

    Attributes:
        slots: (n,) slots of the candidates from now on.
        standing: (n,) how each stands.
        found: (n,) the outcome that undid it.
        blamed: (n,) place in `METRICS` of the metric that spoke most for harm then; -1 for none.
    """

    def __init__(self, climb: Climb, rollouts: int) -> None:
        self._climb = climb
        self._step = np.zeros(rollouts, np.int64)
        self._since = np.zeros(rollouts, np.int64)
        self._climbing = Panel(climb.terms, rollouts)
        self._holding = Panel(climb.after or climb.terms, rollouts)
        self._minute: list[Served] = []
        self._post, self._tick = Post(), 0
        slots, next_slots = climb.terms.ladder[:2]
        self._climbing.join(np.arange(rollouts), slots, next_slots)
        self.slots = np.full(rollouts, slots)
        self.standing = np.zeros(rollouts, np.int64)
        self.found = np.full(rollouts, Outcome.OPEN)
        self.blamed = np.full(rollouts, -1)

    def take(self, served: Served) -> None:
        """Take ten seconds of calls, look, and act on what is found."""
        self._post.send(served, self._step, self._tick)
        self._tick += 1
        self._minute.append(served)
        panels = [panel for panel in (self._climbing, self._holding) if len(panel.rows)]
        for panel in panels:
            panel.take(served)
        if self._tick % TICKS_A_MINUTE == 0:
            scores = self._post.arriving(range(self._tick - TICKS_A_MINUTE, self._tick))
            scores = scores._replace(new=scores.step == self._step[scores.row])
            for panel in panels:
                panel.take_minute(self._minute, scores)
            self._minute = []
        for panel in panels:
            self._act(panel, panel.outcomes())

    def _act(self, panel: Panel, outcomes: Ints) -> None:
        failing = np.isin(outcomes, FAILING)
        self._blame(panel, failing)
        self.found[failing] = outcomes[failing]
        self.standing[failing] = Standing.ROLLED_BACK
        self.slots[failing] = 0
        panel.leave(failing)
        if panel is self._climbing and not self._climb.held:
            self._let_in(outcomes == Outcome.PASSED)

    def _blame(self, panel: Panel, failing: Flags) -> None:
        here = failing[panel.rows]
        if here.any():
            judged = [
                METRICS.index(gate.metric) for gate in self._climb.terms.gates if gate.is_judged
            ]
            most = panel.log_harm()[here][:, judged].argmax(-1)
            self.blamed[panel.rows[here]] = np.array(judged)[most]

    def _let_in(self, passed: Flags) -> None:
        """Give the next step to those that passed and have waited long enough."""
        ladder = self._climb.terms.ladder
        for step in np.unique(self._step[passed])[::-1].tolist():
            waited = self._tick - self._since >= self._climb.least_ticks[step]
            mine = passed & waited & (self._step == step)
            slots = ladder[step + 1]
            self._since[mine], self._step[mine], self.slots[mine] = self._tick, step + 1, slots
            if step + 2 < len(ladder):
                self._climbing.begin_step(mine, slots, ladder[step + 2])
            elif mine.any():
                self.standing[mine] = Standing.PROMOTED
                self._climbing.leave(mine)
                if self._climb.after:
                    self._holding.join(np.flatnonzero(mine), slots, slots)


def climb_of(
    settings: Settings,
    incumbent: Incumbent,
    *,
    changes_answers: bool = False,
    other_provider: bool = False,
    held_at: int | None = None,
) -> Climb:
    """Work out what rollouts go by.

    Args:
        settings: The risk profile and the section `rollout` count.
        incumbent: What is known of it.
        changes_answers: Quality has to be shown.
        other_provider: The candidate's latency wanders by itself.
        held_at: Slots at which candidates begin and stay; None to climb.
    """
    terms, after = (
        terms_of(
            settings,
            ARMS,
            incumbent,
            changes_answers=changes_answers,
            other_provider=other_provider,
            is_holdback=is_holdback,
        )
        for is_holdback in (False, True)
    )
    if held_at is not None:
        terms = replace(terms, ladder=(held_at, terms.ladder[-1]))
    profile = PROFILES[settings.decisions.risk_profile]
    least = tuple(int(seconds / TICK_SECS) for seconds in profile.least_step_secs)
    return Climb(terms, after, least, held=held_at is not None)
