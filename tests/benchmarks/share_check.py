"""How soon traffic that is not where it was commanded to be is found, and how often for nothing.

Slots are stamped. Stale replicas go on with the document before; in the harder form they stamp the
new revision all the same, so that only slot and arm disagree. Calls are counted from the end of the
time of grace of a step on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.trials import TICK_SECS, Outcome
from optimizer.simulate.randomness import stream
from tests.benchmarks.figures import Figure
from tests.benchmarks.gates.cells import Cell
from tests.benchmarks.gates.outcomes import CANDIDATE, INCUMBENT, served_by
from tests.benchmarks.gates.panel import Panel
from tests.benchmarks.gates.post import Post
from tests.benchmarks.gates.traffic import TICKS_A_MINUTE, Traffic
from tests.benchmarks.gates.worlds import CALL, EQUAL, FEW_UNITS, WORLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.benchmarks.gates.outcomes import Served
    from tests.benchmarks.gates.worlds import World

    Ints = NDArray[np.int64]

TICKS_AN_HOUR = 360
FIVE, QUARTER = 10, 50  # slots
AT_ONCE = 250


class Staleness(NamedTuple):
    """Traffic that is not where it should be.

    Attributes:
        name: What it is called.
        slots: The candidate should have.
        old: It has at stale replicas.
        share: Of calls that meet one.
        most: Calls within which that is to be found, as a median.
    """

    name: str
    slots: int
    old: int
    share: float
    most: int


STALE = (
    Staleness("0_for_5", FIVE, 0, 1.0, 80),
    Staleness("5_for_25", QUARTER, FIVE, 1.0, 20),
    Staleness("one_of_four_at_5", FIVE, 0, 0.25, 300),
    Staleness("one_of_four_at_25", QUARTER, FIVE, 0.25, 300),
)


# Right traffic, and what of it is stamped: without slots the share of calls is tested, which only
# calls assigned one by one allow.
QUIET: dict[str, tuple[World, str]] = {
    "sticky_heavy_users": (FEW_UNITS, "revision"),
    "session_heavy_users": (WORLDS["heavy_users"], "revision"),
    "call_without_slots": (CALL, "nothing"),
}


class Found(NamedTuple):
    """What looks found.

    Attributes:
        at: (n,) tick of the first alarm; -1 for none.
        calls: (n,) calls of the route since the time of grace until then.
        passed: (n,) whether any look passed.
    """

    at: Ints
    calls: Ints
    passed: NDArray[np.bool_]


def watch(world: World, case: Staleness, n: int, ticks: int, *, stamped: str) -> Found:
    """Watch n rollouts for some ticks.

    Args:
        world: The world.
        case: What is wrong.
        n: How many rollouts.
        ticks: For how long.
        stamped: `revision`: stale calls carry the older one; `slot`: they claim the newest;
            `nothing`: no call carries a slot.
    """
    terms = Cell(name=case.name, world=world).climb().terms
    panel = Panel(terms, n, slotted=stamped != "nothing")
    panel.join(np.arange(n), case.slots, terms.ladder[terms.ladder.index(case.slots) + 1])
    traffic = Traffic(world, n, stream(1, case.name))
    found = Found(np.full(n, -1), np.zeros(n, np.int64), np.zeros(n, np.bool_))
    minute = []
    for tick in range(ticks):
        minute.append(astray(traffic, case, world, stamped=stamped))
        panel.take(minute[-1])
        if len(minute) == TICKS_A_MINUTE:
            panel.take_minute(minute, Post().arriving(range(0)))
        outcomes = panel.outcomes()
        searching = found.at < 0
        if tick * TICK_SECS >= terms.grace_secs:
            found.calls[searching] += np.bincount(minute[-1].row, minlength=n)[searching]
        found.at[searching & (outcomes == Outcome.SHARE_MISMATCH)] = tick + 1
        found.passed[:] |= outcomes == Outcome.PASSED
        minute = minute[len(minute) // TICKS_A_MINUTE * TICKS_A_MINUTE :]
        if (found.at >= 0).all():
            break
    return found


def astray(traffic: Traffic, case: Staleness, world: World, *, stamped: str) -> Served:
    """Let the next ten seconds of calls be served where some meet a stale replica."""
    drawn = traffic.next()
    stale = drawn.replica < case.share
    tried = drawn.slot < np.where(stale, case.old, case.slots)
    arm = np.where(tried, CANDIDATE, INCUMBENT)
    served = served_by(drawn, arm, EQUAL, world, traffic.own_load)
    return served._replace(stale=stale & (stamped == "revision"))


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Watch traffic that goes astray, and traffic that does not."""
    for case in STALE:
        for stamped in ("slot", "revision"):
            yield from late_figures(case, stamped, 20 if small else 1000)
    for world in QUIET:
        yield from quiet_figures(world, 10 if small else 2000, 60 if small else 6 * TICKS_AN_HOUR)
    yield unverified_figure(10 if small else 250, 60 if small else 6 * TICKS_AN_HOUR)


def late_figures(case: Staleness, stamped: str, n: int) -> Iterator[Figure]:
    """Say how soon stale replicas are found."""
    found = watch(CALL, case, n, TICKS_AN_HOUR, stamped=stamped)
    seen, name = found.at >= 0, f"{case.name}_by_{stamped}"
    note = f"median; at most {case.most} is asked; {seen.mean():.3f} of {n} found in an hour"
    yield Figure(f"calls_to_find_{name}", float(np.median(found.calls[seen])), "calls", note)
    seconds = float(np.median(found.at[seen])) * TICK_SECS
    yield Figure(f"seconds_to_find_{name}", seconds, "s", "median, since the step began")


def quiet_figures(name: str, seeds: int, ticks: int) -> Iterator[Figure]:
    """Say how often right traffic is taken for wrong."""
    world, stamped = QUIET[name]
    parts = range(0, seeds, AT_ONCE)
    alarms = [
        false_alarms(world, f"{name} {first}", min(AT_ONCE, seeds - first), ticks, stamped=stamped)
        for first in parts
    ]
    note = f"{seeds} seeds, {ticks / TICKS_AN_HOUR:g} h"
    yield Figure(f"false_alarms_{name}", sum(alarms) / seeds, "share", note)


def false_alarms(world: World, name: str, n: int, ticks: int, *, stamped: str) -> int:
    """Count rollouts whose right traffic the share check takes for wrong in some ticks."""
    terms, right = Cell(name=name, world=world).climb().terms, Staleness(name, FIVE, FIVE, 0.0, 0)
    panel, traffic = (
        Panel(terms, n, slotted=stamped != "nothing"),
        Traffic(world, n, stream(1, name)),
    )
    panel.join(np.arange(n), *terms.ladder[:2])
    alarmed = np.zeros(n, np.bool_)
    for _ in range(ticks):
        panel.take(astray(traffic, right, world, stamped=stamped))
        alarmed |= panel.trials.share.is_mismatched(terms.unit)
    return int(alarmed.sum())


def unverified_figure(seeds: int, ticks: int) -> Figure:
    """Say how often equal arms pass where nothing vouches for where calls go."""
    equal = Staleness("unverified", FIVE, FIVE, 0.0, 0)
    found = watch(WORLDS["session"], equal, seeds, ticks, stamped="nothing")
    note = f"{seeds} seeds, {ticks / TICKS_AN_HOUR:g} h; 0 is asked"
    return Figure("passed_unverified", float(found.passed.mean()), "share", note)
