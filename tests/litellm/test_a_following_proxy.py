"""A real LiteLLM proxy follows what may be believed, from a folder and from a server, and tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, LEASES, file_of
from connectors.documents.proofs import new_key_pair
from connectors.gateways.conformance import replicas_follow
from connectors.gateways.documents import DocumentGateway
from connectors.gateways.http import HttpClient
from connectors.gateways.replicas import Replicas
from connectors.gateways.trials import Trial
from tests.dataflows.actuating import wait_until
from tests.litellm.stage import Stage
from tests.litellm.steering import (
    NEW,
    OLD,
    OTHER_ROUTE,
    PAIR,
    ROUTE,
    STAMP,
    TRIED_ROUTE,
    a_gateway,
    a_step,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow
CURRENT_FILE, LEASE_FILE = file_of(CURRENT, ROUTE), file_of(LEASES, ROUTE)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One proxy for all tests of this module, each of which raises the revision."""
    stage = Stage(tmp_path_factory.mktemp("following"), over_http=True)
    stage.proxy.start()
    yield stage
    stage.close()


def unsigned(folder: Path) -> None:
    published(folder, a_step(900, 200), None)


def signed_by_another(folder: Path) -> None:
    published(folder, a_step(900, 200), new_key_pair().private)


def older(folder: Path) -> None:
    published(folder, a_step(1, 200), PAIR.private)


def another_one_of_that_revision(folder: Path) -> None:
    there = a_gateway(folder).read(ROUTE)
    published(folder, replace(there, reason="another one"), PAIR.private)


def torn(folder: Path) -> None:
    whole = (folder / CURRENT_FILE).read_bytes()
    (folder / CURRENT_FILE).write_bytes(whole[: len(whole) // 2])


def missing(folder: Path) -> None:
    (folder / CURRENT_FILE).unlink()
    (folder / LEASE_FILE).unlink()


def published(folder: Path, document: object, key: str | None) -> None:
    """Put the file of a document there as somebody else's writing would."""
    with TemporaryDirectory() as elsewhere:
        Folder(Path(elsewhere), key).publish(document)
        (folder / CURRENT_FILE).write_bytes((Path(elsewhere) / CURRENT_FILE).read_bytes())


@pytest.mark.parametrize(
    ("number", "damage"),
    [
        pytest.param(number, damage, id=damage.__name__)
        for number, damage in enumerate(
            (unsigned, signed_by_another, older, another_one_of_that_revision, torn, missing)
        )
    ],
)
def test_what_cannot_be_believed_changes_nothing(
    stage: Stage, number: int, damage: Callable[[Path], None]
) -> None:
    revision = 10 + number
    for name in (CURRENT_FILE, LEASE_FILE):  # what the test before left
        (stage.documents / name).unlink(missing_ok=True)
    stage.steer(revision, 200)
    damage(stage.documents)
    stage.let_it_look()
    told = stage.proxy.status()["routes"][ROUTE]
    assert (told["revision"], told["is_followed"]) == (revision, True)
    assert bool(told["trouble"]) == (damage is not missing)
    call = stage.asked()
    assert call.attributes[f"{STAMP}revision"] == revision
    assert call.attributes[f"{STAMP}arm"] == NEW.id


def test_a_step_that_nobody_renews_or_that_is_reverted_returns_to_the_incumbent(
    stage: Stage,
) -> None:
    gateway = DocumentGateway(Folder(stage.documents, PAIR.private), timedelta(seconds=1))
    for revision, ends in ((20, False), (21, True)):
        there = gateway.read(ROUTE)
        gateway.apply(a_step(revision, 200), there.revision if there else 0, "")
        if ends:
            gateway.revert(ROUTE, revision)
        wait_until(lambda now=revision: stands(stage) == (now, False))
        call = stage.asked()
        assert call.attributes[f"{STAMP}arm"] == OLD.id
        assert f"{STAMP}revision" not in call.attributes


def stands(stage: Stage) -> tuple[int, bool]:
    told = stage.proxy.status()["routes"][ROUTE]
    return told["revision"], told["is_followed"]


def test_a_gateway_that_knows_the_proxy_s_address_tells_what_it_runs(stage: Stage) -> None:
    replicas = Replicas([HttpClient(stage.proxy.address)])
    folder = Folder(stage.documents, PAIR.private)
    trial = Trial(
        open=lambda: DocumentGateway(folder, timedelta(seconds=60), replicas=replicas),
        route=TRIED_ROUTE,
    )
    assert replicas_follow(trial).startswith("1 of 1 tell")
    assert trial.open().observe("acme/shop/unknown") == {stage.proxy.address: None}
    there = a_gateway(stage.documents).read(ROUTE)
    stage.steer(there.revision + 1, 50)
    assert trial.open().observe(ROUTE) == {stage.proxy.address: there.revision + 1}


def test_a_proxy_that_is_started_anew_goes_on_with_what_it_kept(stage: Stage) -> None:
    there = a_gateway(stage.documents).read(ROUTE)
    stage.steer(there.revision + 1, 200, leased=False)
    stage.let_it_look()
    stage.proxy.kill()
    stage.server.close()
    stage.proxy.start()
    told = stage.proxy.status()["routes"]
    assert told[ROUTE]["revision"] == there.revision + 1
    assert told[ROUTE]["trouble"]
    assert told[OTHER_ROUTE]["revision"]
    assert stage.asked().attributes[f"{STAMP}arm"] == NEW.id
