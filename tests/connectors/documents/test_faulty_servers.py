"""Whatever a server of documents does, its followers keep what they have, and follow again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from connectors.documents.folder import Folder
from connectors.documents.following import Followed
from connectors.documents.patience import Patience
from connectors.documents.server import DocumentServer
from connectors.documents.sources import ServerSource
from tests.connectors.documents.examples import PAIR, ROUTE, a_document
from tests.connectors.documents.test_client import Clocks
from tests.faulty_way import EVERY, Fault, FaultyWay, Kind

SOON = Patience(between_s=0.2, whole_s=0.5)
CLOCKS = Clocks()
DRIPPING = Fault(Kind.DRIP, seconds=0.05)  # a document of a minute


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path, PAIR.private)
    folder.publish(a_document(leased=False))
    return folder


@pytest.fixture
def way(folder: Folder) -> Iterator[FaultyWay]:
    server = DocumentServer(folder.path)
    with closing(server), closing(FaultyWay(urlsplit(server.address).port or 0)) as way:
        yield way


@pytest.fixture
def source(way: FaultyWay) -> Iterator[ServerSource]:
    with closing(ServerSource(way.address, SOON)) as source:
        yield source


def revision_of(followed: Followed) -> int:
    choice = followed.choose("someone", "", CLOCKS)
    return choice.revision if choice else 0


@pytest.mark.parametrize("fault", [*EVERY, DRIPPING, Fault(Kind.DELAY, seconds=0.5)], ids=str)
def test_a_fault_on_the_way_changes_nothing_and_is_got_over(
    folder: Folder, way: FaultyWay, source: ServerSource, fault: Fault
) -> None:
    followed = Followed(ROUTE, (PAIR.public,))
    followed.refresh(source, CLOCKS())
    assert revision_of(followed) == 7
    folder.publish(a_document(leased=False, revision=8))
    source.close()  # the next connection is another one
    way.faults = iter([fault])
    followed.refresh(source, CLOCKS())
    assert revision_of(followed) in ({7} if followed.status(CLOCKS()).trouble else {7, 8})
    source.hurry()
    source.close()
    followed.refresh(source, CLOCKS())
    assert revision_of(followed) == 8
    assert followed.status(CLOCKS()).trouble == ""


class Brief(SimpleHTTPRequestHandler):
    """Hangs up after each answer, whose body comes behind its head."""

    def copyfile(self, *given) -> None:
        time.sleep(0.05)
        super().copyfile(*given)


def test_a_server_that_hangs_up_after_each_answer_is_followed(folder: Folder) -> None:
    kind = partial(Brief, directory=str(folder.path))
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        followed = Followed(ROUTE, (PAIR.public,))
        with closing(ServerSource(f"http://127.0.0.1:{server.server_port}")) as source:
            followed.refresh(source, CLOCKS())
        server.shutdown()
    assert revision_of(followed) == 7


def test_of_many_routes_one_waits_for_a_server_that_hangs(
    way: FaultyWay, source: ServerSource
) -> None:
    way.faults = iter([Fault(Kind.HALF_OPEN)] * 500)
    routes = [Followed(f"acme/shop/{number}") for number in range(500)]
    for followed in routes:
        followed.refresh(source, CLOCKS())
    assert all("timed out" in followed.status(CLOCKS()).trouble for followed in routes)
    assert way.taken < 10
    way.faults = iter(())
    source.hurry()
    known = Followed(ROUTE)
    known.refresh(source, CLOCKS())
    assert revision_of(known) == 7


def test_an_answer_that_drips_is_given_up(way: FaultyWay, source: ServerSource) -> None:
    way.faults = iter([DRIPPING])
    followed = Followed(ROUTE)
    followed.refresh(source, CLOCKS())
    assert followed.status(CLOCKS()).trouble
    assert revision_of(followed) == 0
