"""What an arm's calls measure: drawn from a distribution, or taken from what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lognormal:
    """Latency, tokens: positive, with a long upper tail.

    Attributes:
        median: Half of the values are below it; above 0.
        sigma: Standard deviation of the natural logarithm, at least 0.
    """

    median: float
    sigma: float = 0.0

    def draw(self, deviates: Floats, tasks: Ints) -> Floats:
        """Turn standard normal deviates into values; which task it is does not matter."""
        del tasks
        return self.median * np.exp(self.sigma * deviates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recorded value a task; a call gets the value of its task.

    Attributes:
        values: `(n_tasks,)`, no value missing.
    """

    values: Floats

    def draw(self, deviates: Floats, tasks: Ints) -> Floats:
        """Look the tasks' values up; nothing is random but the choice of tasks."""
        del deviates
        return self.values[tasks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Scores in [0, 1], Beta distributed.

    Attributes:
        mean: Above 0, below 1.
        sd: Above 0, below sqrt(mean (1 - mean)): beyond that no distribution on [0, 1] reaches.
    """

    mean: float
    sd: float

    @property
    def strength(self) -> float:
        """Sum of the two shape parameters; positive for an sd that is possible."""
        return self.mean * (1 - self.mean) / self.sd**2 - 1

    def judge(self, random: np.random.Generator, tasks: Ints) -> Floats:
        """Draw a score for each task's call.

        Source: method of moments of the Beta distribution, Johnson, Kotz and Balakrishnan,
        "Continuous univariate distributions", vol. 2, 1995, section 25.4.
        """
        strength = self.strength
        return random.beta(self.mean * strength, (1 - self.mean) * strength, len(tasks))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScores:
    """One recorded score a task.

    Attributes:
        values: `(n_tasks,)` in [0, 1].
    """

    values: Floats

    @property
    def mean(self) -> float:
        """Mean over the tasks."""
        return float(self.values.mean())

    def judge(self, random: np.random.Generator, tasks: Ints) -> Floats:
        """Look the tasks' scores up; nothing is drawn from `random`."""
        del random
        return self.values[tasks]


Quantity = Lognormal | Recorded
Quality = Judged | RecordedScores
