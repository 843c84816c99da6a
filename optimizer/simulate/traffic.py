"""A route's calls before they are answered: arrivals, users, tasks, and traffic incidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.documents import Unit
from optimizer.simulate.arrivals import MINUTE_NS, SECOND_NS, Arrivals
from optimizer.simulate.incidents import IncidentKind, concerning, levels, nanoseconds
from optimizer.simulate.outcomes import Asked
from optimizer.simulate.randomness import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.worlds import SimulatedRoute, World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

COPY_SPREAD_NS = 5 * SECOND_NS  # a call that a traffic incident adds comes so soon after its model


class _Made(NamedTuple):
    """Which arrivals make calls.

    All arrivals stand first, the dropped among them, and the copies after them: so what is drawn
    for an arrival does not depend on any incident.
    """

    rows: Ints
    later_ns: Ints
    copied: Bools
    kept: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """Who makes the calls of an `Asked`, row by row.

    Attributes:
        user: Number of the user within the route.
        conversation: Number of the conversation within the route.
        ids: uint8 `(n, 24)`, trace id then span id.
        kept: False where a traffic incident keeps the call from being made.
    """

    kept: Bools
    user: Ints
    conversation: Ints
    ids: NDArray[np.uint8]

    def unit(self, kind: Unit) -> Ints:
        """Give what assignment sticks to, as numbers to be hashed."""
        match kind:
            case Unit.USER:
                return self.user
            case Unit.CONVERSATION:
                return self.conversation
            case Unit.CALL:
                return np.ascontiguousarray(self.ids[:, 16:]).view(np.int64)[:, 0]


def ask(world: World, route: SimulatedRoute) -> tuple[Asked, Callers]:
    """Draw a route's calls in order of arrival, traffic incidents applied."""

    def random(purpose: str) -> np.random.Generator:
        return stream(world.seed, route.route, purpose)

    length_ns = nanoseconds(world.length)
    load = route.load.minutes(random("load"), -(-length_ns // MINUTE_NS))
    arrivals = route.traffic.arrive(random("arrivals"), length_ns, load)
    user = route.users.choose(random("users"), arrivals.user)
    conversation, opens = route.users.conversations(random("turns"), arrivals.at_ns, user)
    made = _made(world, route, arrivals.at_ns, random("traffic"))
    rows, count = made.rows, len(made.rows)
    at_ns = np.minimum(arrivals.at_ns[rows] + made.later_ns, length_ns - 1)
    task = random("tasks").integers(0, route.tasks, count)
    own_pace = route.users.effects(random("effects"), user)
    asked = Asked(
        at_ns=at_ns,
        task=task,
        cell=_cells(route, task, random("cells")),
        bulk=random("bulk").standard_normal(count),
        demand=_demand(arrivals, random("demand"), rows),
        pace=random("pace").standard_normal(count),
        start_pace=random("start_pace").standard_normal(count),
        slowdown=route.load.slowdown(load, at_ns) * own_pace[rows],
        luck=random("luck").random(count),
        fate=random("fate").random(count),
        opens=opens[rows] & ~made.copied,
        tokens_in=arrivals.tokens_in[rows],
        tokens_out=arrivals.tokens_out[rows],
    )
    ids = random("ids").integers(0, 256, (count, 24), np.uint8)
    callers = Callers(user=user[rows], conversation=conversation[rows], ids=ids, kept=made.kept)
    return asked, callers


def _demand(arrivals: Arrivals, random: np.random.Generator, rows: Ints) -> Floats:
    """Give how long answers are wanted: as the arrivals tell, standardized, else drawn."""
    drawn = random.standard_normal(len(rows))
    told = arrivals.tokens_out >= 0
    logs = np.log(np.maximum(1, arrivals.tokens_out))
    spread = float(logs[told].std()) if told.any() else 0.0
    if not spread:
        return drawn
    standardized = (logs - logs[told].mean()) / spread
    return np.where(told[rows], standardized[rows], drawn)


def _cells(route: SimulatedRoute, task: Ints, random: np.random.Generator) -> NDArray[np.int16]:
    if not route.cells:
        return np.full(len(task), -1, np.int16)
    if route.task_cell is not None:
        return route.task_cell[task].astype(np.int16)
    edges = np.cumsum([cell.share for cell in route.cells])[:-1]
    return np.searchsorted(edges, random.random(len(task)), side="right").astype(np.int16)


def _made(world: World, route: SimulatedRoute, at_ns: Ints, random: np.random.Generator) -> _Made:
    """Let the traffic incidents drop and copy arrivals."""
    concerned = concerning(world.incidents, IncidentKind.TRAFFIC, route.route)
    times = levels(1.0, concerned, at_ns)
    calls = np.floor(times + random.random(len(times))).astype(np.int64)
    every = np.arange(len(at_ns))
    copies = np.repeat(every, np.maximum(calls - 1, 0))
    later = (random.random(len(copies)) * COPY_SPREAD_NS).astype(np.int64)
    return _Made(
        rows=np.concatenate([every, copies]),
        later_ns=np.concatenate([np.zeros_like(every), later]),
        copied=np.repeat([False, True], [len(every), len(copies)]),
        kept=np.concatenate([calls > 0, np.ones(len(copies), np.bool_)]),
    )
