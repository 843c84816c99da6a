"""How often a candidate that is no worse is undone, in eight worlds, and one that is worse let in.

Each rollout is looked at every ten seconds for six hours: climbing the ladder into its holdback, or
held at half of the traffic. Hard limits and the watch for hanging calls are armed throughout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.statistics.proportions import upper_bound
from tests.benchmarks.figures import Figure
from tests.benchmarks.gates.cells import OURS, RIVALS, Cell
from tests.benchmarks.gates.parts import Parts, Sums
from tests.benchmarks.gates.worlds import CALL, FEW_UNITS, WORLDS, Arms, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIX_HOURS = 360.0
HALF = 100  # slots
SEEDS = {60: 2000, 10: 300, 600: 300}  # by calls a minute
STAGES = (250, 500, 1000, 2000)
BESIDE = 60  # the rate at which rivals are played as well
AT_MARGIN = {
    "latency": (CALL, Effect(latency=1.2)),
    "cost": (CALL, Effect(cost=1.2)),
    "errors": (CALL, Effect(errors=0.02)),
    "quality": (replace(CALL, scored=0.2), Effect(quality=-0.05)),
}


def worlds_cells(rate: int) -> Iterator[Cell]:
    """Give the cells of equal arms at a rate: each world, climbing and held."""
    worlds = WORLDS if rate != BESIDE else WORLDS | {"few_units": FEW_UNITS}
    for name, world in worlds.items():
        for mode, held_at in (("climbing", None), ("held", HALF)):
            yield Cell(
                name=f"{name}_{mode}_at_{rate}",
                world=replace(world, rate=float(rate)),
                minutes=SIX_HOURS,
                held_at=held_at,
                decided=False,
            )


def margin_cells() -> Iterator[Cell]:
    """Give the cells of arms that are worse by exactly a margin."""
    for metric, (world, effect) in AT_MARGIN.items():
        yield Cell(
            name=f"margin_{metric}",
            world=world,
            arms=Arms(effect),
            quality=metric == "quality",
        )


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Play as many seeds as are wanted, or as time allows; say what was found so far."""
    parts = Parts("gate_type_one", small=small)
    if small:
        cells = [replace(cell, minutes=12.0) for cell in list(worlds_cells(60))[::5]]
        _fill(parts, {60: cells}, 4)
        yield from equal_figures(parts, 60, cells)
        return
    worlds = {rate: list(worlds_cells(rate)) for rate in SEEDS}
    margins = list(margin_cells())
    for seeds in STAGES:  # all cells a little, then all more
        _fill(parts, worlds, seeds)
        for cell in margins:
            parts.fill(cell, OURS, seeds)
    for rate, cells in worlds.items():
        yield from equal_figures(parts, rate, cells)
    for cell in margins:
        if parts.sums(cell, OURS).seeds:
            yield margin_figure(parts, cell)


def _fill(parts: Parts, worlds: dict[int, list[Cell]], seeds: int) -> None:
    for rate, cells in worlds.items():
        for cell in cells:
            parts.fill(cell, OURS, min(seeds, SEEDS[rate]))
            for rival in RIVALS if rate == BESIDE and cell.held_at is None else ():
                parts.fill(cell, rival, min(seeds, SEEDS[rate]))


def equal_figures(parts: Parts, rate: int, cells: list[Cell]) -> Iterator[Figure]:
    """Say how equal arms fared at a rate."""
    enough = [cell for cell in cells if not cell.name.startswith("few_units")]
    total = Sums.of([parts.sums(cell, OURS) for cell in enough])
    if not total.seeds:
        return
    yield Figure(
        f"wrong_rollbacks_at_{rate}", total.share("undone"), "share", f"{total.seeds} rollouts"
    )
    bound = upper_bound(total.undone, total.seeds, 0.05)
    yield Figure(f"wrong_rollbacks_at_{rate}_upper", bound, "share", "one-sided 95 %, mean of all")
    for cell in cells:
        for rules in (OURS, *RIVALS):
            sums = parts.sums(cell, rules)
            if sums.seeds:
                yield from _cell_figures(cell, rules, sums)


def _cell_figures(cell: Cell, rules: str, sums: Sums) -> Iterator[Figure]:
    name = cell.name if rules == OURS else f"{cell.name}_{rules}"
    yield Figure(f"wrong_rollbacks_{name}", sums.share("undone"), "share", sums.note())
    if cell.held_at is None:
        yield Figure(f"promoted_{name}", sums.share("promoted"), "share", sums.note())


def margin_figure(parts: Parts, cell: Cell) -> Figure:
    """Say how often an arm that is worse by a margin was let in."""
    sums = parts.sums(cell, OURS)
    return Figure(f"promoted_at_{cell.name}", sums.share("promoted"), "share", sums.note())
