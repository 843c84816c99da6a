"""Documents steer who serves a call, and nothing else."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.errors import WorldInvalid
from optimizer.simulate.calls import NAMES
from optimizer.simulate.incidents import IncidentKind, nanoseconds
from optimizer.simulate.potential import Assigned, Potential, potential
from optimizer.simulate.simulation import simulate, start_ns
from optimizer.simulate.steering import Steering
from optimizer.simulate.users import unit_names
from optimizer.simulate.worlds import Following, Stale, World
from optimizer.slots import slot_of
from tests.optimizer.simulate.a_world import ROUTE, a_route, a_world, an_arm, an_incident

LARGE, SMALL = an_arm("large", 1.0, errors=0.02), an_arm("small", 0.0, errors=0.1)
WORLD = a_world(a_route(arms=(LARGE, SMALL), revision=1))
MINUTE = timedelta(minutes=1)


def a_document(slots: int, revision: int = 1, salt: str = "s", unit: Unit = Unit.CONVERSATION):
    """The small arm owns the first slots, the large one the rest."""
    allotments = [(SMALL, slots), (LARGE, SLOTS - slots)]
    return Document(
        route=ROUTE,
        revision=revision,
        arms=(LARGE.arm, SMALL.arm),
        allotments=tuple(Allotment(arm=a.arm.id, slots=n) for a, n in allotments if n),
        incumbent=LARGE.arm.id,
        salt=salt,
        unit=unit,
        created_at=WORLD.start,
    )


def played(world: World, *out: tuple[timedelta, Document], step: timedelta = MINUTE):
    """Let documents come out at instants from the start; serve the world in steps."""
    drawn = potential(world, 0)
    steering = Steering(drawn, world.following)
    waiting, rows, now = list(out), [], timedelta()
    while now < world.length:
        while waiting and waiting[0][0] <= now:
            at, document = waiting.pop(0)
            steering.publish(document, start_ns(world) + nanoseconds(at))
        now = min(now + step, world.length)
        rows.append(steering.serve(start_ns(world) + nanoseconds(now)))
    return drawn, steering.assigned, np.concatenate(rows)


def all_of(drawn: Potential, arm: int) -> Assigned:
    count = len(drawn.asked)
    return Assigned(np.full(count, arm), np.ones(count, np.int64), np.zeros(count, np.int16))


def test_an_incumbent_of_all_slots_is_a_world_that_nobody_steers():
    drawn, assigned, rows = played(WORLD, (timedelta(), a_document(0)))
    steered, usual = drawn.calls(rows, assigned.take(rows)), simulate(WORLD)
    late = steered.start_ns >= start_ns(WORLD) + nanoseconds(WORLD.following.delay)
    for name in set(NAMES) - {"slot", "revision"}:  # a world that nobody steers hashes otherwise
        assert np.array_equal(
            getattr(steered, name), getattr(usual, name), equal_nan=name == "score"
        )
    assert (steered.revision == late).all()


def test_before_any_document_the_incumbent_serves_all_without_a_stamp_of_one():
    _, assigned, rows = played(WORLD)
    assert set(assigned.arm[rows]) == {0}
    assert set(assigned.revision[rows]) == {0}
    assert set(assigned.slot[rows]) == {-1}


@pytest.mark.parametrize("step", [timedelta(seconds=10), timedelta(seconds=7), 10 * MINUTE])
def test_how_time_is_cut_changes_nothing_but_when_documents_are_heard(step):
    whole = played(WORLD, (timedelta(), a_document(60)), step=WORLD.length)
    cut = played(WORLD, (timedelta(), a_document(60)), step=step)
    assert np.array_equal(cut[2], whole[2])
    for one, other in zip(cut[1], whole[1], strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("unit", list(Unit))
def test_a_call_is_served_by_whoever_owns_the_slot_of_its_unit(unit):
    document = a_document(60, unit=unit)
    drawn, assigned, rows = played(WORLD, (timedelta(), document))
    names = unit_names(unit, 0, drawn.callers.unit(unit))
    followed = rows[assigned.revision[rows] == 1]
    assert len(followed) > 7000
    for row in followed.tolist():
        assert assigned.slot[row] == slot_of("s", names[row])
        arm = drawn.route.arms[assigned.arm[row]].arm.id
        assert arm == document.arm_of(int(assigned.slot[row]))
    if unit is Unit.CALL:
        assert np.mean(assigned.arm[followed] == 1) == pytest.approx(0.3, abs=0.03)


def test_a_document_is_followed_after_the_delay_and_an_older_one_never():
    world = replace(WORLD, following=Following(delay=timedelta(seconds=90)))
    drawn, assigned, rows = played(
        world,
        (10 * MINUTE, a_document(200, revision=2)),
        (20 * MINUTE, a_document(0, revision=1)),
        (30 * MINUTE, a_document(0, revision=3)),
    )
    at_ns = drawn.asked.at_ns[rows]
    first, last = (nanoseconds(m * MINUTE + world.following.delay) for m in (10, 30))
    assert np.array_equal(assigned.arm[rows] == 1, (at_ns >= first) & (at_ns < last))


def test_stale_replicas_stay_behind_and_catch_up():
    stale = Stale(replicas=1, start=5 * MINUTE, length=60 * MINUTE)
    world = replace(WORLD, following=Following(replicas=4, stale=stale))
    drawn, assigned, rows = played(world, (10 * MINUTE, a_document(200)))
    at_ns = drawn.asked.at_ns[rows]
    during = (at_ns > nanoseconds(11 * MINUTE)) & (at_ns < nanoseconds(stale.end))
    assert np.mean(assigned.arm[rows][during] == 1) == pytest.approx(0.75, abs=0.03)
    assert set(assigned.arm[rows][at_ns >= nanoseconds(stale.end)]) == {1}


def test_a_cohort_that_grows_keeps_its_units():
    _, small, rows = played(WORLD, (timedelta(), a_document(10, unit=Unit.USER)))
    _, large, _ = played(WORLD, (timedelta(), a_document(50, unit=Unit.USER)))
    assert set(np.flatnonzero(small.arm == 1)) < set(np.flatnonzero(large.arm == 1))
    assert np.array_equal(small.slot[rows], large.slot[rows])


def test_each_arm_would_make_the_same_of_a_call_whoever_serves_the_others():
    drawn, assigned, rows = played(WORLD, (timedelta(), a_document(60)))
    mixed = drawn.calls(rows, assigned.take(rows))
    for arm in (0, 1):
        alone = drawn.calls(rows, all_of(drawn, arm).take(rows))
        mine = assigned.arm[rows] == arm
        assert mine.any()
        for name in ("end_ns", "failure", "tokens_out", "score", "ids"):
            assert np.array_equal(
                getattr(mixed, name)[mine], getattr(alone, name)[mine], equal_nan=name == "score"
            )


def test_a_call_that_hangs_is_assigned_and_never_told_of():
    hanging = an_incident(IncidentKind.HANG, arm="small")
    world = replace(WORLD, incidents=(hanging,))
    drawn, assigned, rows = played(world, (timedelta(), a_document(60)))
    told = drawn.calls(rows, assigned.take(rows))
    at_ns = drawn.asked.at_ns[rows]
    lost = (assigned.arm[rows] == 1) & (at_ns >= nanoseconds(hanging.start))
    lost &= at_ns < nanoseconds(hanging.end)
    assert lost.sum() > 100
    assert len(told) == len(rows) - lost.sum()


def test_an_arm_that_the_world_does_not_know_is_refused():
    strange = an_arm("new").arm
    document = replace(a_document(0), allotments=(Allotment(arm=strange.id, slots=SLOTS),))
    with pytest.raises(WorldInvalid, match="gives traffic to new-"):
        played(WORLD, (timedelta(), document))
