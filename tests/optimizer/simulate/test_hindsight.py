"""What one knows afterwards: which arms were bad and when, and what would have been best."""

from datetime import timedelta

import numpy as np
import pytest

from optimizer.observe.price import PriceTable
from optimizer.prices import Price, Rates
from optimizer.simulate.episodes import episodes
from optimizer.simulate.hindsight import Hindsight, Margins
from optimizer.simulate.incidents import IncidentKind, nanoseconds
from optimizer.simulate.potential import potential
from optimizer.simulate.quantities import Judged, Lognormal
from optimizer.simulate.ways import way
from optimizer.simulate.worlds import Cell, World
from optimizer.simulate.worth import worth
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm, an_incident

MARGINS = Margins(ratio=0.2, errors=0.02, quality=0.05)


class Prices:
    """Dollars per million tokens: the large model ten, the others one."""

    def history(self, model: str, provider: str) -> tuple[Price, ...]:
        del provider
        rate = 10_000_000 if model == "large" else 1_000_000
        return (Price(from_ns=0, tiers=(Rates(0, rate, rate, rate, rate),)),)

    def overridden(self, model: str, provider: str = "") -> bool:
        del model, provider
        return False


def known(world: World) -> Hindsight:
    drawn = potential(world, 0)
    return Hindsight(world, drawn, worth(drawn, PriceTable(Prices())), MARGINS)


def with_arm(*incidents, **behaviour) -> Hindsight:
    return known(a_world(a_route(arms=(an_arm(), an_arm("other", 0.0, **behaviour))),
                         incidents=incidents))  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "is_bad"),
    [
        pytest.param({}, False, id="as good"),
        pytest.param({"quality": Judged(mean=0.77, sd=0.2)}, False, id="quality within"),
        pytest.param({"quality": Judged(mean=0.7, sd=0.2)}, True, id="quality beyond the margin"),
        pytest.param({"errors": 0.01}, False, id="errors within"),
        pytest.param({"errors": 0.04}, True, id="errors beyond"),
        pytest.param({"latency_ms": Lognormal(median=1100, sigma=0.5)}, False, id="slower within"),
        pytest.param({"latency_ms": Lognormal(median=1300, sigma=0.5)}, True, id="slower beyond"),
        pytest.param({"tokens_in": Lognormal(median=30_000)}, True, id="dearer in spite of price"),
    ],
)
def test_an_arm_is_bad_when_it_is_worse_by_a_margin(behaviour, is_bad):
    assert with_arm(**behaviour).stretches.bad.tolist() == [[False], [is_bad]]


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (IncidentKind.LATENCY, {"factor": 2.0}),
        (IncidentKind.ERRORS, {"value": 0.3}),
        (IncidentKind.QUALITY, {"factor": 0.5}),
        (IncidentKind.OUTAGE, {}),
        (IncidentKind.HANG, {}),
    ],
)
def test_an_incident_makes_an_arm_bad_while_it_lasts_and_only_that_arm(kind, amount):
    own = with_arm(an_incident(kind, arm="other", **amount))
    assert own.stretches.bad.tolist() == [[False] * 3, [False, True, False]]
    common = with_arm(an_incident(kind, **amount))
    assert not common.stretches.bad.any()


def test_each_call_is_counted_in_exactly_one_arm():
    found = with_arm(an_incident(IncidentKind.HANG, arm="other"))
    arm = (np.arange(len(found.drawn.asked)) % 3 == 0).astype(np.int16)
    told = way(found, "mine", arm)
    assert sum(one.calls for one in told.by_arm.values()) == told.total.calls
    assert told.total.calls == len(found.drawn.made)
    assert sum(one.cost_usd for one in told.by_arm.values()) == pytest.approx(told.total.cost_usd)
    at_ns = found.drawn.asked.at_ns
    hung = (arm == 1) & (at_ns >= 3600 * 10**9) & (at_ns < 4800 * 10**9)
    assert told.bad_calls == told.total.hung == hung.sum() == told.series.bad_calls[-1]
    assert told.bad_cost_usd == 0  # what never ends costs nothing that anybody tells of
    usual = found.valued.cost_usd[0, found.drawn.made].sum()
    assert told.saved_usd == pytest.approx(usual - told.total.cost_usd)
    assert told.series.saved_usd[-1] == pytest.approx(told.saved_usd)
    for shares in zip(*told.series.shares.values(), strict=True):
        assert sum(shares) == pytest.approx(1)


def test_the_cheapest_arm_that_is_not_worse_would_have_been_best():
    cheap = {"latency_ms": Lognormal(median=1000, sigma=0.5)}
    assert with_arm(**cheap).best_arm() == 1
    assert with_arm(**cheap, quality=Judged(mean=0.6, sd=0.2)).best_arm() == 0


def test_a_table_takes_the_best_arm_of_each_cell():
    cells = (Cell(name="short", share=0.5), Cell(name="long", share=0.5, tokens=4))
    cut = an_arm("other", 0.0, tokens_out=Lognormal(median=200, sigma=0.4))
    found = known(a_world(a_route(arms=(an_arm(), cut), cells=cells)))
    table = found.best_table()
    for cell in (0, 1):
        rows = found.drawn.made[found.drawn.asked.cell[found.drawn.made] == cell]
        assert set(table[rows].tolist()) == {found.best_arm(rows)}


def test_an_episode_lasts_from_the_first_to_the_last_call_of_a_bad_arm():
    found = with_arm(errors=0.2)
    at_ns = found.drawn.asked.at_ns
    minute = nanoseconds(timedelta(minutes=1))
    tried = (at_ns >= 30 * minute) & (at_ns < 40 * minute)
    kept = at_ns >= 70 * minute
    first, second = episodes(found, (tried | kept).astype(np.int16))
    assert (first.arm, first.calls, first.undone) == (1, tried.sum(), True)
    assert 30 * minute <= first.first_ns < first.last_ns < 40 * minute
    assert (second.calls, second.undone) == (kept.sum(), False)
    assert second.cost_usd == pytest.approx(found.valued.cost_usd[1, kept].sum())


def test_what_gets_better_by_itself_was_not_undone():
    found = with_arm(an_incident(IncidentKind.ERRORS, arm="other", value=0.5))
    (one,) = episodes(found, np.ones(len(found.drawn.asked), np.int16))
    assert not one.undone
