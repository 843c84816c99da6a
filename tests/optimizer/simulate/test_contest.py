"""Rivals meet the candidates we tried, when we tried them, on the same units."""

import numpy as np
import pytest

from connectors.worlds.rivals import read_rivals
from optimizer.documents import SLOTS
from optimizer.observe.price import PriceTable
from optimizer.simulate.contest import Contest, Trial, trials
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.potential import potential
from optimizer.simulate.quantities import Lognormal
from optimizer.simulate.rivals import FixedThresholds, MannWhitney
from optimizer.simulate.simulation import start_ns
from optimizer.simulate.steering import Steering
from optimizer.simulate.users import unit_names
from optimizer.simulate.worth import worth
from optimizer.slots import slot_of
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm
from tests.optimizer.simulate.test_hindsight import Prices
from tests.optimizer.simulate.test_steering import MINUTE, a_document

RULES = read_rivals()
LAG_NS = 17 * 10**9
SMALL = an_arm("small", 0.0)
SLOW = an_arm("small", 0.0, latency_ms=Lognormal(median=4000, sigma=0.5))
RIVALS = {
    "step-ups": lambda usual: FixedThresholds(RULES.fixed_thresholds, usual, 1),
    "ranks": lambda _: MannWhitney(RULES.mann_whitney, 1),
}


def contest(arm, rival="step-ups", hours=4):
    world = a_world(a_route(arms=(an_arm(), arm)), length=hours * 60 * MINUTE)
    drawn = potential(world, 0)
    return drawn, Contest(drawn, worth(drawn, PriceTable(Prices())), RIVALS[rival], LAG_NS)


def tried(minute: int = 30, salt: str = "s") -> Trial:
    return Trial(nanoseconds(minute * MINUTE), 1, a_document(10, salt=salt))


def minutes(drawn) -> np.ndarray:
    return drawn.asked.at_ns[drawn.made] / nanoseconds(MINUTE)


def test_without_a_trial_the_incumbent_serves_all():
    drawn, rival = contest(SMALL)
    assert set(rival.play([])[drawn.made]) == {0}


@pytest.mark.parametrize("rival", RIVALS)
def test_a_slow_candidate_is_undone_and_the_incumbent_serves_again(rival):
    drawn, contender = contest(SLOW, rival)
    served = contender.play([tried()])[drawn.made]
    at = minutes(drawn)
    assert not served[at < 30].any()
    assert served[(at >= 30) & (at < 32)].any()
    assert not served[at > 95].any()


def test_a_candidate_that_passes_serves_all_after_the_last_step():
    drawn, contender = contest(an_arm("small", 0.0, latency_ms=Lognormal(median=300)))
    served = contender.play([tried()])[drawn.made]
    assert served[minutes(drawn) > 120].all()


def test_a_share_is_of_slots_as_documents_deal_them_and_holds_until_it_is_heard_of():
    drawn, contender = contest(SMALL)
    arm = contender.play([tried()])
    at_ns = drawn.asked.at_ns - nanoseconds(30 * MINUTE)
    first = drawn.made[(at_ns[drawn.made] >= 0) & (at_ns[drawn.made] < 60 * 10**9 + LAG_NS)]
    document = a_document(10)
    names = unit_names(document.unit, 0, drawn.callers.unit(document.unit)[first])
    slots = [slot_of("s", name) for name in names]
    assert len(first) > 50
    assert (arm[first] == 1).tolist() == [slot < 0.05 * SLOTS for slot in slots]


def test_every_call_that_is_made_is_served_once():
    drawn, contender = contest(SMALL, "ranks")
    arm = contender.play([tried(), tried(60, "t"), tried(200, "u")])
    assert (arm[drawn.made] >= 0).all()
    assert (np.delete(arm, drawn.made) == -1).all()


def test_a_candidate_that_comes_while_another_is_judged_waits():
    drawn, contender = contest(SLOW, "ranks")
    served = contender.play([tried(), tried(50, "t")])[drawn.made]
    at = minutes(drawn)
    assert served[(at >= 30) & (at < 90)].any()
    assert served[(at >= 92) & (at < 150)].any()  # the first run takes an hour
    assert not served[at > 155].any()


def test_trials_are_the_candidates_that_documents_gave_slots_to():
    world = a_world(a_route(arms=(an_arm("large"), an_arm("small", 0.0))))
    drawn = potential(world, 0)
    steering = Steering(drawn, world.following)
    plan = [(10, 10, "s"), (20, 50, "s"), (30, 0, "s"), (40, 10, "t"), (50, 200, "t")]
    for revision, (minute, slots, salt) in enumerate(plan, 1):
        at_ns = start_ns(world) + nanoseconds(minute * MINUTE)
        steering.publish(a_document(slots, revision, salt), at_ns)
    found = trials(steering, drawn)
    delay_ns = nanoseconds(world.following.delay)
    assert [(one.start_ns, one.arm, one.document.revision) for one in found] == [
        (nanoseconds(10 * MINUTE) + delay_ns, 1, 1),
        (nanoseconds(40 * MINUTE) + delay_ns, 1, 4),
    ]
