"""The document gateway: two files a step, each whole, and neither ever for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.documents import files
from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, INDEX, LEASES, file_of
from connectors.documents.proofs import digest_of, seal
from connectors.gateways.documents import DocumentGateway
from connectors.mixes import reverted
from optimizer.errors import (
    DocumentInvalid,
    GatewayRefused,
    GatewayUnreachable,
    RevisionConflict,
    StorageFailed,
)
from tests.connectors.acting import LEASE_S, ROUTE, Stage, a_document
from tests.connectors.gateway_kinds import START_NS, Time

OURS, ANOTHERS = "5e" * 32, "a1" * 32
STEP = a_document(2, 50, leased=True)


class Gate:
    """A document gateway over a folder, and a clock."""

    def __init__(self, path: Path, key: str | None = OURS) -> None:
        self.time = Time()
        self.folder = Folder(path, key)
        self.gateway = DocumentGateway(self.folder, timedelta(seconds=LEASE_S), self.time)

    def lease_ends(self) -> float:
        """Give when the lease ends, seconds after the start."""
        lease = self.folder.lease(ROUTE)
        return lease.until.timestamp() - START_NS / 1e9


def test_a_step_is_leased_to_its_body_from_the_moment_it_is_applied(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.time.wait(5)
    gate.gateway.apply(STEP, 0, "")
    lease, opened = gate.folder.lease(ROUTE), gate.folder.opened(ROUTE)
    assert (lease.revision, lease.document) == (2, digest_of(opened.body))
    assert lease.issued_at == datetime.fromtimestamp(START_NS / 1e9 + 5, UTC)
    assert gate.lease_ends() == 5 + LEASE_S
    gate.time.wait(20)
    gate.gateway.renew(ROUTE, 2)
    assert gate.lease_ends() == 25 + LEASE_S


def test_a_document_at_rest_needs_no_lease(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(a_document(1), 0, "")
    gate.gateway.renew(ROUTE, 1)
    assert gate.folder.lease(ROUTE) is None


def test_a_step_whose_lease_ran_out_is_still_what_is_there(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(STEP, 0, "")
    gate.time.wait(10 * LEASE_S)
    assert gate.gateway.read(ROUTE) == STEP
    gate.gateway.renew(ROUTE, 2)
    assert gate.lease_ends() == 11 * LEASE_S


def test_renewing_does_not_undo_a_revert(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(STEP, 0, "")
    gate.gateway.revert(ROUTE, 2)
    gate.gateway.renew(ROUTE, 2)
    assert gate.folder.lease(ROUTE).returned
    assert gate.gateway.read(ROUTE) == reverted(STEP)
    with pytest.raises(RevisionConflict):
        gate.gateway.apply(STEP, 2, "")


@pytest.mark.parametrize("writes", range(5))
def test_whatever_write_fails_the_next_attempt_finishes(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, put, left = Gate(tmp_path), files.put, [writes]
    gate.gateway.apply(a_document(1), 0, "")

    def fail_once(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise StorageFailed(f"{path}: No space left on device")
        put(path, data)

    monkeypatch.setattr(files, "put", fail_once)
    if writes < 4:
        with pytest.raises(GatewayUnreachable):
            gate.gateway.apply(STEP, 1, "")
    again = Gate(tmp_path)
    again.gateway.apply(STEP, 1, "")
    assert again.gateway.read(ROUTE) == STEP
    assert again.gateway.routes() == [ROUTE]
    assert again.folder.lease(ROUTE).revision == 2
    assert {one["revision"] for one in again.folder.index()} == {2}


@pytest.mark.parametrize("damage", [b"", b"{", b"torn", b"\xff" * 300_000])
def test_a_damaged_document_is_nobody_s_and_is_replaced(damage: bytes, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(a_document(1), 0, "")
    (tmp_path / file_of(CURRENT, ROUTE)).write_bytes(damage)
    assert gate.gateway.read(ROUTE) is None
    gate.gateway.apply(a_document(1), 0, "")
    assert gate.gateway.read(ROUTE) == a_document(1)
    (tmp_path / file_of(CURRENT, ROUTE)).write_bytes(damage)
    gate.gateway.apply(STEP, 0, "")
    assert gate.gateway.read(ROUTE) == STEP


def test_a_damaged_lease_is_written_anew(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(STEP, 0, "")
    (tmp_path / file_of(LEASES, ROUTE)).write_bytes(b"torn")
    assert gate.gateway.read(ROUTE) == STEP
    gate.gateway.apply(STEP, 2, "")
    assert gate.lease_ends() == LEASE_S


def test_a_document_with_faults_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.gateway.apply(a_document(1), 0, "")
    with pytest.raises(DocumentInvalid, match="salt"):
        gate.gateway.apply(replace(STEP, salt=""), 1, "")
    assert gate.gateway.read(ROUTE) == a_document(1)


def test_a_document_of_a_form_to_come_is_not_overwritten(tmp_path: Path) -> None:
    gate = Gate(tmp_path, None)
    gate.gateway.apply(a_document(1), 0, "")
    path = tmp_path / file_of(CURRENT, ROUTE)
    body = path.read_bytes().rpartition(b',"proof"')[0] + b"}"
    later = body.replace(b'"form":1', b'"form":2')
    path.write_bytes(seal(later))
    with pytest.raises(GatewayRefused, match="form"):
        gate.gateway.read(ROUTE)


def test_a_folder_that_cannot_be_written_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayUnreachable, match="documents_dir"):
        Gate(tmp_path / "file" / "documents").gateway.apply(STEP, 0, "")


def test_the_actuator_tells_of_a_document_that_another_key_signed_and_writes_over_none_newer(
    tmp_path: Path,
) -> None:
    stage, gate = Stage(tmp_path), Gate(tmp_path / "documents")
    actuator = stage.actuator(gateway=gate.gateway)
    stage.say(a_document(1))
    stage.play(actuator)
    Folder(tmp_path / "documents", ANOTHERS).publish(a_document(5, 100))
    stage.say(a_document(2))
    stage.play(actuator, 100)
    assert gate.folder.version(ROUTE, 1).document == a_document(1)
    assert stage.told() == [("applied", 1), ("conflict", 5)]
    stage.say(a_document(6))
    stage.play(actuator, 100)
    assert gate.gateway.read(ROUTE) == a_document(6)
    assert stage.told()[2:] == [("applied", 6)]


def test_the_next_life_of_the_actuator_finishes_what_a_crash_cut_short(tmp_path: Path) -> None:
    stage, gate = Stage(tmp_path), Gate(tmp_path / "documents")
    stage.say(a_document(1), a_document(2))
    stage.play(stage.actuator(gateway=gate.gateway))
    (gate.folder.path / INDEX).unlink()
    stage.play(stage.actuator(gateway=gate.gateway))
    assert [one["revision"] for one in gate.folder.index()] == [2]


def test_the_actuator_brings_a_rollout_there_and_renews_its_steps(tmp_path: Path) -> None:
    stage, gate = Stage(tmp_path), Gate(tmp_path / "documents")
    gate.gateway._clock = stage.time  # noqa: SLF001 - one time for both
    actuator = stage.actuator(gateway=gate.gateway)
    for revision, slots in enumerate((10, 50, 100, 190), 1):
        stage.say(a_document(revision, slots, leased=True))
        stage.play(actuator, 120)
        assert gate.folder.lease(ROUTE).until.timestamp() > stage.time.now_ns / 1e9
    stage.say(a_document(5, 200))
    stage.play(actuator)
    assert gate.folder.versions(ROUTE) == [1, 2, 3, 4, 5]
    assert stage.told() == [("applied", revision) for revision in range(1, 6)]
