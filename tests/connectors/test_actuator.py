"""The actuator brings a gateway to what the log says, whatever stands in its way."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.actuator.errands import Errand, pause_s
from connectors.codecs import cloud_event, to_json
from connectors.decoding import RecordDecoder
from connectors.documents.folder import Folder
from connectors.gateways.documents import DocumentGateway
from connectors.inputs import INPUTS
from connectors.publisher import DOCUMENTS
from optimizer.errors import GatewayUnreachable, StorageFailed
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import validate
from tests.builders import PriceList
from tests.connectors.acting import LEASE_S, ROUTE, Stage, a_document
from tests.connectors.gateway_kinds import FOUR, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROUTES = [f"default/shop/r{number}" for number in range(120)]


def test_a_document_is_brought_there_and_told_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.play(actuator)
    stage.say(a_document(1))
    stage.play(actuator, 300)
    assert stage.gateway.read(ROUTE) == a_document(1)
    assert stage.told() == [("applied", 1)]
    assert stage.applied() == [1]
    (event,) = stage.events()
    assert (event.data.route, event.data.gateway) == (ROUTE, "memory")


def test_each_document_comes_within_a_second_of_being_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    for revision in range(1, 6):
        stage.play(actuator, 100)
        stage.say(a_document(revision, 10 * revision))
        stage.play(actuator, 0.5)
        assert stage.gateway.read(ROUTE) == a_document(revision, 10 * revision)


def test_the_newest_of_several_is_brought_and_those_passed_over_are_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.say(a_document(1), a_document(2), a_document(3), a_document(1), a_document(3))
    actuator = stage.actuator()
    stage.play(actuator)
    stage.say(a_document(4), a_document(5), a_document(3))
    stage.play(actuator)
    assert stage.applied() == [3, 5]
    assert [one.detail for one in stage.reports()] == ["1, 2 passed over", "4 passed over"]


def test_what_is_new_comes_before_the_many_that_are_looked_at_after_a_start(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    stage.say(*(a_document(1, route=route) for route in ROUTES))
    stage.play(stage.actuator(), 10)
    again = stage.actuator()
    again.turn()
    last = max(ROUTES)
    stage.say(a_document(2, 50, route=last))
    again.turn()
    assert stage.gateway.read(last).revision == 2
    assert len([1 for outcome, _ in stage.told() if outcome == "seen"]) < len(ROUTES)


def test_what_is_said_while_a_look_is_taken_at_another_route_is_not_missed(tmp_path: Path) -> None:
    stage, read = Stage(tmp_path), None
    other = a_document(1, route=ROUTES[0])

    def read_and_say(route: str):
        if route == ROUTE and stage.log.end(DOCUMENTS) == 1:
            stage.say(other)
        return read(route)

    read, stage.gateway.read = stage.gateway.read, read_and_say
    stage.say(a_document(1))
    stage.play(stage.actuator(), 1)
    assert stage.gateway.read(other.route) == other


@pytest.mark.parametrize("first", [(7, 8), range(1, 9)], ids=["a gap", "all of them"])
def test_who_says_an_older_document_than_was_said_learns_the_newest_revision(
    first: Iterable[int], tmp_path: Path
) -> None:
    """As a controller does that begins anew, while the gateway is gone and the log is not."""
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(*(a_document(revision) for revision in first))
    stage.play(actuator)
    stage.say(a_document(1, 100), a_document(2, 100))
    stage.play(actuator)
    assert stage.gateway.read(ROUTE) == a_document(8)
    assert stage.told() == [("applied", 8), ("seen", 8)]
    stage.say(a_document(9, 100))
    stage.play(actuator)
    assert stage.gateway.read(ROUTE) == a_document(9, 100)


def test_a_model_that_is_gone_is_told_by_its_arm_and_what_does_without_is_applied(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    new = a_document(1).arms[0]
    stage.gateway.faults.gone = {new.config.model}
    stage.say(a_document(1))
    stage.play(actuator, 100)
    (report,) = stage.reports()
    assert (report.outcome, report.revision, report.arm) == ("model_gone", 1, new.id)
    assert report.detail == f"nobody serves {new.config.model}"
    stage.say(a_document(2, 0))
    stage.play(actuator)
    assert stage.told()[1:] == [("applied", 2)]


def test_a_report_is_a_record_that_the_job_reads(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.say(a_document(1))
    stage.play(stage.actuator())
    decoder = RecordDecoder(validate({}), PriceList(), INPUTS)
    entry = stage.log.read(INPUTS)[0]
    (event,) = stage.events()
    body = entry.value[entry.value.index(b'{"data"') :]
    decoded = decoder.decode(Record(INPUTS, 0, 0, RecordKind.REPORT, body), KeyTable())
    assert list(decoded.events) == [event]


def test_what_is_there_at_the_start_is_told_in_each_life(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.gateway.apply(a_document(7), 0, "by hand")
    stage.play(stage.actuator())
    stage.time.wait(1)
    stage.play(stage.actuator())
    assert stage.told() == [("seen", 7), ("seen", 7)]
    assert len({event.id for event in stage.events()}) == 2


def test_what_comes_to_be_on_a_route_the_log_knows_nothing_of_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.gateway.apply(a_document(7), 0, "")
    actuator = stage.actuator()
    stage.play(actuator)
    stage.gateway.apply(a_document(9), 7, "")
    stage.play(actuator, 200)
    assert stage.told() == [("seen", 7), ("seen", 9)]


def test_a_gateway_that_is_dead_is_tried_ever_less_often_and_never_given_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.play(actuator)
    stage.say(a_document(1))
    stage.gateway.faults.unreachable_calls = calls = 10**6
    stage.play(actuator, 3600)
    tried = calls - stage.gateway.faults.unreachable_calls
    assert 80 <= tried <= 300  # once in half a minute at last
    assert stage.told() == []
    stage.gateway.faults.unreachable_calls = 0
    stage.play(actuator, 60)
    assert stage.gateway.read(ROUTE) == a_document(1)
    assert stage.told() == [("applied", 1)]


def test_one_route_that_cannot_be_served_holds_no_other_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    too_much = a_document(1, route=ROUTES[0])
    stage.gateway.overwrite(a_document(5, 99, route=ROUTES[0]))  # somebody else's, and newer
    stage.say(too_much, *(a_document(1, route=route) for route in ROUTES[1:]))
    stage.play(actuator, 10)
    assert Counter(outcome for outcome, _ in stage.told()) == {
        "applied": len(ROUTES) - 1,
        "seen": 1,
        "conflict": 1,
    }
    assert stage.gateway.read(ROUTES[0]).revision == 5


def test_a_refusal_is_told_once_and_a_newer_document_tried_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.gateway.faults.refusal = "no such\nmodel" + "!" * 500
    stage.say(a_document(1))
    stage.play(actuator, 3000)
    assert stage.told() == [("failed", 1)]
    assert stage.reports()[0].detail.startswith("no such model!!")
    stage.gateway.faults.refusal = ""
    stage.say(a_document(2))
    stage.play(actuator)
    assert stage.told() == [("failed", 1), ("applied", 2)]


def test_a_refusal_that_was_put_right_is_found_out(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.gateway.faults.refusal = "no such model"
    stage.say(a_document(1))
    stage.play(actuator)
    stage.gateway.faults.refusal = ""
    stage.play(actuator, 700)
    assert stage.told() == [("failed", 1), ("applied", 1)]


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_what_broke_off_is_finished(writes: int, tmp_path: Path) -> None:
    stage = Stage(tmp_path, replicas=FOUR, pushes=True)
    actuator = stage.actuator()
    stage.say(a_document(1))
    stage.play(actuator)
    stage.gateway.faults.writes_left = writes
    stage.say(a_document(2, 50))
    stage.play(actuator)
    assert set(stage.gateway.observe(ROUTE).values()) == {2}
    assert stage.told() == [("applied", 1), ("applied", 2)]


def test_an_answer_that_is_lost_changes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.gateway.faults.lost_answers = 1
    stage.say(a_document(1))
    stage.play(stage.actuator())
    assert stage.applied() == [1]
    assert stage.told() == [("applied", 1)]


def test_a_document_counts_as_applied_when_each_replica_runs_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, replicas=FOUR, lags={"c": 20 * SECOND_NS})
    actuator = stage.actuator()
    stage.say(a_document(1))
    stage.play(actuator, 19)
    assert stage.told() == []
    stage.play(actuator, 20)
    assert stage.told() == [("applied", 1)]
    assert stage.reports()[0].detail == ""


def test_a_replica_that_never_follows_is_told_with_what_it_runs(tmp_path: Path) -> None:
    stage = Stage(tmp_path, replicas=FOUR)
    actuator = stage.actuator()
    stage.say(a_document(1))
    stage.play(actuator)
    stage.gateway.faults.stale = {"d"}
    stage.say(a_document(2))
    stage.play(actuator, 200)
    assert stage.told() == [("applied", 1), ("applied", 2)]
    assert stage.reports()[1].detail == "d runs 1"


def test_replicas_that_do_not_tell_are_told_of(tmp_path: Path) -> None:
    stage = Stage(tmp_path, replicas=FOUR, tells_replicas=False)
    stage.say(a_document(1))
    stage.play(stage.actuator())
    assert stage.reports()[0].detail == "nobody tells what its replicas run"


def test_a_newer_document_of_somebody_elses_stays_until_the_log_says_a_newer_one(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(a_document(1))
    stage.play(actuator)
    stage.gateway.overwrite(a_document(4, 100))
    stage.say(a_document(2), a_document(3))
    stage.play(actuator, 300)
    assert stage.gateway.read(ROUTE) == a_document(4, 100)
    assert stage.told() == [("applied", 1), ("conflict", 4)]
    stage.say(a_document(5))
    stage.play(actuator)
    assert stage.gateway.read(ROUTE) == a_document(5)
    assert stage.told()[2:] == [("applied", 5)]


def test_another_document_under_our_revision_is_a_conflict(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(a_document(1, leased=True))
    stage.play(actuator)
    stage.gateway.revert(ROUTE, 1)
    before = len(stage.gateway.writes())
    stage.play(actuator, 300)
    assert stage.told() == [("applied", 1), ("conflict", 1)]
    assert len(stage.gateway.writes()) == before  # nor is its lease renewed


def test_an_older_document_of_somebody_elses_is_told_and_overwritten(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(*(a_document(revision) for revision in range(1, 9)))
    stage.play(actuator)
    stage.gateway.overwrite(a_document(6, 100))
    stage.play(actuator, 100)
    assert stage.gateway.read(ROUTE) == a_document(8)
    assert stage.told() == [("applied", 8), ("conflict", 6)]


def test_what_another_actuator_brought_from_the_log_is_not_foreign(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    slow, quick = stage.actuator("slow"), stage.actuator("quick")
    stage.say(a_document(1))
    stage.play(slow)
    stage.say(a_document(2))
    stage.play(quick)
    stage.play(slow, 100)
    assert {outcome for outcome, _ in stage.told()} == {"seen", "applied"}
    assert stage.applied() == [1, 2]


def test_what_the_log_said_too_long_ago_to_be_known_is_not_foreign(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(*(a_document(revision) for revision in range(1, 200)))
    stage.gateway.apply(a_document(3), 0, "")
    stage.play(actuator)
    assert stage.gateway.read(ROUTE) == a_document(199)
    assert stage.told() == [("seen", 3), ("applied", 199)]


def test_two_documents_under_one_revision_in_the_log_are_told_and_the_first_counts(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(a_document(1), a_document(1, 100))
    stage.play(actuator)
    assert stage.gateway.read(ROUTE) == a_document(1)
    assert stage.told() == [("conflict", 1), ("applied", 1)]


@pytest.mark.parametrize(
    "value",
    [b"", b"garbage", b"{}", b"[1]", b"\xff\xfe", b'{"specversion":"1.0"}', b"null", b"[" * 9999],
)
def test_garbage_in_the_log_is_passed_over(value: bytes, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log.append(DOCUMENTS, [(ROUTE, value)])
    stage.say(a_document(1))
    stage.log.append(DOCUMENTS, [(ROUTE, value)])
    stage.play(stage.actuator())
    assert stage.gateway.read(ROUTE) == a_document(1)


NUMBERS = (-1, 0, 201, 2**40, 1e308)
HOSTILE = (None, True, "", "x" * 5000, "\x00\n/../..", "2026", [], {}, [[]], *NUMBERS)


def a_broken_event(rng: random.Random, revision: int) -> bytes:
    """A document as the log holds it, with one or two of its values replaced."""
    event = json.loads(to_json(cloud_event(a_document(revision, 50, leased=True), "svc")))
    for _ in range(rng.choice((1, 1, 2))):
        place: Any = event["data"]
        while True:
            name = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not place[name] or not isinstance(place[name], dict | list) or rng.random() < 0.2:
                break
            place = place[name]
        if name != "revision":
            place[name] = rng.choice(HOSTILE)
    return json.dumps(event).encode()


@pytest.mark.parametrize("kind", ["memory", "documents"])
def test_no_document_however_broken_keeps_a_good_one_from_being_brought(
    kind: str, tmp_path: Path
) -> None:
    rng, stage = random.Random(1), Stage(tmp_path)
    gateway = stage.gateway
    if kind == "documents":
        gateway = DocumentGateway(Folder(tmp_path / "d"), timedelta(seconds=LEASE_S), stage.time)
    actuator = stage.actuator(gateway=gateway)
    for revision in range(1, 300, 10):
        broken = [a_broken_event(rng, each) for each in range(revision, revision + 9)]
        stage.log.append(DOCUMENTS, [(ROUTE, value) for value in broken])
        stage.play(actuator, 0.3)
        stage.say(a_document(revision + 9))
        stage.play(actuator, 0.5)
        assert gateway.read(ROUTE) == a_document(revision + 9)
    outcomes = Counter(outcome for outcome, _ in stage.told())
    assert outcomes["applied"] >= 30
    assert outcomes["failed"] > 5


def test_a_leased_step_is_renewed_as_long_as_somebody_judges_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(a_document(1, leased=True))
    unit = next(u for u in map(str, range(999)) if _arm(stage, actuator, u) != _old())
    stage.play(actuator, 10 * LEASE_S)
    assert stage.gateway.assign(ROUTE, unit, stage.time.now_ns).arm != _old()
    stage.judged = False
    stage.play(actuator, 2 * LEASE_S)
    assert stage.gateway.assign(ROUTE, unit, stage.time.now_ns).arm == _old()
    stage.judged = True
    stage.play(actuator, LEASE_S)
    assert stage.gateway.assign(ROUTE, unit, stage.time.now_ns).arm != _old()
    assert stage.told() == [("applied", 1)]


def _old() -> str:
    return a_document(1).incumbent


def _arm(stage: Stage, actuator, unit: str) -> str:
    stage.play(actuator, until=lambda: stage.gateway.read(ROUTE) is not None)
    return stage.gateway.assign(ROUTE, unit, stage.time.now_ns).arm


def test_a_document_at_rest_is_not_written_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.say(a_document(1))
    stage.play(stage.actuator(), 3600)
    assert len(stage.gateway.writes()) == 1


class Overshooting(Stage):
    """A gateway that would let the new arm have all traffic for a moment."""

    def opened(self):
        gateway = super().opened()
        plan = gateway.plan
        new = a_document(1).arms[0].id
        gateway.plan = lambda document: [
            plan(document)[0]._replace(mix={new: 1.0}),
            *plan(document),
        ]
        return gateway


def test_a_way_that_gives_an_arm_too_much_traffic_is_not_gone(tmp_path: Path) -> None:
    stage = Overshooting(tmp_path)
    stage.say(a_document(1, 50))
    stage.play(stage.actuator())
    assert stage.gateway.read(ROUTE) is None
    (report,) = stage.reports()
    assert (report.outcome, report.revision) == ("failed", 1)
    assert "has 100.0% of the traffic, more than the 25.0%" in report.detail


def test_a_log_that_was_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.say(*(a_document(revision) for revision in (1, 2, 3)))
    stage.play(stage.actuator())
    stage.log = type(stage.log)()
    stage.say(a_document(4))
    stage.play(stage.actuator())
    assert stage.gateway.read(ROUTE) == a_document(4)


def test_what_was_said_is_known_in_the_next_life_without_being_read_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.say(*(a_document(revision) for revision in range(1, 100)))
    stage.play(stage.actuator())
    read = stage.log.read
    stage.log.read = lambda topic, start, limit: read(topic, max(start, 99), limit)
    again = stage.actuator()
    stage.log.read = read
    stage.gateway.overwrite(a_document(60, 100))
    stage.play(again, 70)
    assert stage.gateway.read(ROUTE) == a_document(99)
    assert stage.told() == [("applied", 99), ("seen", 60), ("conflict", 60)]


def test_a_log_that_cannot_be_read_or_written_delays_and_loses_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    stage.say(a_document(1))
    append, read = stage.log.append, stage.log.read

    def broken(*_: object) -> None:
        raise StorageFailed("disk I/O error")

    stage.log.read = broken
    stage.play(actuator, 10)
    assert stage.applied() == []
    stage.log.read, stage.log.append = read, broken
    stage.play(actuator, 10)
    assert stage.applied() == [1]
    stage.log.append = append
    stage.play(actuator, 1)
    assert stage.told() == [("applied", 1)]


def test_a_state_that_cannot_be_written_keeps_nothing_from_being_done(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    actuator = stage.actuator()
    state = actuator._desired._state  # noqa: SLF001 - to break it
    state._connection.execute("PRAGMA query_only = ON")  # noqa: SLF001
    stage.say(a_document(1))
    stage.play(actuator, 10)
    assert stage.applied() == [1]
    assert stage.told() == [("applied", 1)]
    state._connection.execute("PRAGMA query_only = OFF")  # noqa: SLF001
    stage.play(actuator)
    stage.play(stage.actuator())
    assert stage.told() == [("applied", 1), ("seen", 1)]


def test_a_fault_nobody_thought_of_holds_no_other_route_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    observe = stage.gateway.observe
    stage.gateway.observe = lambda route: 1 // 0 if route == ROUTE else observe(route)
    stage.say(a_document(1), *(a_document(1, route=route) for route in ROUTES))
    stage.play(stage.actuator(), 10)
    assert Counter(stage.told()) == {("applied", 1): len(ROUTES)}
    stage.gateway.observe = observe
    stage.play(stage.actuator(), 40)
    assert ("applied", 1) in [(one.outcome, 1) for one in stage.reports() if one.route == ROUTE]


def test_a_fault_nobody_thought_of_ends_no_thread(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stop = threading.Event()
    tries = []

    def odd() -> list[str]:
        tries.append(1)
        if len(tries) == 2:
            stop.set()
        raise ZeroDivisionError("odd")

    stage.gateway.routes = odd
    actuator = stage.actuator()
    actuator.run(Stopping(stop, stage))
    assert len(tries) == 2


class Stopping:
    """An event that lets time pass instead of waiting."""

    def __init__(self, stop: threading.Event, stage: Stage) -> None:
        self._stop, self._stage = stop, stage

    def is_set(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        self._stage.time.wait(seconds)


def test_pauses_double_up_to_half_a_minute_and_are_spread_the_same_each_time() -> None:
    pauses = [pause_s(Errand(route=ROUTE, revision=1, attempts=each)) for each in range(30)]
    assert pauses == [pause_s(Errand(route=ROUTE, revision=1, attempts=n)) for n in range(30)]
    for attempts, pause in enumerate(pauses):
        most = min(30.0, 0.1 * 2**attempts)
        assert 0.5 * most <= pause < 1.5 * most
    others = {pause_s(Errand(route=route, revision=1, attempts=20)) for route in ROUTES}
    assert max(others) - min(others) > 20


@pytest.mark.parametrize("seed", range(12))
def test_any_faults_and_restarts_lead_to_the_newest_document_and_never_back(
    seed: int, tmp_path: Path
) -> None:
    """Two actuators, killed between any two calls of the gateway, over everything that can fail."""
    rng = random.Random(seed)
    stage = Stage(tmp_path, replicas=FOUR, pushes=bool(seed % 2), lags={"b": 3 * SECOND_NS})
    actuators = {name: stage.actuator(name) for name in ("one", "other")}
    for revision in range(1, 16):
        stage.say(a_document(revision, rng.choice((10, 50, 100)), leased=rng.random() < 0.5))
        for _ in range(rng.randrange(1, 6)):
            faults = stage.gateway.faults
            faults.unreachable_calls = rng.choice((0, 0, 1, 3))
            faults.writes_left = rng.choice((None, None, 0, 2))
            faults.lost_answers = rng.choice((0, 0, 1))
            name = rng.choice(list(actuators))
            stage.play(actuators[name], rng.random())
            if rng.random() < 0.4:
                actuators[name] = stage.actuator(name)
    stage.gateway.faults.writes_left, stage.gateway.faults.lost_answers = None, 0
    for actuator in actuators.values():
        stage.play(actuator, 100)
    assert stage.gateway.read(ROUTE).revision == 15
    assert set(stage.gateway.observe(ROUTE).values()) == {15}
    for replica in {one.replica for one in stage.gateway.writes()}:
        applied = [one.revision for one in stage.gateway.writes() if one.replica == replica]
        assert applied == sorted(applied)
    assert "conflict" not in {outcome for outcome, _ in stage.told()}
    assert ("applied", 15) in stage.told()


def test_a_gateway_that_says_one_thing_and_has_another_is_not_believed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.gateway.apply = lambda *_: None
    errand = Errand(route=ROUTE)
    actuator = stage.actuator()
    stage.say(a_document(1))
    with pytest.raises(GatewayUnreachable, match="took revision 1 and has nothing"):
        actuator._reconciler.look(errand)  # noqa: SLF001 - what a turn would note
    assert errand.attempts == 1
