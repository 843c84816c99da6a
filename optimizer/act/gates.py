"""Gates: the evidence of n rollouts, and what it says of harm and of safety."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.clusters import Clusters
from optimizer.act.contrast import Contrast
from optimizer.act.margins import Margins
from optimizer.act.minutes import KIND_OF_MEAN, KIND_OF_SHARE
from optimizer.act.rates import Rates
from optimizer.act.terms import METRICS, WANDER_MINUTES, Terms
from optimizer.documents import SLOTS, Unit
from optimizer.statistics.normal_mixture import log_half_normal_mixture, normal_deviate
from optimizer.statistics.wander import share_left

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Minute

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

LEAST_CALLS = 20.0  # of each arm, before their means are looked at
LEAST_EFFECTIVE_SLOTS = 60.0
# How much less a share above the 95th percentile feels a shift of a normal log than its mean does,
# squared and per variance: density(z)^2 / (p (1 - p)) at p = .05 is .224.
_SLOW_FEELS = 0.25
_LATENCIES = np.array((1.0, 1.0, 0.0, 0.0, 0.0))  # means that wander


class Precision(NamedTuple):
    """What estimates are divided by.

    Attributes:
        variance: (n, 2, means) of effects, design effect and wandering included.
        freedom: (n, means) degrees of freedom of it.
        design: (n, shares) design effects of shares.
    """

    variance: Floats
    freedom: Floats
    design: Floats


@dataclass
class Gates:
    """The evidence of n rollouts that share their terms.

    Attributes:
        terms: What they are judged by.
        contrast: Their means.
        rates: Their shares.
        clusters: Their slots.
        minutes: (n, 2) minutes since the start, and since the step began.
        step: (n,) the present step, 0 the first.
        slots: (n,) slots of the candidate.
        past: (n, steps, metrics) log e-values of harm of steps as they ended; 0 for others.
    """

    terms: Terms
    contrast: Contrast
    rates: Rates
    clusters: Clusters
    minutes: Floats
    step: Ints
    slots: Ints
    past: Floats

    @classmethod
    def begin(cls, terms: Terms, n: int = 1) -> Gates:
        """Begin n rollouts with nothing seen."""
        margins = Margins.of(terms)
        return cls(
            terms,
            Contrast.empty(n, 0 if terms.is_holdback else 1),
            Rates.empty(n, margins.shares.shape[1]),
            Clusters.empty(n),
            np.zeros((n, 2)),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros((n, margins.steps, len(METRICS))),
        )

    def begin_step(self, slots: int, next_slots: int, mine: Bools) -> None:
        """Begin a step where `mine` (n,).

        Args:
            slots: The candidate has slots 0 to this.
            next_slots: What it would have after passing; one of the ladder's.
            mine: (n,) which rollouts.

        Raises:
            ValueError: The ladder has no such step.
        """
        if (self.slots > 0)[mine].any():
            self.past += np.where(
                mine[:, None, None], self._by_step(self._harm(self.precision())), 0.0
            )
        self.contrast.begin_step(mine)
        self.rates.begin_step(mine)
        self.minutes[mine, 1] = 0
        self.step[mine] = Margins.of(self.terms).step_before(next_slots)
        self.slots[mine] = slots

    def owned(self) -> Bools:
        """Give (n, slots) which slots are the candidate's."""
        owned: Bools = np.arange(SLOTS) < self.slots[:, None]
        return owned

    def add(self, minute: Minute) -> None:
        """Add a minute of calls of the step's revision."""
        owned = self.owned()
        arm = self.contrast.larger
        self.contrast.add(minute)
        self.rates.add(minute, self.terms, Margins.of(self.terms).shares)
        self.clusters.add(minute, owned if arm == 0 else ~owned, _within(minute, arm))
        self.minutes += (minute.trials[:, 0].sum(-1) > 0)[:, None]

    def effective_slots(self) -> Floats:
        """Give (n,) how many equal slots the calls since the start are worth."""
        by_call = SLOTS if self.terms.unit is Unit.CALL else 0
        known = self.clusters.calls.sum(-1) > 0
        return np.where(known, self.clusters.effective(), float(by_call))

    def precision(self) -> Precision:
        """Give what estimates are divided by, from all that was seen since the start."""
        design, freedom = self.clusters.design(), self.clusters.freedom()
        if not self.clusters.calls.any():  # no slots: each call stands for itself, or for nothing
            freedom = np.full_like(freedom, 1e9)
        plain = self.contrast.effects().variance * design[:, None, KIND_OF_MEAN]
        level = self.terms.wander_sd**2 * share_left(self.minutes, WANDER_MINUTES)
        wander = level[..., None] * _LATENCIES
        slow = 1 + _SLOW_FEELS * wander[:, 0, 0] / plain[:, 0, 0]
        shares = design[:, KIND_OF_SHARE] * np.stack((np.ones_like(slow), slow), axis=-1)
        return Precision(plain + wander, freedom[:, KIND_OF_MEAN], shares)

    def log_harm(self, precision: Precision | None = None) -> Floats:
        """Give (n, metrics) log e-values of harm: half of all steps, half the mean of each step's.

        Source: a mean of e-processes of one null is one, Vovk and Wang, Annals of Statistics 49,
        2021, section 3.

        Args:
            precision: As `precision` gives it, where that is known already.
        """
        harm = self._harm(precision or self.precision())
        steps = self.past + self._by_step(harm)
        each = np.logaddexp.reduce(steps, axis=1) - math.log(steps.shape[1])
        mixed: Floats = np.logaddexp(harm[:, 0], each) - math.log(2)
        return mixed

    def _by_step(self, harm: Floats) -> Floats:
        """Give (n, steps, metrics) log e-values of harm of the present step, in its place.

        A step that is begun again goes on with a new e-process: the product of both is one.
        """
        present = np.arange(self.past.shape[1]) == self.step[:, None]
        return np.where(present[..., None], harm[:, 1][:, None], 0.0)

    def log_total(self, log_harm: Floats, unusable: Bools | None = None) -> Floats:
        """Give (n,) the log e-value of a rollout: the mean of those of its judged metrics.

        Args:
            log_harm: (n, metrics) as `log_harm` gives them.
            unusable: (n, metrics) that count as if nothing had ever spoken for harm.
        """
        judged = [METRICS.index(gate.metric) for gate in self.terms.gates if gate.is_judged]
        used = log_harm if unusable is None else np.where(unusable, -np.inf, log_harm)
        total: Floats = np.logaddexp.reduce(used[:, judged], axis=-1) - math.log(len(judged))
        return total

    def log_safe(self, precision: Precision | None = None) -> Floats:
        """Give (n, metrics) log e-values of keeping the margin that the next step needs."""
        precision, margins = precision or self.precision(), Margins.of(self.terms)
        distance = margins.means.T[self.step]
        effect = distance - self.signed_effects()[:, 0]
        variance = precision.variance[:, 0]
        means = self._mixture(effect, variance, precision.freedom, distance)
        means = np.where(self.enough(), means, 0.0)
        safe = np.take_along_axis(self.rates.safe, self.step[:, None, None], axis=-1)[..., 0]
        return np.concatenate((means, safe / precision.design), axis=-1)

    def signed_effects(self) -> Floats:
        """Give (n, 2, means) effects, above 0 where the candidate is worse."""
        return self.contrast.effects().value * Margins.of(self.terms).worse

    def enough(self) -> Bools:
        """Give (n, means) which means both arms have calls enough for."""
        enough: Bools = self.contrast.calls.min(-1) >= LEAST_CALLS
        return enough

    def _harm(self, precision: Precision) -> Floats:
        """Give (n, 2, metrics) log e-values of harm, of all steps and of this one."""
        margins = Margins.of(self.terms)
        effect = self.signed_effects() - margins.harmless
        freedom = precision.freedom[:, None]
        means = self._mixture(effect, precision.variance, freedom, margins.scales)
        means = np.where(self.enough()[:, None], means, 0.0)
        shares = self.rates.log_harm() / precision.design[:, None]
        return np.concatenate((means, shares), axis=-1)

    @staticmethod
    def _mixture(effect: Floats, variance: Floats, freedom: Floats, scale: Floats) -> Floats:
        error = np.sqrt(variance)
        deviate = normal_deviate(effect / error, freedom)
        return log_half_normal_mixture(deviate * error, variance, scale)


def _within(minute: Minute, arm: int) -> Floats:
    """Give (n, kinds) sums of squared deviations of an arm's calls from their means."""
    means = np.array([0, 2, 4])  # latency, cost, quality in the order of MEANS
    count, total = minute.known[:, means, arm], minute.total[:, means, arm]
    squares = np.maximum(minute.square[:, means, arm] - total**2 / np.maximum(count, 1), 0)
    trials, hits = minute.trials[:, :1, arm], minute.hits[:, :1, arm]
    return np.concatenate((hits * (1 - hits / np.maximum(trials, 1)), squares), axis=-1)
