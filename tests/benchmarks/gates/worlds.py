"""The worlds in which gates are proved, and what a candidate may do in them.

Log latency: noise sd .6 and the user's own level sd .3; log cost: noise sd .8, the user's level sd
.3 and a Pareto tail on 2 % of calls; errors 2 % times the user's own factor; three cells whose mix
drifts; a daily rhythm of 50 % in rate and 22 % in level; a common load that wanders as AR(1).
Scores have an sd of .33, whatever their mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Traffic of a route, the same for all rollouts but for chance.

    Attributes:
        rate: Mean calls a minute.
        users: Who make them; None = as many as usual at the rate.
        user_sd: Sd of the log traffic a user.
        sticky: Minutes an assignment of a user holds; 0 = each call has its own, inf = for good.
        tails: Degrees of freedom of the noise of logs, which six sd cut off; 0 = normal.
        load_sd: Stationary sd of the common log load, correlation .95 from minute to minute.
        incident: Factor on errors of both arms for 20 minutes in every 240.
        own_sd: Stationary sd of a log load of the candidate's own, likewise.
        errors: Share of calls that fail.
        scored: Share of successful calls that are scored, 30 minutes later on average.
        streamed: Whether calls tell their time to the first token.
    """

    rate: float = 60.0
    users: int | None = None
    user_sd: float = 1.0
    sticky: float = 0.0
    tails: float = 0.0
    load_sd: float = 0.08
    incident: float = 1.0
    own_sd: float = 0.0
    errors: float = 0.02
    scored: float = 0.0
    streamed: bool = False

    @property
    def crowd(self) -> int:
        """How many users there are."""
        usual = 200 if self.rate < 30 else 600 if self.rate < 300 else 5000
        return self.users or usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What an arm does otherwise than usual.

    Attributes:
        latency: Factor on latency and time to first token.
        cost: Factor on cost.
        errors: Added to the share of calls that fail.
        quality: Added to the mean score.
        hangs: Share of its calls that never end.
    """

    latency: float = 1.0
    cost: float = 1.0
    errors: float = 0.0
    quality: float = 0.0
    hangs: float = 0.0


class Arms(NamedTuple):
    """What each arm does otherwise than usual.

    Attributes:
        candidate: What the candidate does.
        incumbent: What the incumbent does.
    """

    candidate: Effect = Effect()
    incumbent: Effect = Effect()


SESSION = 30.0
FOR_GOOD = float("inf")
CALL = World()

WORLDS = {
    "call": CALL,
    "session": replace(CALL, sticky=SESSION),
    "heavy_users": replace(CALL, sticky=SESSION, user_sd=2.0),
    "heavy_metrics": replace(CALL, tails=3.0),
    "load": replace(CALL, load_sd=0.25),
    "incidents": replace(CALL, incident=10.0),
    "own_noise": replace(CALL, own_sd=0.08),
    "all": World(sticky=SESSION, user_sd=2.0, tails=3.0, load_sd=0.25, incident=10.0, own_sd=0.08),
}
# Below the rule of effective slots: assignments for good, of users as uneven as real ones.
FEW_UNITS = replace(CALL, sticky=FOR_GOOD, user_sd=2.0)
EQUAL = Arms()
