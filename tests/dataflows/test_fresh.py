"""What an earlier run promoted is not taken back by one that knows nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.documents.folder import Folder
from dataflows.fresh import check_fresh
from dataflows.recovery import recovery_at
from optimizer.act.desired import at_rest, shared
from optimizer.documents import Unit
from optimizer.errors import SettingsInvalid
from optimizer.settings import validate
from tests.builders import ROUTE, START

if TYPE_CHECKING:
    from pathlib import Path

    from optimizer.documents import Document
    from optimizer.models import Arm
    from optimizer.settings import Settings


def of(folder: Path, kind: str = "documents", **route: object) -> Settings:
    arms = {"incumbent": {"model": "gpt-4o"}, "candidates": [{"model": "gpt-4o-mini"}]}
    return validate(
        {
            "service": {"data_dir": str(folder / "data")},
            "gateway": {"kind": kind, "documents_dir": str(folder / "documents")},
            "routes": [{"route": ROUTE} | arms | route],
        }
    )


def rest(arm: Arm, revision: int) -> Document:
    return at_rest(ROUTE, arm, revision, START, unit=Unit.CALL, reason="")


def published(folder: Path, document: Document) -> Path:
    Folder(folder / "documents").publish(document)
    return folder


def promoted(folder: Path) -> Path:
    (mini,) = of(folder).routes[0].candidates
    return published(folder, rest(mini, 4))


def test_a_promoted_arm_is_not_taken_back_without_the_state_that_promoted_it(
    tmp_path: Path,
) -> None:
    settings = of(promoted(tmp_path))
    (mini,) = settings.routes[0].candidates
    with pytest.raises(SettingsInvalid) as refused:
        check_fresh(settings)
    (fault,) = refused.value.faults
    told = f"{ROUTE}: revision 4 in {tmp_path}/documents lets {mini.id} serve, "
    assert fault.startswith(told)
    assert f"{tmp_path}/data has no state: start with the data_dir it came from" in fault


def test_nor_is_a_candidate_on_its_way(tmp_path: Path) -> None:
    settings = of(tmp_path)
    route = settings.routes[0]
    assert route.incumbent
    step = shared(rest(route.incumbent, 1), route.candidates[0], 20, 2, START, decision_id="d" * 32)
    published(tmp_path, step)
    with pytest.raises(SettingsInvalid, match="revision 2"):
        check_fresh(settings)


def test_whoever_has_state_goes_on(tmp_path: Path) -> None:
    settings = of(promoted(tmp_path))
    recovery_at(tmp_path / "data" / "recovery", settings.stream.shard_groups)
    check_fresh(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"incumbent": {"model": "gpt-4o-mini"}, "candidates": []},
        {"incumbent": None},
        {"route": "acme/shop/other"},
        {"kind": "memory"},
    ],
    ids=["as declared", "nothing declared", "another route", "another gateway"],
)
def test_what_goes_against_no_document_begins(changes: dict, tmp_path: Path) -> None:
    check_fresh(of(promoted(tmp_path), **changes))


def test_an_empty_folder_and_one_where_the_incumbent_serves_begin(tmp_path: Path) -> None:
    settings = of(tmp_path)
    check_fresh(settings)
    assert settings.routes[0].incumbent
    published(tmp_path, rest(settings.routes[0].incumbent, 7))
    check_fresh(settings)
