"""A world played: what was planted comes out, incidents reach what they should and nothing else."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from optimizer.documents import Unit
from optimizer.models import Arm, ModelConfig
from optimizer.simulate.arrivals import MINUTE_NS, Rhythmic, Traced
from optimizer.simulate.calls import ERROR_TYPES, FAILURES, NAMES, SimulatedCalls
from optimizer.simulate.incidents import IncidentKind, nanoseconds
from optimizer.simulate.load import Load
from optimizer.simulate.quantities import Judged, Lognormal, Recorded, RecordedScores
from optimizer.simulate.simulation import simulate, start_ns
from optimizer.simulate.users import Users
from optimizer.simulate.worlds import Cell
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm, an_incident

BUSY = Rhythmic(calls_per_minute=600)
MANY = Users(count=5000, spread=0.5)
TWO_ARMS = (
    an_arm("large", 0.9, errors=0.02, ttft_ms=Lognormal(median=300, sigma=0.3)),
    an_arm(
        "small",
        0.1,
        errors=0.05,
        latency_ms=Lognormal(median=400, sigma=0.3),
        tokens_out=Lognormal(median=90, sigma=0.2),
        quality=Judged(mean=0.6, sd=0.3),
    ),
)


@pytest.fixture(scope="module")
def calls() -> SimulatedCalls:
    route = a_route(arms=TWO_ARMS, traffic=BUSY, users=MANY, unit=Unit.CALL)
    return simulate(a_world(route))


def latency_ms(calls: SimulatedCalls) -> np.ndarray:
    return (calls.end_ns - calls.start_ns) / 1e6


def equal(one: SimulatedCalls, other: SimulatedCalls, *names: str) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "score")
        for name in names or NAMES
    )


def test_the_arms_get_their_shares(calls):
    assert np.mean(calls.arm == 1) == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(("arm", "planted"), [(0, 0.02), (1, 0.05)])
def test_the_arms_fail_at_their_rates(calls, arm, planted):
    rate = calls.failed[calls.arm == arm].mean()
    deviation = (planted * (1 - planted) / (calls.arm == arm).sum()) ** 0.5
    assert rate == pytest.approx(planted, abs=4 * deviation)


@pytest.mark.parametrize(("arm", "median", "sigma"), [(0, 1000, 0.5), (1, 400, 0.3)])
def test_the_arms_have_their_latencies(calls, arm, median, sigma):
    found = latency_ms(calls)[(calls.arm == arm) & ~calls.failed]
    assert np.median(found) == pytest.approx(median, rel=0.02)
    assert np.log(found).std() == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize(("arm", "median", "sigma"), [(0, 200, 0.4), (1, 90, 0.2)])
def test_the_arms_have_their_tokens(calls, arm, median, sigma):
    served = (calls.arm == arm) & ~calls.failed
    mean = median * np.exp(sigma**2 / 2)
    assert calls.tokens_out[served].mean() == pytest.approx(mean, rel=0.02)
    assert calls.tokens_in[served].mean() == pytest.approx(800 * np.exp(0.125), rel=0.03)


@pytest.mark.parametrize(("arm", "mean"), [(0, 0.8), (1, 0.6)])
def test_the_arms_have_their_quality_on_the_share_that_is_scored(calls, arm, mean):
    scores = calls.score[(calls.arm == arm) & ~calls.failed]
    assert np.mean(~np.isnan(scores)) == pytest.approx(0.5, abs=0.025)
    assert np.nanmean(scores) == pytest.approx(mean, abs=0.02)


def test_only_answers_are_scored_and_after_they_ended(calls):
    given = ~np.isnan(calls.score)
    assert not np.any(given & calls.failed)
    assert np.all(calls.scored_ns[given] >= calls.end_ns[given])
    assert set(calls.scored_ns[~given].tolist()) == {-1}
    delay_s = (calls.scored_ns - calls.end_ns)[given] / 1e9
    assert np.median(delay_s) == pytest.approx(60, rel=0.05)


def test_calls_fail_in_the_planted_ways(calls):
    counts = np.bincount(calls.failure[calls.failed], minlength=len(ERROR_TYPES))
    assert counts / counts.sum() == pytest.approx([*(f.share for f in FAILURES), 0], abs=0.06)


def test_a_failed_call_tells_neither_tokens_nor_first_chunk(calls):
    for column in (calls.tokens_in, calls.tokens_out, calls.ttft_ns):
        assert set(column[calls.failed].tolist()) == {-1}
    assert set(calls.tokens_cached[calls.failed].tolist()) == {0}


def test_only_a_streamed_answer_has_a_first_chunk_and_before_its_end(calls):
    streamed = ~calls.failed & (calls.arm == 0)
    assert np.all(calls.ttft_ns[streamed] >= 0)
    assert np.all(calls.ttft_ns <= calls.end_ns - calls.start_ns)
    assert set(calls.ttft_ns[calls.arm == 1].tolist()) == {-1}
    assert np.median(calls.ttft_ns[streamed]) / 1e6 == pytest.approx(300, rel=0.03)


def test_long_answers_take_long(calls):
    served = (calls.arm == 0) & ~calls.failed
    found = np.corrcoef(np.log(latency_ms(calls)[served]), np.log(calls.tokens_out[served]))
    assert found[0, 1] == pytest.approx(0.8, abs=0.02)


def test_times_lie_in_the_world_and_ids_differ(calls):
    world = a_world()
    begun = calls.start_ns - start_ns(world)
    assert np.all((begun >= 0) & (begun < nanoseconds(world.length)))
    assert np.all(np.diff(calls.start_ns) >= 0)
    assert len(np.unique(calls.ids, axis=0)) == len(calls)


def test_the_same_seed_gives_the_same_calls_and_another_seed_others():
    world = a_world(a_route(arms=TWO_ARMS))
    again = simulate(world)
    other = simulate(replace(world, seed=1))
    assert equal(simulate(world), again)
    assert not np.any(np.isin(other.ids[:, :8].view(np.int64), again.ids[:, :8].view(np.int64)))


def test_another_route_changes_nothing_of_the_first():
    alone = simulate(a_world(a_route()))
    beside = simulate(a_world(a_route(), a_route("acme/search/summaries")))
    assert equal(alone, beside.take(beside.route == 0))


@pytest.mark.parametrize(
    ("unit", "column"), [(Unit.USER, "user"), (Unit.CONVERSATION, "conversation")]
)
def test_an_assignment_sticks_to_its_unit(unit, column):
    arms = (an_arm("large", 0.5), an_arm("small", 0.5))
    found = simulate(a_world(a_route(arms=arms, users=Users(count=80, turns=4), unit=unit)))
    for number in set(getattr(found, column).tolist()):
        rows = getattr(found, column) == number
        assert len(set(found.slot[rows].tolist())) == 1
        assert len(set(found.arm[rows].tolist())) == 1


def test_a_slot_belongs_to_one_arm():
    arms = (an_arm("large", 0.7), an_arm("small", 0.3))
    found = simulate(a_world(a_route(arms=arms, traffic=BUSY, unit=Unit.CALL)))
    owners = [set(found.arm[found.slot == slot].tolist()) for slot in range(200)]
    assert {len(owner) for owner in owners} == {1}
    assert sum(owner == {1} for owner in owners) == 60


INSIDE_S = (3600, 4800)


def inside(calls: SimulatedCalls) -> np.ndarray:
    begun_s = (calls.start_ns - start_ns(a_world())) / 1e9
    return (begun_s >= INSIDE_S[0]) & (begun_s < INSIDE_S[1])


def before_and_after(kind: IncidentKind, **changes) -> tuple[SimulatedCalls, SimulatedCalls]:
    route = a_route(arms=TWO_ARMS, traffic=BUSY, users=MANY, unit=Unit.CALL)
    incident = an_incident(kind, **changes)
    return simulate(a_world(route)), simulate(a_world(route, incidents=(incident,)))


ALL_BUT_TRAFFIC = [
    pytest.param(IncidentKind.LATENCY, {"factor": 3.0}, id="latency"),
    pytest.param(IncidentKind.ERRORS, {"value": 0.25}, id="errors to a value"),
    pytest.param(IncidentKind.ERRORS, {"factor": 5.0}, id="errors by a factor"),
    pytest.param(IncidentKind.QUALITY, {"factor": 0.5}, id="quality"),
    pytest.param(IncidentKind.OUTAGE, {}, id="outage"),
]


@pytest.mark.parametrize(("kind", "amount"), ALL_BUT_TRAFFIC)
def test_an_incident_changes_no_call_outside_of_it(kind, amount):
    usual, struck = before_and_after(kind, **amount)
    assert equal(usual.take(~inside(usual)), struck.take(~inside(struck)))
    assert not equal(usual.take(inside(usual)), struck.take(inside(struck)))


@pytest.mark.parametrize(("kind", "amount"), ALL_BUT_TRAFFIC)
def test_an_incident_of_an_arm_changes_no_other_arm(kind, amount):
    usual, struck = before_and_after(kind, arm="small", **amount)
    assert equal(usual.take(usual.arm == 0), struck.take(struck.arm == 0))
    assert not equal(usual.take(usual.arm == 1), struck.take(struck.arm == 1))


@pytest.mark.parametrize(("kind", "amount"), ALL_BUT_TRAFFIC)
def test_an_incident_elsewhere_changes_nothing(kind, amount):
    usual, struck = before_and_after(kind, route="acme/other/route", **amount)
    assert equal(usual, struck)


def test_latency_is_multiplied_first_chunk_included():
    usual, struck = before_and_after(IncidentKind.LATENCY, factor=3.0)
    rows = inside(usual) & ~usual.failed
    assert latency_ms(struck)[rows] == pytest.approx(3 * latency_ms(usual)[rows], rel=1e-4)
    streamed = rows & (usual.arm == 0) & (usual.ttft_ns < usual.end_ns - usual.start_ns)
    assert struck.ttft_ns[streamed] == pytest.approx(3 * usual.ttft_ns[streamed], rel=1e-3)
    assert equal(usual, struck, "failure", "tokens_out", "arm", "score")


@pytest.mark.parametrize(
    ("amount", "rate"),
    [({"value": 0.25}, 0.25), ({"factor": 5.0}, 0.1), ({"factor": 1000.0}, 1.0)],
)
def test_the_error_rate_is_the_planted_one(amount, rate):
    _, struck = before_and_after(IncidentKind.ERRORS, arm="large", **amount)
    rows = inside(struck) & (struck.arm == 0)
    assert struck.failed[rows].mean() == pytest.approx(rate, abs=0.02)


def test_a_fall_in_quality_spoils_its_share_wholly():
    usual, struck = before_and_after(IncidentKind.QUALITY, factor=0.6)
    rows = inside(usual) & ~np.isnan(usual.score)
    spoilt = struck.score[rows] != usual.score[rows]
    assert spoilt.mean() == pytest.approx(0.4, abs=0.02)
    assert set(struck.score[rows][spoilt].tolist()) == {0.0}
    assert equal(usual, struck, *(name for name in NAMES if name != "score"))


def test_in_an_outage_every_call_fails_to_connect():
    _, struck = before_and_after(IncidentKind.OUTAGE)
    kinds = {ERROR_TYPES[code] for code in struck.failure[inside(struck)].tolist()}
    assert kinds == {"APIConnectionError"}
    assert not np.any(struck.failure[~inside(struck)] == ERROR_TYPES.index("APIConnectionError"))


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 2.5])
def test_traffic_is_multiplied_inside_and_equal_outside(factor):
    usual, struck = before_and_after(IncidentKind.TRAFFIC, factor=factor)
    assert inside(struck).sum() == pytest.approx(factor * inside(usual).sum(), rel=0.03)
    # A copy comes up to five seconds after its model, and may so come after the incident.
    kept = np.isin(_keys(struck), _keys(usual))
    first = struck.take(kept & ~inside(struck))
    assert equal(usual.take(~inside(usual)), first)


def _keys(calls: SimulatedCalls) -> np.ndarray:
    return np.ascontiguousarray(calls.ids[:, :8]).view(np.int64)[:, 0]


def test_calls_of_a_matrix_are_its_tasks_whole():
    tokens = np.array([100.0, 200.0, 300.0])
    arm = an_arm(
        latency_ms=Recorded(values=tokens * 10),
        tokens_in=Recorded(values=tokens),
        tokens_out=Recorded(values=tokens + 1),
        quality=RecordedScores(values=tokens / 1000),
    )
    cells = (Cell(name="odd", share=2 / 3), Cell(name="even", share=1 / 3))
    route = a_route(arms=(arm,), tasks=3, task_cell=np.array([0, 1, 0]), cells=cells)
    found = simulate(a_world(route))
    task = found.tokens_in // 100 - 1
    assert np.bincount(task) / len(found) == pytest.approx([1 / 3] * 3, abs=0.03)
    assert np.array_equal(found.tokens_out, found.tokens_in + 1)
    assert np.array_equal(latency_ms(found), found.tokens_in * 10.0)
    assert np.array_equal(found.cell, task % 2)
    scored = ~np.isnan(found.score)
    assert np.array_equal(found.score[scored], found.tokens_in[scored] / 1000)


def test_cells_have_their_shares_and_change_what_they_say():
    cells = (Cell(name="short", share=0.75), Cell(name="long", share=0.25, latency=2, tokens=3))
    found = simulate(a_world(a_route(traffic=BUSY, users=MANY, cells=cells)))
    long = found.cell == 1
    assert long.mean() == pytest.approx(0.25, abs=0.01)
    for column, factor in ((latency_ms(found), 2), (found.tokens_out, 3), (found.tokens_in, 3)):
        assert np.median(column[long]) / np.median(column[~long]) == pytest.approx(factor, rel=0.04)


def test_arrivals_that_tell_tokens_are_believed_unless_the_arm_has_its_own():
    trace = Traced(
        at_ns=np.arange(60) * 10**9,
        tokens_in=np.arange(60) + 50,
        tokens_out=np.where(np.arange(60) % 2, 70, -1),
    )
    told = an_arm(tokens_in=None, tokens_out=None)
    route = a_route(arms=(told,), traffic=trace, tokens_out=Lognormal(median=500))
    found = simulate(a_world(route, length=timedelta(minutes=1)))
    assert sorted(found.tokens_in.tolist()) == list(range(50, 110))
    assert sorted(set(found.tokens_out.tolist())) == [70, 500]


def test_an_answer_is_cut_at_the_arms_most_tokens():
    arm = an_arm(arm=Arm(config=ModelConfig(model="large", max_tokens=250)))
    found = simulate(a_world(a_route(arms=(arm,))))
    assert found.tokens_out.max() == 250
    assert np.array_equal(found.cut, found.tokens_out == 250)
    assert 0.2 < found.cut.mean() < 0.4  # ln 1.25 is .56 sd above the median


def test_later_calls_of_a_conversation_read_from_the_cache():
    route = a_route(arms=(an_arm(cached=0.5),), users=Users(count=50, turns=4))
    found = simulate(a_world(route))
    cached = found.tokens_cached > 0
    assert np.array_equal(found.tokens_cached[cached], found.tokens_in[cached] // 2)
    assert len(np.unique(found.conversation)) == (~cached).sum()


STEADY = an_arm(latency_ms=Lognormal(median=1000), errors=0.0)


def test_load_slows_all_calls_of_a_minute_alike():
    load = Load(sd=0.4)
    found = simulate(a_world(a_route(arms=(STEADY,), load=load)))
    minute = (found.start_ns - start_ns(a_world())) // MINUTE_NS
    slowest = [latency_ms(found)[minute == number] for number in range(120)]
    assert all(np.ptp(of) < 0.01 for of in slowest)
    assert np.log([of[0] for of in slowest]).std() == pytest.approx(0.4, abs=0.2)


def test_a_users_own_effect_slows_all_of_its_calls_alike():
    users = Users(count=300, latency_sd=0.4)
    found = simulate(a_world(a_route(arms=(STEADY,), users=users)))
    by_user = [latency_ms(found)[found.user == user] for user in np.unique(found.user)]
    assert all(np.ptp(of) < 0.01 for of in by_user)
    assert np.log([of[0] for of in by_user]).std() == pytest.approx(0.4, rel=0.15)


def test_a_call_that_traffic_adds_goes_on_with_its_models_conversation():
    route = a_route(arms=(an_arm(cached=0.5),), users=Users(count=50, turns=4))
    doubled = an_incident(IncidentKind.TRAFFIC, factor=2.0)
    usual, struck = simulate(a_world(route)), simulate(a_world(route, incidents=(doubled,)))
    assert set(struck.conversation.tolist()) == set(usual.conversation.tolist())
    assert (struck.tokens_cached == 0).sum() == len(np.unique(struck.conversation))
