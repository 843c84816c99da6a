"""How soon a candidate that is worse is undone, how often it is let in, and how soon an equal one.

Sixty calls a minute, assigned one by one, the balanced profile, unless a figure says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from optimizer.settings.policy import RiskProfile
from tests.benchmarks.figures import Figure
from tests.benchmarks.gates.cells import DAY, OURS, RIVALS, Cell
from tests.benchmarks.gates.parts import Parts
from tests.benchmarks.gates.worlds import CALL, WORLDS, Arms, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

STAGES = (250, 500, 1000)  # seeds
SCORED = replace(CALL, scored=0.2)
STREAMED = replace(CALL, streamed=True)
OTHER_PROVIDER = replace(STREAMED, own_sd=0.08)


class Harm(NamedTuple):
    """A candidate that is worse, and what is asked.

    Attributes:
        cell: What is played.
        most_tried: Most calls of it until it is undone, as a median; None where only told.
        most_promoted: Largest share let in; None where only told.
    """

    cell: Cell
    most_tried: int | None = None
    most_promoted: float | None = None


def _worse(name: str, tried: int | None, promoted: float | None, **effect: float) -> Harm:
    return Harm(Cell(name=name, world=CALL, arms=Arms(Effect(**effect))), tried, promoted)


def _conservative(name: str, tried: int, **effect: float) -> Harm:
    profile = RiskProfile.CONSERVATIVE
    cell = Cell(name=name, world=CALL, arms=Arms(Effect(**effect)), profile=profile, alpha=0.05)
    return Harm(cell, tried, 0.05)


def _quality(name: str, tried: int, promoted: float, quality: float) -> Harm:
    cell = Cell(name=name, world=SCORED, arms=Arms(Effect(quality=quality)), quality=True)
    return Harm(cell, tried, promoted)


HARMS = (
    _worse("latency_20", 350, 0.05, latency=1.2),
    _worse("latency_50", 75, 0.005, latency=1.5),
    _worse("latency_100", 40, 0.005, latency=2.0),
    _worse("cost_20", 500, 0.05, cost=1.2),
    _worse("cost_50", 100, 0.005, cost=1.5),
    _worse("errors_2", 1400, 0.05, errors=0.02),
    _worse("errors_5", 220, 0.005, errors=0.05),
    _worse("errors_10", 80, 0.005, errors=0.10),
    _conservative("conservative_latency_10", 1150, latency=1.1),
    _conservative("conservative_errors_1", 5000, errors=0.01),
    _quality("quality_05", 5000, 0.05, -0.05),
    _quality("quality_10", 1400, 0.05, -0.10),
    # Only told: half a margin, a candidate of another provider, calls that never end.
    _worse("latency_10", None, None, latency=1.1),
    _worse("cost_10", None, None, cost=1.1),
    _worse("errors_1", None, None, errors=0.01),
    _worse("hangs_20", None, None, hangs=0.2),
    Harm(Cell(name="streamed_20", world=STREAMED, arms=Arms(Effect(latency=1.2)))),
    Harm(Cell(name="other_provider_20", world=OTHER_PROVIDER, arms=Arms(Effect(latency=1.2)))),
    Harm(Cell(name="other_provider_50", world=OTHER_PROVIDER, arms=Arms(Effect(latency=1.5)))),
)
EQUALS = (
    Cell(name="equal", world=CALL),
    Cell(name="equal_session", world=WORLDS["session"]),
    Cell(name="equal_streamed", world=STREAMED),
    Cell(name="equal_other_provider", world=OTHER_PROVIDER),
    Cell(name="equal_quality", world=SCORED, quality=True),
    Cell(name="better", world=CALL, arms=Arms(Effect(latency=0.8, cost=0.5, errors=-0.01))),
)
BESIDE = {"latency_20", "latency_50", "cost_20", "errors_2", "errors_5", "latency_10", "equal"}


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Play as many seeds as are wanted, or as time allows; say what was found so far."""
    parts = Parts("gate_power", small=small)
    harms, equals = (HARMS[2:3], ()) if small else (HARMS, EQUALS)
    for seeds in (10,) if small else STAGES:  # all cells a little, then all more
        for cell in (*(harm.cell for harm in harms), *equals):
            parts.fill(cell, OURS, seeds)
            for rival in RIVALS if cell.name in BESIDE else ():
                parts.fill(cell, rival, seeds)
    for harm in harms:
        if parts.sums(harm.cell, OURS).seeds:
            yield from harm_figures(parts, harm)
    for cell in equals:
        if parts.sums(cell, OURS).seeds:
            yield from equal_figures(parts, cell)


def harm_figures(parts: Parts, harm: Harm) -> Iterator[Figure]:
    """Say how candidates that are worse fared."""
    name = harm.cell.name
    sums = parts.sums(harm.cell, OURS)
    asked = "told only" if harm.most_tried is None else f"at most {harm.most_tried} is asked"
    yield Figure(f"tried_{name}", sums.median("tried"), "calls", f"median; {asked}; {sums.note()}")
    yield Figure(f"minutes_{name}", sums.median("undone_min"), "min", "median until undone")
    told = "told only" if harm.most_promoted is None else f"at most {harm.most_promoted} is asked"
    yield Figure(f"promoted_{name}", sums.share("promoted"), "share", told)
    yield from _rivals(parts, harm.cell)


def equal_figures(parts: Parts, cell: Cell) -> Iterator[Figure]:
    """Say how candidates that are no worse fared."""
    sums = parts.sums(cell, OURS)
    yield Figure(f"promoted_{cell.name}", sums.share("promoted"), "share", f"{DAY / 60:g} h")
    yield Figure(f"calls_{cell.name}", sums.median("calls"), "calls", f"median; {sums.note()}")
    within = sum(calls <= 7000 for calls in sums.calls) / max(sums.seeds, 1)
    yield Figure(f"promoted_within_7000_calls_{cell.name}", within, "share", "of the route")
    yield Figure(f"minutes_{cell.name}", sums.median("promoted_min"), "min", "median to promotion")
    yield from _rivals(parts, cell)


def _rivals(parts: Parts, cell: Cell) -> Iterator[Figure]:
    for rival in RIVALS if cell.name in BESIDE else ():
        sums = parts.sums(cell, rival)
        if not sums.seeds:
            continue
        name = f"{cell.name}_{rival}"
        yield Figure(f"tried_{name}", sums.median("tried"), "calls", f"median; {sums.note()}")
        yield Figure(f"promoted_{name}", sums.share("promoted"), "share", sums.note())
