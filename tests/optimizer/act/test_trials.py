"""What trials find, and in which order of precedence."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.act.minutes import Instant, Minute, empty_instant, empty_minute
from optimizer.act.terms import terms_of
from optimizer.act.trials import Outcome, Trials
from optimizer.documents import SLOTS, Unit
from optimizer.settings import Settings
from tests.optimizer.act.a_rollout import ARMS, INCUMBENT, terms

ROLLOUTS = 20
QUALITY = 4


class Traffic:
    """Minutes of equal arms, 120 calls in each, every slot with the same chance.

    Args:
        seed: Of all chance.
        slots: The candidate's.
        users: How many slots carry all traffic; all by default.
        slotted: Calls carry slots.
        scored: Share of scored calls of each arm.
    """

    def __init__(
        self,
        seed: int,
        slots: int = 100,
        *,
        users: int = SLOTS,
        slotted: bool = True,
        scored: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.chance = np.random.default_rng(seed)
        self.slots, self.users, self.slotted, self.scored = slots, users, slotted, scored

    def play(self, trials: Trials, minutes: int) -> None:
        """Let trials take minutes, as ten seconds six times each."""
        for _ in range(minutes):
            minute, by_slot = self._minute()
            part = empty_instant(ROLLOUTS)
            instant = Instant(
                **{
                    **part._asdict(),
                    "calls": minute.trials[:, 0] / 6,
                    "stamped": minute.trials[:, 0] / 6,
                    "timed": minute.trials[:, 0] / 6,
                    "seen": minute.trials[:, 0].sum(-1) / 6,
                    "slotted": by_slot.sum(-1) / 6,
                }
            )
            for _ in range(6):
                trials.take_instant(instant, by_slot / 6)
            trials.take_minute(minute)

    def _minute(self) -> tuple[Minute, np.ndarray]:
        chance, minute = self.chance, empty_minute(ROLLOUTS)
        order = np.linspace(0, SLOTS - 1, self.users).astype(int)
        by_slot = np.zeros((ROLLOUTS, SLOTS))
        by_slot[:, order] = chance.poisson(120 / self.users, (ROLLOUTS, self.users))
        arms = (by_slot[:, : self.slots], by_slot[:, self.slots :])
        for arm, calls in enumerate(part.sum(-1) for part in arms):
            for metric, sd in ((0, 0.6), (2, 0.8)):
                self._add(minute, (metric, arm), calls, 7.0, sd)
            scores = chance.binomial(calls.astype(int), self.scored[arm])
            self._add(minute, (QUALITY, arm), scores, 0.7, 0.3)
            minute.trials[:, :, arm] = calls[:, None]
            minute.hits[:, 0, arm] = chance.binomial(calls.astype(int), 0.02)
            minute.hits[:, 1, arm] = chance.binomial(calls.astype(int), 0.05)
        if self.slotted:
            owned = np.arange(SLOTS) < self.slots
            shares = np.where(owned, *self.scored)
            for kind in range(3):
                minute.slot_calls[..., kind] = by_slot
            minute.slot_calls[..., 3] = chance.binomial(by_slot.astype(int), shares)
        return minute, by_slot if self.slotted else 0 * by_slot

    def _add(
        self, minute: Minute, place: tuple[int, int], calls: np.ndarray, mean: float, sd: float
    ) -> None:
        metric, arm = place
        values = mean + sd * self.chance.normal(0, 1, len(calls)) / np.sqrt(np.maximum(calls, 1))
        minute.known[:, metric, arm] = calls
        minute.total[:, metric, arm] = calls * values
        minute.square[:, metric, arm] = calls * (values**2 + sd**2)


def found(traffic: Traffic, minutes: int = 60, **changed: object) -> list[Outcome]:
    """What is found of twenty rollouts after so many minutes at half of the traffic."""
    trials = Trials.begin(terms(**changed), ROLLOUTS)
    trials.begin_step(100, 190)
    traffic.play(trials, minutes)
    return [Outcome(int(each)) for each in trials.outcomes()[0]]


def share(outcomes: list[Outcome], wanted: Outcome) -> float:
    return outcomes.count(wanted) / len(outcomes)


WITH_QUALITY = terms_of(Settings(), ARMS, INCUMBENT, changes_answers=True, other_provider=False)


@pytest.mark.parametrize(
    ("traffic", "changed", "outcome"),
    [
        pytest.param(Traffic(1), {}, Outcome.PASSED, id="equal arms"),
        pytest.param(Traffic(2, users=40), {}, Outcome.FEW_UNITS, id="few slots with traffic"),
        pytest.param(
            Traffic(3, slotted=False), {"unit": Unit.USER}, Outcome.FEW_UNITS, id="sticky, no slots"
        ),
        pytest.param(Traffic(4, slotted=False), {}, Outcome.PASSED, id="by call, no slots"),
        pytest.param(
            Traffic(5), {"gates": WITH_QUALITY.gates}, Outcome.OPEN, id="quality asked, none scored"
        ),
        pytest.param(
            Traffic(6, scored=(0.5, 0.5)),
            {"gates": WITH_QUALITY.gates},
            Outcome.PASSED,
            id="scored",
        ),
        pytest.param(
            Traffic(7, scored=(0.1, 0.5)),
            {"gates": WITH_QUALITY.gates},
            Outcome.SCORE_COVERAGE,
            id="one arm scored more",
        ),
        pytest.param(Traffic(8, scored=(0.1, 0.5)), {}, Outcome.PASSED, id="but nobody asks"),
        pytest.param(Traffic(9), {"is_holdback": True}, Outcome.WATCHED, id="a holdback"),
    ],
)
def test_most_rollouts_end_as_their_traffic_says(traffic, changed, outcome):
    assert share(found(traffic, **changed), outcome) >= 0.9


def test_nothing_is_said_before_slow_calls_can_have_ended():
    early = found(Traffic(10), minutes=10, first_look_secs=1200.0)
    assert share(early, Outcome.TOO_EARLY) == 1


@pytest.mark.parametrize("slots", [10, 100])
def test_calls_without_slots_that_come_at_another_share_are_a_mismatch(slots):
    trials = Trials.begin(terms(), ROLLOUTS)
    trials.begin_step(slots, 50 if slots == 10 else 190)
    Traffic(11, slots=slots // 4, slotted=False).play(trials, 30)
    assert set(trials.outcomes()[0].tolist()) == {Outcome.SHARE_MISMATCH}


def test_strays_count_after_the_time_of_grace_only():
    trials = Trials.begin(terms(grace_secs=60.0), 1)
    trials.begin_step(100, 190)
    instant = empty_instant(1)
    instant.seen[0], instant.strays[0], instant.stamped[0], instant.slotted[0] = 20, 5, 10, 20
    for _ in range(6):
        trials.take_instant(instant, np.full((1, SLOTS), 0.1))
    assert trials.outcomes()[0][0] == Outcome.TOO_EARLY
    trials.take_instant(instant, np.full((1, SLOTS), 0.1))
    assert trials.outcomes()[0][0] == Outcome.SHARE_MISMATCH


def test_few_strays_among_many_calls_are_let_pass():
    trials = Trials.begin(terms(), 1)
    trials.begin_step(100, 190)
    instant = empty_instant(1)
    instant.seen[0], instant.strays[0] = 1000, 9
    for _ in range(20):
        trials.take_instant(instant, np.zeros((1, SLOTS)))
    assert trials.outcomes()[0][0] != Outcome.SHARE_MISMATCH


@pytest.mark.parametrize(
    ("held", "outcome"),
    [
        ({"harmed", "shared"}, Outcome.HARM),
        ({"shared", "passed"}, Outcome.COMMON_CAUSE),
        ({"alone", "harmed"}, Outcome.HARD_LIMIT),
        ({"scarce", "harmed"}, Outcome.HANG),
        ({"passed"}, Outcome.PASSED),
        ({"passed", "suspect"}, Outcome.OPEN),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else value.name,
)
def test_of_several_findings_the_gravest_is_told(held, outcome):
    trials = Trials.begin(terms(), ROLLOUTS)
    trials.begin_step(100, 190)
    Traffic(14).play(trials, 5)
    trials.harmed[:], trials.passed[:] = "harmed" in held, "passed" in held
    trials.finished[:], trials.completed.scarce[:] = True, "scarce" in held
    trials.breaches.alone[:], trials.breaches.shared[:] = "alone" in held, "shared" in held
    trials.breaches.suspect[:] = "suspect" in held
    assert set(trials.outcomes()[0].tolist()) == {outcome}


def test_a_step_begun_again_keeps_what_was_proved():
    trials, traffic = Trials.begin(terms(), ROLLOUTS), Traffic(12)
    trials.begin_step(100, 190)
    traffic.play(trials, 20)
    before = trials.gates.log_harm()
    trials.begin_step(100, 190)
    assert trials.gates.log_harm() == pytest.approx(before)


def test_rollouts_do_not_touch_one_another():
    together, apart = Trials.begin(terms(), 2), Trials.begin(terms(), 1)
    for trials in (together, apart):
        trials.begin_step(10, 50)
    chance = np.random.default_rng(13)
    for place in range(30):
        minute = empty_minute(2)
        minute.trials[:], minute.hits[:] = 50, chance.poisson(1, minute.hits.shape)
        minute.known[:], minute.total[:] = 50, 50 * chance.normal(7, 0.1, minute.total.shape)
        minute.square[:] = minute.total**2 / 50 + 20
        minute.slot_calls[:] = chance.poisson(1, minute.slot_calls.shape)
        minute.slot_total[:] = 7 * minute.slot_calls
        together.take_minute(minute)
        apart.take_minute(Minute(*(part[:1] for part in minute)))
        if place == 15:
            together.begin_step(50, 100, np.array([False, True]))
    assert together.gates.log_harm()[0].tolist() == apart.gates.log_harm()[0].tolist()
    assert together.gates.log_safe()[0].tolist() == apart.gates.log_safe()[0].tolist()
