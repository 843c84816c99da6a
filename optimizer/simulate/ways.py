"""What a played loop came to, beside what rivals and hindsight make of the same calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.arrivals import MINUTE_NS
from optimizer.simulate.contest import Contest, trials
from optimizer.simulate.episodes import Episode, episodes
from optimizer.simulate.worth import Figures, figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from optimizer.simulate.contest import Rivalry
    from optimizer.simulate.hindsight import Hindsight
    from optimizer.simulate.steering import Steering

    Floats = NDArray[np.float64]
    Arms = NDArray[np.int16]

OPTIMIZER, INCUMBENT = "optimizer", "incumbent only"
BEST_ARM, BEST_TABLE = "best arm in hindsight", "best table by cell in hindsight"
_POINTS = 240  # of a series, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """How it went, in stretches of equal length; sums are running ones.

    Attributes:
        width_s: Length of a stretch, seconds; the first begins with the world.
        shares: By arm's id, its share of each stretch's calls; 0 where there are none.
        saved_usd: What the same calls would have cost more with the incumbent, up to each end.
        bad_calls: Calls that met a bad arm, up to each end.
        quality: Mean quality up to each end, as if all had been judged; None where nothing is.
    """

    width_s: int
    shares: Mapping[str, tuple[float, ...]]
    saved_usd: tuple[float, ...]
    bad_calls: tuple[int, ...]
    quality: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What one way of steering a route came to.

    Attributes:
        name: Which way.
        total: All its calls.
        by_arm: Those of each arm, by id; they add up to all.
        bad_calls: Calls that met an arm worse than the incumbent at the same time.
        bad_cost_usd: What those cost.
        saved_usd: What all calls would have cost more with the incumbent.
        episodes: Whiles in which traffic met a bad arm.
        series: How it went.
    """

    name: str
    total: Figures
    by_arm: Mapping[str, Figures]
    bad_calls: int
    bad_cost_usd: float
    saved_usd: float
    episodes: tuple[Episode, ...]
    series: Series


def ways(
    known: Hindsight,
    steering: Steering,
    rivalry: Rivalry,
) -> list[Way]:
    """Tell what came of a route: of ours, of the rivals, and of what hindsight would have done.

    Args:
        known: What is known of the route afterwards.
        steering: Who served its calls.
        rivalry: Who else tries the candidates.
    """
    count = len(known.drawn.asked)
    tried = trials(steering, known.drawn)
    served: dict[str, Arms] = {OPTIMIZER: steering.assigned.arm}
    for name, make in rivalry.makes.items():
        served[name] = Contest(known.drawn, known.valued, make, rivalry.lag_ns).play(tried)
    served[INCUMBENT] = np.zeros(count, np.int16)
    served[BEST_ARM] = np.full(count, known.best_arm(), np.int16)
    if known.drawn.route.cells:
        served[BEST_TABLE] = known.best_table()
    return [way(known, name, arm) for name, arm in served.items()]


def way(known: Hindsight, name: str, arm: Arms) -> Way:
    """Tell what one way of steering a route came to."""
    rows, valued = known.drawn.made, known.valued
    served, bad = arm[rows], known.is_bad(rows, arm[rows])
    saved_usd = valued.cost_usd[0, rows] - valued.cost_usd[served, rows]
    ids = [item.arm.id for item in known.drawn.route.arms]
    return Way(
        name=name,
        total=figures(valued, rows, served),
        by_arm={
            ids[place]: figures(valued, rows[served == place], served[served == place])
            for place in np.unique(served).tolist()
        },
        bad_calls=int(bad.sum()),
        bad_cost_usd=float(valued.cost_usd[served[bad], rows[bad]].sum()),
        saved_usd=float(saved_usd.sum()),
        episodes=tuple(episodes(known, arm)),
        series=_series(known, served, bad, saved_usd),
    )


def _series(known: Hindsight, served: Arms, bad: NDArray[np.bool_], saved_usd: Floats) -> Series:
    minutes = -(-known.length_ns // MINUTE_NS)
    width = -(-minutes // _POINTS)
    points = -(-minutes // width)
    place = known.drawn.asked.at_ns[known.drawn.made] // (width * MINUTE_NS)
    calls = np.maximum(np.bincount(place, minlength=points), 1)
    quality = known.valued.quality[served, known.drawn.made]
    judged = ~np.isnan(quality)
    total = np.cumsum(np.bincount(place, np.where(judged, quality, 0.0), points))
    count = np.cumsum(np.bincount(place, judged, points)).tolist()
    shares = {
        item.arm.id: np.bincount(place, served == number, points) / calls
        for number, item in enumerate(known.drawn.route.arms)
    }
    return Series(
        width_s=width * 60,
        shares={arm: tuple(share.tolist()) for arm, share in shares.items() if share.any()},
        saved_usd=tuple(np.cumsum(np.bincount(place, saved_usd, points)).tolist()),
        bad_calls=tuple(np.cumsum(np.bincount(place, bad, points)).astype(int).tolist()),
        quality=tuple(s / n if n else None for s, n in zip(total.tolist(), count, strict=True)),
    )
