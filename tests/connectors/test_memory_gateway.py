"""The gateway in memory: how it assigns calls, what its faults do, and what a file keeps of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from connectors.gateways.memory import Assignment, MemoryGateway
from connectors.gateways.shelves import FileShelf
from optimizer.errors import GatewayRefused, GatewayUnreachable, RevisionConflict
from optimizer.slots import slot_of
from tests.connectors.gateway_kinds import FOUR, SECOND_NS, START_NS, Time, a_trial

TRIAL = a_trial()
ROUTE = TRIAL.route
NEW, OLD = (arm.id for arm in TRIAL.arms)
UNITS = [f"conversation-{number}" for number in range(2000)]


def a_gateway(**options) -> MemoryGateway:
    return MemoryGateway(clock=options.pop("clock", Time()), **options)


def rolled_out(gateway: MemoryGateway, *slots: int, leased: bool = False) -> None:
    for revision, each in enumerate(slots, 1):
        gateway.apply(TRIAL.document(revision, each, leased=leased), revision - 1, str(revision))


def test_calls_get_the_arm_of_their_slot_and_their_documents_revision() -> None:
    gateway = a_gateway()
    assert gateway.assign(ROUTE, "anyone", START_NS) is None
    rolled_out(gateway, 10)
    for unit in UNITS[:50]:
        slot = slot_of("check", unit)
        wanted = Assignment(NEW if slot < 10 else OLD, slot, 1)
        assert gateway.assign(ROUTE, unit, START_NS) == wanted


def test_a_cohort_that_grows_keeps_its_units() -> None:
    gateway, kept = a_gateway(), set()
    for revision, slots in enumerate((10, 50, 100, 190), 1):
        gateway.apply(TRIAL.document(revision, slots), revision - 1, "")
        inside = {u for u in UNITS if gateway.assign(ROUTE, u, START_NS)[0] == NEW}
        assert kept < inside
        assert len(inside) / len(UNITS) == pytest.approx(slots / 200, abs=0.03)
        kept = inside


def test_a_replica_follows_after_its_lag_and_a_stale_one_never() -> None:
    clock = Time()
    gateway = a_gateway(replicas=FOUR, lags={"b": 5 * SECOND_NS}, clock=clock)
    rolled_out(gateway, 10)
    clock.wait(60)
    gateway.faults.stale = {"c"}
    gateway.apply(TRIAL.document(2, 50), 1, "2")
    assert gateway.observe(ROUTE) == {"a": 2, "b": 1, "c": 1, "d": 2}
    clock.wait(5)
    assert gateway.observe(ROUTE) == {"a": 2, "b": 2, "c": 1, "d": 2}
    ran = {
        (name, after): gateway.assign(
            ROUTE, "u", START_NS + (60 + after) * SECOND_NS, replica=name
        ).revision
        for name in FOUR
        for after in (-1, 4, 5)
    }
    assert [ran[name, -1] for name in FOUR] == [1, 1, 1, 1]
    assert [ran[name, 4] for name in FOUR] == [2, 1, 1, 2]
    assert [ran[name, 5] for name in FOUR] == [2, 2, 1, 2]


def test_a_step_holds_as_long_as_its_lease_is_renewed() -> None:
    clock = Time()
    gateway = a_gateway(lease_ns=30 * SECOND_NS, clock=clock)
    rolled_out(gateway, 190, leased=True)
    clock.wait(20)
    gateway.renew(ROUTE, 1)
    arms = {
        after: Counter(
            gateway.assign(ROUTE, unit, START_NS + after * SECOND_NS).arm for unit in UNITS[:200]
        )
        for after in (0, 49, 50)
    }
    assert set(arms[0]) == set(arms[49]) == {NEW, OLD}
    assert set(arms[50]) == {OLD}


def test_a_client_that_is_overridden_gets_its_arm_whatever_its_slot_says() -> None:
    gateway = a_gateway()
    rolled_out(gateway, 10)
    gateway.faults.overridden = {"batch": NEW}
    unit = next(unit for unit in UNITS if slot_of("check", unit) >= 10)
    slot = slot_of("check", unit)
    assert gateway.assign(ROUTE, unit, START_NS, client="batch") == Assignment(NEW, slot, 1)
    assert gateway.assign(ROUTE, unit, START_NS, client="other") == Assignment(OLD, slot, 1)


def test_nobody_is_found_for_as_many_calls_as_asked_and_a_refusal_lasts() -> None:
    gateway = a_gateway()
    gateway.faults.unreachable_calls = 2
    for _ in range(2):
        with pytest.raises(GatewayUnreachable):
            gateway.read(ROUTE)
    gateway.faults.refusal = "no such model"
    for _ in range(2):
        with pytest.raises(GatewayRefused, match="no such model"):
            rolled_out(gateway, 10)
    assert gateway.read(ROUTE) is None


def test_an_answer_that_is_lost_leaves_the_document_there() -> None:
    gateway = a_gateway()
    gateway.faults.lost_answers = 1
    with pytest.raises(GatewayUnreachable, match="lost"):
        rolled_out(gateway, 10)
    assert gateway.read(ROUTE) == TRIAL.document(1)
    rolled_out(gateway, 10)
    assert [(one.what, one.revision) for one in gateway.writes()] == [("apply", 1)]


def test_a_half_pushed_revision_is_not_gone_back_behind() -> None:
    gateway = a_gateway(replicas=FOUR, pushes=True)
    rolled_out(gateway, 10)
    gateway.faults.writes_left = 2
    with pytest.raises(GatewayUnreachable):
        gateway.apply(TRIAL.document(3, 50), 1, "3")
    assert gateway.observe(ROUTE) == {"a": 3, "b": 3, "c": 1, "d": 1}
    for document in (TRIAL.document(2, 20), TRIAL.document(3, 60)):
        with pytest.raises(RevisionConflict) as conflict:
            gateway.apply(document, 1, "other")
        assert conflict.value.found == 3
    gateway.apply(TRIAL.document(4, 60), 1, "4")
    assert set(gateway.observe(ROUTE).values()) == {4}


def test_a_file_keeps_everything_for_the_next_process(tmp_path: Path) -> None:
    shelf = FileShelf(tmp_path / "new" / "gateway.json")
    first = a_gateway(replicas=FOUR, shelf=shelf)
    rolled_out(first, 10, 50)
    again = a_gateway(replicas=FOUR, shelf=FileShelf(tmp_path / "new" / "gateway.json"))
    assert again.read(ROUTE) == TRIAL.document(2, 50)
    assert again.assign(ROUTE, "u", START_NS, replica="d") == first.assign(ROUTE, "u", START_NS)
    assert again.writes() == first.writes()
    assert [(one.what, one.revision, one.key) for one in again.writes()] == [
        ("apply", 1, "1"),
        ("apply", 2, "2"),
    ]


@pytest.mark.parametrize("damage", ["{", "[]", '{"places": 3}'])
def test_a_file_that_cannot_be_read_is_told(damage: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.json").write_text(damage)
    with pytest.raises(GatewayUnreachable, match=r"gateway\.json: .*DATA_DIR"):
        a_gateway(shelf=FileShelf(tmp_path / "gateway.json")).read(ROUTE)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayUnreachable, match=r"File exists|Not a directory"):
        rolled_out(a_gateway(shelf=FileShelf(tmp_path / "file" / "gateway.json")), 10)
