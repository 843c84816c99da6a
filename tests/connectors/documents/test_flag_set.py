"""One flag file tells evaluators of all routes what acts now, leases included."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from connectors.documents.flag_set import FlagSet
from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, file_of
from connectors.documents.server import DocumentServer
from connectors.documents.sources import ServerSource
from optimizer.errors import DocumentInvalid
from tests.connectors.documents.examples import NEW, OLD, PAIR, ROUTE, START, a_document, a_lease
from tests.connectors.documents.test_client import Clocks
from tests.connectors.documents.test_rendering import FLAGS as SCHEMA

OTHER = "acme/shop/sum"
UNITS = [f"conversation-{number}" for number in range(500)]
STEP = a_document(slots=100)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - evaluators of flags go by the machine's clock


@pytest.fixture
def folder(tmp_path: Path, now: datetime) -> Folder:
    folder = Folder(tmp_path, PAIR.private)
    folder.publish(STEP, lease=a_lease(STEP, now))
    folder.publish(a_document(slots=100, route=OTHER, leased=False))
    return folder


@pytest.fixture
def clocks(now: datetime) -> Clocks:
    return Clocks(wall_s=(now - START).total_seconds())


def shares(flags: bytes) -> dict[str, tuple[float, int]]:
    """Give each route's share of the new arm by flagd, and the revision it tells."""
    SCHEMA.validate(json.loads(flags))
    flagd = FlagdCore()
    flagd.set_flags(flags.decode())
    found = {}
    for route in json.loads(flags)["flags"]:
        answers = [flagd.resolve_object_value(route, {}, EvaluationContext(u)) for u in UNITS]
        share = sum(each.variant == NEW.id for each in answers) / len(UNITS)
        assert {each.variant for each in answers} <= {OLD.id, NEW.id}
        found[route] = round(share, 1), answers[0].flag_metadata["revision"]
    return found


def test_all_routes_act_as_their_documents_say(folder: Folder, clocks: Clocks) -> None:
    assert shares(FlagSet(folder.path, clocks).read()) == {ROUTE: (0.5, 7), OTHER: (0.5, 7)}


def test_a_step_whose_lease_ends_is_the_incumbents_and_proves_nothing(
    folder: Folder, clocks: Clocks, now: datetime
) -> None:
    flags = FlagSet(folder.path, clocks)
    flags.read()
    clocks.advance(300)
    assert shares(flags.read()) == {ROUTE: (0, 0), OTHER: (0.5, 7)}
    folder.renew(a_lease(STEP, now + timedelta(minutes=4)))
    assert shares(flags.read())[ROUTE] == (0.5, 7)


def test_a_step_ends_with_its_lease_where_nobody_is_left_to_tell(folder: Folder) -> None:
    folder.renew(a_lease(STEP))  # of long ago, when this was written by a clock of then
    flags = FlagSet(folder.path, Clocks()).read()
    assert shares(flags) == {ROUTE: (0, 7), OTHER: (0.5, 7)}
    until = json.loads(flags)["flags"][ROUTE]["metadata"]["until"]
    assert datetime.fromtimestamp(until, UTC) == START + timedelta(seconds=300)


def test_each_flag_tells_how_its_slots_are_dealt(folder: Folder, clocks: Clocks) -> None:
    flags = json.loads(FlagSet(folder.path, clocks).read())["flags"]
    for route in (ROUTE, OTHER):
        told = flags[route]["metadata"]
        assert told["salt"] == STEP.salt
        assert json.loads(told["slots"]) == [[NEW.id, 100], [OLD.id, 100]]


def test_what_was_returned_is_the_incumbents(folder: Folder) -> None:
    document = a_document(slots=100, route=OTHER, leased=False)
    folder.renew(a_lease(document, returned=True))
    assert shares(FlagSet(folder.path, Clocks()).read())[OTHER] == (0, 0)


def test_news_are_told_and_what_is_gone_is_not(folder: Folder) -> None:
    flags = FlagSet(folder.path, Clocks())
    flags.read()
    folder.publish(a_document(slots=200, revision=8, route=OTHER, leased=False))
    assert shares(flags.read())[OTHER] == (1, 8)
    with folder.held():
        folder.withdraw(OTHER)
    assert list(shares(flags.read())) == [ROUTE]


def test_a_damaged_document_is_left_out_of_a_first_look_and_changes_no_later_one(
    folder: Folder,
) -> None:
    flags = FlagSet(folder.path, Clocks())
    before = flags.read()
    (folder.path / file_of(CURRENT, OTHER)).write_bytes(b"torn")
    assert flags.read() == before
    assert list(shares(FlagSet(folder.path, Clocks()).read())) == [ROUTE]


def test_what_nobody_trusted_signed_is_left_out(folder: Folder) -> None:
    trusting = FlagSet(folder.path, Clocks(), (PAIR.public,))
    assert list(shares(trusting.read())) == [ROUTE, OTHER]
    Folder(folder.path).publish(a_document(revision=8, route=OTHER, leased=False))
    assert shares(trusting.read())[OTHER] == (0.5, 7)
    assert list(shares(FlagSet(folder.path, Clocks(), (PAIR.public,)).read())) == [ROUTE]


class Slow(Clocks):
    """A second goes by whenever somebody looks."""

    def __call__(self) -> tuple[int, int]:
        self.advance(1)
        return super().__call__()


def test_many_readers_at_once_cost_no_more_than_one(folder: Folder) -> None:
    clocks = Slow()
    flags = FlagSet(folder.path, clocks)
    before = flags.read()
    looks = clocks.wall_s
    folder.publish(a_document(slots=200, revision=8, route=OTHER, leased=False))
    assert flags.read() == before
    assert clocks.wall_s == looks + 1
    assert shares(flags.read(is_new=True))[OTHER] == (1, 8)
    folder.publish(a_document(slots=100, revision=9, route=OTHER, leased=False))
    clocks.advance(looks)
    assert shares(flags.read())[OTHER] == (0.5, 9)


def test_a_damaged_index_is_told(folder: Folder) -> None:
    (folder.path / "index.json").write_text("{}")
    with pytest.raises(DocumentInvalid):
        FlagSet(folder.path, Clocks()).read()


def test_it_is_served_with_a_tag(folder: Folder) -> None:
    server = DocumentServer(folder.path)
    source = ServerSource(server.address)
    try:
        first = source.fetch("flags.json")
        assert shares(first.data) == {ROUTE: (0.5, 7), OTHER: (0.5, 7)}
        assert source.fetch("flags.json", first.tag).data is None
        folder.publish(a_document(slots=200, revision=8, route=OTHER, leased=False))
        assert shares(source.fetch("flags.json", first.tag).data)[OTHER] == (1, 8)
    finally:
        source.close()
        server.close()
