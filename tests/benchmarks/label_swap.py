"""Whether FAIL and PASS change places when the two arms do.

Each seed is played twice on the same calls: with a candidate that is worse by one and a half
margins, and with an incumbent that is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.benchmarks.figures import Figure
from tests.benchmarks.gates.cells import OURS, Cell
from tests.benchmarks.gates.parts import Parts, Sums
from tests.benchmarks.gates.worlds import CALL, Arms, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.benchmarks.gates.worlds import World

STAGES = (250, 1000)  # seeds
EFFECTS: dict[str, tuple[World, Effect]] = {
    "latency": (CALL, Effect(latency=1.3)),
    "cost": (CALL, Effect(cost=1.3)),
    "errors": (CALL, Effect(errors=0.03)),
    "quality": (replace(CALL, scored=0.2), Effect(quality=-0.075)),
}


def cells_of(name: str) -> tuple[Cell, Cell]:
    """Give the cell of a worse candidate, and that of a worse incumbent, on the same calls."""
    world, effect = EFFECTS[name]
    worse = Cell(name=name, world=world, arms=Arms(candidate=effect), quality=name == "quality")
    return worse, replace(worse, arms=Arms(incumbent=effect))


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Play as many seeds as are wanted, or as time allows; say what was found so far."""
    parts = Parts("label_swap", small=small)
    pairs = {name: cells_of(name) for name in (EFFECTS if not small else ("latency",))}
    for seeds in (5,) if small else STAGES:  # all cells a little, then all more
        for cell in (cell for pair in pairs.values() for cell in pair):
            parts.fill(cell, OURS, seeds)
    for name, (worse, better) in pairs.items():
        yield from figures(name, parts.sums(worse, OURS), parts.sums(better, OURS))


def figures(name: str, failed: Sums, passed: Sums) -> Iterator[Figure]:
    """Say how often each verdict came."""
    if failed.seeds:
        yield Figure(f"fail_{name}", failed.share("undone"), "share", failed.note())
        yield Figure(f"worse_promoted_{name}", failed.share("promoted"), "share", "0 is asked")
    if passed.seeds:
        yield Figure(f"pass_{name}", passed.share("promoted"), "share", passed.note())
