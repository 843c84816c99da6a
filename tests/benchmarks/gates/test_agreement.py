"""Rollouts judged as arrays end as those that the product itself plays, and at the same moment."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer.simulate.randomness import stream
from tests.benchmarks.gate_power import EQUALS, HARMS
from tests.benchmarks.gate_type_one import worlds_cells
from tests.benchmarks.gates.cells import Cell
from tests.benchmarks.gates.ladder import Ladder
from tests.benchmarks.gates.playing import play
from tests.benchmarks.gates.product import Product
from tests.benchmarks.gates.traffic import Traffic
from tests.benchmarks.gates.worlds import CALL
from tests.benchmarks.label_swap import cells_of
from tests.benchmarks.share_check import STALE, astray, watch

CELLS = {
    cell.name: cell
    for cell in (
        *worlds_cells(60),
        *(harm.cell for harm in HARMS),
        *EQUALS,
        replace(cells_of("latency")[1], name="swapped"),
    )
}


def agree(cell: Cell, seeds: int, minutes: float) -> None:
    ours, product = Ladder(cell.climb(), seeds), Product(cell.climb(), seeds)
    fates, told = (
        play(cell.world, cell.arms, way, minutes, "agreement", cell.name, decided=cell.decided)
        for way in (ours, product)
    )
    assert told.rolled_back.tolist() == fates.rolled_back.tolist()
    assert told.promoted.tolist() == fates.promoted.tolist()
    assert told.tried.tolist() == fates.tried.tolist()
    assert (told.rolled_back >= 0).any() or (told.promoted >= 0).any() or not cell.decided


def test_a_few_rollouts_end_as_the_product_ends_them() -> None:
    agree(CELLS["latency_100"], 3, minutes=15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("call_climbing_at_60", 90),
        ("all_climbing_at_60", 90),
        ("incidents_held_at_60", 90),
        ("latency_20", 60),
        ("errors_10", 60),
        ("quality_10", 120),
        ("streamed_20", 60),
        ("equal", 90),
        ("equal_session", 90),
        ("swapped", 60),
    ],
)
def test_twenty_rollouts_end_as_the_product_ends_them(name: str, minutes: float) -> None:
    agree(CELLS[name], 20, minutes)


@pytest.mark.slow
@pytest.mark.parametrize("stamped", ["slot", "revision"])
@pytest.mark.parametrize("case", [STALE[0], STALE[2]], ids=lambda case: case.name)
def test_the_product_finds_stale_replicas_at_the_same_moment(case, stamped) -> None:
    ticks, seeds = 60, 20
    found = watch(CALL, case, seeds, ticks, stamped=stamped).at
    traffic = Traffic(CALL, seeds, stream(1, case.name))
    product = Product(Cell(name=case.name, world=CALL).climb(), seeds)
    told = np.full(seeds, -1)
    for tick in range(int(found.max()) if (found >= 0).all() else ticks):
        product.take(astray(traffic, case, CALL, stamped=stamped))
        mismatched = np.array([reason == "share_mismatch" for reason in product.reasons()])
        told[mismatched & (told < 0)] = tick + 1
    assert told.tolist() == found.tolist()
    assert (told > 0).mean() > 0.5
