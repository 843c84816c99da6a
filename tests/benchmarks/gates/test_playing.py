"""The worlds are what they say, and what is played is kept."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from optimizer.act.terms import MEANS
from optimizer.simulate.randomness import stream
from tests.benchmarks.gates import parts as parts_module
from tests.benchmarks.gates.cells import OURS, RIVALS, Cell
from tests.benchmarks.gates.evidence import Limits, instant_of, minute_of
from tests.benchmarks.gates.outcomes import CANDIDATE, INCUMBENT, serve
from tests.benchmarks.gates.parts import Parts, Sums
from tests.benchmarks.gates.post import Post
from tests.benchmarks.gates.traffic import Traffic
from tests.benchmarks.gates.worlds import CALL, EQUAL, FEW_UNITS, WORLDS, Arms, Effect

LIMITS = Limits(slow=8.3, beyond=9.4)


def served(world, arms=EQUAL, rollouts=30, ticks=30, slots=100):
    traffic = Traffic(world, rollouts, stream(5))
    shares = np.full(rollouts, slots)
    return [serve(traffic.next(), shares, arms, world, traffic.own_load) for _ in range(ticks)]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_has_its_rate_its_errors_and_calls_on_all_slots(name):
    world = replace(WORLDS[name], incident=1.0)
    calls = served(world, ticks=120)
    rows = np.concatenate([each.row for each in calls])
    failed = np.concatenate([each.failed for each in calls])
    slots = np.concatenate([each.slot for each in calls])
    assert len(rows) / 30 / 20 == pytest.approx(60, rel=0.2)  # at 30 times of the day
    assert failed.mean() == pytest.approx(0.02, rel=0.2)
    assert slots.min() >= 0
    assert slots.max() < 200


def test_a_sticky_user_keeps_a_slot_for_a_session_and_a_heavy_one_calls_most():
    traffic = Traffic(FEW_UNITS, 1, stream(1))
    counts = Counter(slot for _ in range(100) for slot in traffic.next().slot.tolist())
    assert counts.most_common(1)[0][1] > 5 * np.median(list(counts.values()))


@pytest.mark.parametrize(
    ("effect", "column", "gap"),
    [
        (Effect(latency=1.5), "latency", np.log(1.5)),
        (Effect(cost=0.5), "cost", np.log(0.5)),
        (Effect(errors=0.1), "failed", 0.1),
    ],
)
def test_an_effect_is_the_difference_between_arms_served_the_same_calls(effect, column, gap):
    tried = served(CALL, Arms(candidate=effect), slots=200)
    usual = served(CALL, Arms(candidate=effect), slots=0)
    ours, theirs = (
        np.concatenate([getattr(each, column) for each in calls]) for calls in (tried, usual)
    )
    assert len(ours) == len(theirs)
    assert (ours.astype(float) - theirs).mean() == pytest.approx(gap, rel=0.25)


def test_calls_that_hang_never_end():
    usual = sum(len(each.row) for each in served(CALL, slots=200))
    hanging = served(CALL, Arms(candidate=Effect(hangs=0.5)), slots=200)
    assert sum(len(each.row) for each in hanging) == pytest.approx(usual / 2, rel=0.1)


def test_sums_are_those_of_a_plain_loop():
    world = replace(CALL, scored=0.5)
    (calls,) = served(world, Arms(Effect(errors=0.2)), rollouts=3, ticks=1)
    post = Post()
    post.send(calls, np.zeros(3, np.int64), 0)
    scores = post.arriving(range(10_000))
    instant, by_slot = instant_of(calls, np.full(3, 100), LIMITS)
    minute = minute_of(calls, scores, 3, LIMITS)
    total, hits, slots = np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 200))
    for row, slot, arm, failed, latency in zip(
        calls.row, calls.slot, calls.arm, calls.failed, calls.latency, strict=True
    ):
        total[row, arm] += 0 if failed else latency
        hits[row, arm] += failed
        slots[row, slot] += 1
    assert np.allclose(minute.total[:, MEANS.index("latency")], total)
    assert (minute.hits[:, 0] == hits).all()
    assert (instant.failed == hits).all()
    assert (by_slot == slots).all()
    assert (minute.slot_calls[..., 0] == slots).all()
    assert minute.known[:, MEANS.index("quality")].sum() == (calls.scored >= 0).sum() > 0
    assert instant.strays.sum() == 0
    assert not (instant.calls[:, [CANDIDATE, INCUMBENT]] == 0).all()


def test_scores_come_when_they_are_due_and_name_the_step_of_their_call():
    world = replace(CALL, scored=1.0)
    (calls,) = served(world, rollouts=3, ticks=1)
    post = Post()
    post.send(calls, np.array([4, 5, 6]), 100)
    due = np.sort(100 + calls.scored[calls.scored >= 0])
    assert len(post.arriving(range(100)).row) == 0
    first = post.arriving(range(100, int(due[0]) + 1))
    assert len(first.row) == (due == due[0]).sum()
    assert (first.step == first.row + 4).all()


def test_every_way_is_played_on_the_same_calls_and_again_alike():
    cell = Cell(name="slow", world=CALL, arms=Arms(Effect(latency=3.0)), minutes=60)
    ours = [cell.play(OURS, 0, 4) for _ in range(2)]
    assert ours[0] == ours[1]
    assert ours[0]["undone"] == 4
    assert set(ours[0]["reasons"]) <= {"latency", "slow", "hard_limit"}
    assert all(cell.play(rival, 0, 4)["promoted"] == 0 for rival in RIVALS)


def test_parts_are_kept_and_gone_on_with_unless_the_code_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(parts_module, "RESULTS", tmp_path)
    monkeypatch.setattr(parts_module, "AT_ONCE", 2)
    cell = Cell(name="bad", world=CALL, arms=Arms(Effect(errors=0.9)), minutes=10)
    Parts("some", small=False).fill(cell, OURS, 3)
    kept = json.loads((tmp_path / "some.parts.json").read_text())
    assert [part["seeds"] for part in kept["cells"]["bad ours"]] == [2, 1]
    again = Parts("some", small=False)
    again.fill(cell, OURS, 3)
    assert again.sums(cell, OURS).seeds == again.sums(cell, OURS).undone == 3
    monkeypatch.setattr(parts_module, "code", lambda: "other")
    assert Parts("some", small=False).sums(cell, OURS) == Sums()
