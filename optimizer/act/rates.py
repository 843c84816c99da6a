"""Rates: shares of bad calls of two arms compared within each minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.terms import HISTORY_CALLS, SHARE_OF_SLOW, SHARES, Terms
from optimizer.statistics.binary_evidence import (
    ODDS,
    Block,
    conditional_odds,
    inferiority,
    non_inferiority,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Minute

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

# In a holdback harm is measured from the margin: alternatives are that many margins worse.
_MARGINS_WORSE = np.array((1.5, 2.0, 3.0, 5.0, 8.0, 12.0))


@dataclass
class Rates:
    """What the minutes so far say of shares.

    Attributes:
        harm: (n, 2, shares, alternatives) log likelihood ratios of harm; of all steps, and of this
            one.
        safe: (n, shares, margins) log likelihood ratios of keeping each margin.
        trials: (n, shares, 2) calls of each arm.
        hits: (n, shares, 2) bad ones.
    """

    harm: Floats
    safe: Floats
    trials: Floats
    hits: Floats

    @classmethod
    def empty(cls, n: int, margins: int) -> Rates:
        """Begin with nothing seen, for n rollouts with so many margins."""
        shares = len(SHARES)
        pair = (n, shares, 2)
        return cls(*map(np.zeros, ((n, 2, shares, len(ODDS)), (n, shares, margins), pair, pair)))

    def begin_step(self, mine: Bools) -> None:
        """Forget what was of the former step only, where `mine` (n,)."""
        self.harm[mine, 1] = 0

    def add(self, minute: Minute, terms: Terms, margins: Floats) -> None:
        """Add a minute.

        Args:
            minute: The minute.
            terms: What candidates are judged by.
            margins: (shares, margins) those that the ladder needs.
        """
        hits, trials = minute.hits, minute.trials
        block = Block(hits[..., 0], trials[..., 0], hits[..., 1], trials[..., 1])
        rate = self.control_rates(terms)
        self.harm += self._harm(block, rate, terms)[:, None]
        if margins.size:
            wide = Block(*(part[..., None] for part in block))
            self.safe += non_inferiority(wide, rate[..., None], margins)
        self.trials += trials
        self.hits += hits

    def control_rates(self, terms: Terms) -> Floats:
        """Give (n, shares) control's rates as known so far, its history included."""
        history = np.array((terms.history_error_rate, SHARE_OF_SLOW)) * HISTORY_CALLS
        rate: Floats = (history + self.hits[..., 1]) / (HISTORY_CALLS + self.trials[..., 1])
        # Not even 400 clean calls prove that nothing ever fails.
        return np.maximum(rate, 0.5 / (HISTORY_CALLS + self.trials[..., 1]))

    @staticmethod
    def _harm(block: Block, rate: Floats, terms: Terms) -> Floats:
        if not terms.is_holdback:
            return conditional_odds(block)
        gates = (terms.gate(metric) for metric in SHARES)
        margin = np.array([gate.margin if gate else 1.0 for gate in gates])
        wide = Block(*(part[..., None] for part in block))
        return inferiority(wide, rate[..., None], margin[:, None] * _MARGINS_WORSE, margin[:, None])

    def log_harm(self) -> Floats:
        """Give (n, 2, shares) log e-values of harm, mixed over the alternatives."""
        top = self.harm.max(-1, keepdims=True)
        mixed: Floats = top[..., 0] + np.log(np.exp(self.harm - top).mean(-1))
        return mixed
