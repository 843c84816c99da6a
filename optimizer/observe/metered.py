"""Ten seconds of calls that are known from metrics alone, and the pane they become."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.observe.histograms import spread
from optimizer.observe.points import UNCOUNTED, Measure
from optimizer.panes import (
    AT,
    LATENCY,
    METRIC_SHIFT,
    PANE_NS,
    ROW_SHIFT,
    SLOT_SUMS,
    SUMS,
    ArmKey,
    Pane,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.observe.points import Delta, Point

    Ints = NDArray[np.int64]

_MOST = 1 << 53  # of any sum; real ones are far below
_STORED = 1 << 63  # of what state can hold as a number
_TOKENS = {
    Measure.TOKENS_IN: "tokens_in",
    Measure.TOKENS_OUT: "tokens_out",
    Measure.TOKENS_CACHED: "tokens_cached",
}


@dataclass(slots=True)
class Row:
    """What the points say of one arm.

    Attributes:
        calls: How many calls.
        errors: How many of them failed.
        latency_ns: How long the successful ones took together.
        blurred: Successful calls whose histogram tells no quantile.
        tokens_in: Input tokens, as all that follow.
        tokens_out: Output tokens.
        tokens_cached: Of the input, from a cache.
        cost_pusd: What they cost, pico-dollars.
        told: Calls whose input tokens are told, and their price known.
        untold: Tokens of known price came as mere sums, so of how many calls is not told.
        sketch: Calls in each bucket of latency.
    """

    calls: int = 0
    errors: int = 0
    latency_ns: int = 0
    blurred: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_pusd: int = 0
    told: int = 0
    untold: bool = False
    sketch: Counter[int] = field(default_factory=Counter)

    def add(self, point: Point, delta: Delta) -> None:
        """Add what a point adds."""
        if point.measure is Measure.CALLS:
            self._add_calls(delta, failed=point.failed)
            return
        name = _TOKENS[point.measure]
        setattr(self, name, getattr(self, name) + delta.total)
        if point.rate_pusd is not None:
            self.cost_pusd += delta.total * point.rate_pusd
            if point.measure is Measure.TOKENS_IN:
                self.told += max(delta.calls, 0)
                self.untold |= delta.calls == UNCOUNTED

    def _add_calls(self, delta: Delta, *, failed: bool) -> None:
        self.calls += delta.calls
        if failed:
            self.errors += delta.calls
            return
        self.latency_ns += delta.total
        if delta.histogram is None:
            self.blurred += delta.calls
            return
        found = spread(delta.histogram)
        self.blurred += found.blurred
        for bucket, count in zip(found.buckets.tolist(), found.counts.tolist(), strict=True):
            self.sketch[bucket] += count

    def sums(self) -> Mapping[str, int]:
        """Give the sums that are not zero by nature; no call's own moments are among them.

        A call that failed and told no tokens has cost nothing, as everywhere.
        """
        priced = self.calls if self.untold else self.told + self.errors
        cost_nusd = max(self.cost_pusd + 500, 0) // 1000
        return {
            "calls": self.calls,
            "errors": self.errors,
            "latency_ns": self.latency_ns,
            "priced": min(priced, self.calls),
            "cost_nusd": cost_nusd,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens_cached": self.tokens_cached,
            "calls_milli": 1000 * self.calls,
            "spend_nusd": cost_nusd,
            "metered": self.calls,
            "blurred": self.blurred,
        }


class Metered:
    """Ten seconds that are still being added to."""

    def __init__(self) -> None:
        self.rows: dict[ArmKey, Row] = {}

    def add(self, point: Point, delta: Delta) -> None:
        """Add what a point adds; cells are not told apart."""
        key = ArmKey(*point.key[:3])
        if key not in self.rows:
            self.rows[key] = Row()
        self.rows[key].add(point, delta)

    def seal(self, partition: str, pane: int) -> Pane:
        """Give what was added as a pane, rows sorted by name."""
        arms = sorted(self.rows)
        sums = np.zeros((len(arms), len(SUMS)), np.int64)
        codes: list[tuple[int, int]] = []
        for at, arm in enumerate(arms):
            for name, value in self.rows[arm].sums().items():
                sums[at, AT[name]] = min(value, _MOST)
            first = at << ROW_SHIFT | LATENCY << METRIC_SHIFT
            sketch = self.rows[arm].sketch
            codes += [(first | bucket, sketch[bucket]) for bucket in sorted(sketch)]
        table = np.array(codes, np.int64).reshape(-1, 2)
        nothing = np.zeros(0, np.int64)
        return Pane(
            partition=partition,
            start_ns=pane * PANE_NS,
            late_at_ns=-1,
            arms=tuple(arms),
            sums=sums,
            cell_rows=nothing,
            cell_names=(),
            cell_sums=np.zeros((0, len(SUMS)), np.int64),
            slots=np.zeros((0, 2), np.int64),
            slot_sums=np.zeros((0, len(SLOT_SUMS)), np.int64),
            codes=table[:, 0].copy(),
            counts=table[:, 1].copy(),
            metered=True,
        )

    def dump(self) -> list[Any]:
        """Give the state as plain values."""
        return [
            (tuple(arm), {name: _short(value) for name, value in asdict(row).items()})
            for arm, row in self.rows.items()
        ]

    @classmethod
    def load(cls, state: list[Any]) -> Metered:
        """Read what `dump` gave."""
        metered = cls()
        for arm, row in state:
            sketch = Counter(row.pop("sketch"))
            sums = {name: _whole(value) for name, value in row.items()}
            metered.rows[ArmKey(*arm)] = Row(sketch=sketch, **sums)
        return metered


def _short(value: Any) -> Any:
    """Write a sum that has no place in 64 bits as text; what producers claim may be any."""
    return str(value) if isinstance(value, int) and abs(value) >= _STORED else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) else value
