"""A folder holds whole documents at every moment, the newest in force."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, HISTORY, LEASES, SERVED, file_of, prompt_file
from connectors.documents.proofs import digest_of, seal
from connectors.documents.rendering import body_of, prompts_of
from optimizer.errors import DocumentInvalid, RevisionConflict, StorageFailed
from tests.connectors.documents.examples import (
    NEW,
    OLD,
    OTHER_PAIR,
    PAIR,
    ROUTE,
    a_document,
    a_lease,
    names,
)


def current(folder: Folder, route: str = ROUTE) -> Path:
    return folder.path / file_of(CURRENT, route)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "documents", PAIR.private)


def test_what_is_published_is_in_force(folder: Folder) -> None:
    assert folder.opened(ROUTE) is None
    assert folder.publish(a_document())
    opened = folder.opened(ROUTE)
    assert opened is not None
    assert opened.document == a_document()
    assert current(folder).read_bytes() == seal(body_of(a_document()), PAIR.private)


def test_publishing_twice_is_publishing_once(folder: Folder) -> None:
    folder.publish(a_document())
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}
    assert not folder.publish(a_document())
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("document", "expected", "told"),
    [
        (a_document(revision=6), None, "is at revision 7: 6 is not newer"),
        (a_document(slots=50), None, "is at revision 7: 7 is not newer"),
        (a_document(revision=8), 6, "is at revision 7: 6 was expected"),
        (a_document(revision=8), 0, "is at revision 7: 0 was expected"),
    ],
)
def test_what_does_not_follow_is_a_conflict(folder: Folder, document, expected, told) -> None:
    folder.publish(a_document())
    with pytest.raises(RevisionConflict, match=told) as refused:
        folder.publish(document, expected)
    assert refused.value.found == 7
    assert folder.opened(ROUTE).document == a_document()


def test_the_expected_revision_is_replaced(folder: Folder) -> None:
    folder.publish(a_document(), expected=0)
    folder.publish(a_document(revision=9), expected=7)
    assert folder.opened(ROUTE).document.revision == 9


def test_a_document_with_faults_is_not_published(folder: Folder) -> None:
    with pytest.raises(DocumentInvalid):
        folder.publish(a_document(salt=""))
    assert not folder.path.exists()


def test_parameters_that_would_be_read_back_as_others_are_refused(folder: Folder) -> None:
    arm = replace(OLD, config=replace(OLD.config, extra_params={"stop": ("a", "b")}))
    document = a_document(arms=(OLD, NEW, arm))
    with pytest.raises(DocumentInvalid, match="not be read back"):
        folder.publish(document)


def test_earlier_revisions_are_kept_the_newest_few(tmp_path: Path) -> None:
    folder = Folder(tmp_path, PAIR.private, kept=3)
    for revision in (1, 2, 3, 5, 11):
        folder.publish(a_document(revision=revision))
    assert folder.versions(ROUTE) == [3, 5, 11]
    assert folder.version(ROUTE, 5).document == a_document(revision=5)
    assert folder.version(ROUTE, 2) is None


def test_the_index_tells_of_each_document(folder: Folder) -> None:
    folder.publish(a_document(route="b/b/b"))
    folder.publish(a_document(leased=False))
    folder.publish(a_document(route="b/b/b", revision=8))
    assert [(each["route"], each["revision"], each["leased"]) for each in folder.index()] == [
        (ROUTE, 7, False),
        ("b/b/b", 8, True),
    ]
    for entry in folder.index():
        assert entry["sha256"] == digest_of(folder.opened(entry["route"]).body)
        assert (folder.path / entry["path"]).is_file()


def test_prompts_stand_beside_and_are_checked(folder: Folder) -> None:
    folder.publish(a_document())
    (refers,) = prompts_of(a_document())
    assert folder.prompt(refers) == "Be brief."
    (folder.path / prompt_file(refers)).write_text("Be rude.")
    assert folder.prompt(refers) is None
    with pytest.raises(DocumentInvalid, match="is not here"):
        folder.opened(ROUTE)


def test_publishing_again_mends_what_was_damaged(folder: Folder) -> None:
    folder.publish(a_document())
    good = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    for path in good:
        if path.name != ".lock":
            path.write_bytes(path.read_bytes()[:-5])
    folder.publish(a_document())
    assert {path: path.read_bytes() for path in good} == good


def test_a_damaged_file_does_not_let_an_older_revision_in(folder: Folder) -> None:
    folder.publish(a_document())
    current(folder).write_bytes(b"torn")
    with pytest.raises(RevisionConflict):
        folder.publish(a_document(revision=6))
    with pytest.raises(DocumentInvalid):
        folder.opened(ROUTE)


def test_what_somebody_else_wrote_is_refused_and_then_replaced(folder: Folder) -> None:
    folder.publish(a_document())
    foreign = a_document(slots=100, revision=9, reason="mine")
    current(folder).write_bytes(seal(body_of(foreign), OTHER_PAIR.private))
    with pytest.raises(DocumentInvalid, match="is signed with the key"):
        folder.opened(ROUTE)
    with pytest.raises(RevisionConflict) as refused:
        folder.publish(a_document(revision=8))
    assert refused.value.found == 9
    folder.publish(a_document(revision=10))
    assert folder.opened(ROUTE).document.revision == 10


def test_what_was_unsigned_is_signed_when_there_is_a_key(tmp_path: Path) -> None:
    Folder(tmp_path).publish(a_document())
    signing = Folder(tmp_path, PAIR.private)
    assert not signing.publish(a_document())
    assert signing.opened(ROUTE).document == a_document()


def test_a_lease_stands_apart_and_is_renewed(folder: Folder) -> None:
    folder.publish(a_document())
    before = current(folder).read_bytes()
    for secs in (300, 600):
        folder.renew(a_lease(a_document(), secs=secs))
        assert folder.lease(ROUTE) == a_lease(a_document(), secs=secs)
    assert current(folder).read_bytes() == before
    (folder.path / file_of(LEASES, ROUTE)).write_bytes(b"torn")
    with pytest.raises(DocumentInvalid):
        folder.lease(ROUTE)


ODD = ["..", ".", "a/../b", "%2F", "~", "x" * 128, "漢" * 128, "漢" * 127 + "字", "C:", "a b"]


@given(st.lists(st.sampled_from([*ODD, "a", "b"]) | names, min_size=3, max_size=3))
def test_each_route_has_a_file_of_its_own_below_the_folder(parts: list[str]) -> None:
    name = file_of(CURRENT, "/".join(part.replace("/", "-") for part in parts))
    assert SERVED.fullmatch(name)
    assert ".." not in name.split("/")
    assert max(map(len, name.split("/"))) <= 185


def test_no_two_routes_share_a_file() -> None:
    parts = [part.replace("/", "-") for part in ODD]
    crafted = file_of(CURRENT, f"a/b/{'漢' * 128}").split("/")[-1].removesuffix(".json")
    routes = [f"a/b/{part}" for part in (*parts, crafted, "%7E", "%2E.", "x" * 127)]
    assert len({file_of(CURRENT, route) for route in routes}) == len(routes)


def test_odd_routes_are_published_and_read(folder: Folder) -> None:
    for part in ODD:
        document = a_document(route=f"acme/{part.replace('/', '-')}/漢")
        folder.publish(document)
        assert folder.opened(document.route).document == document


WRITER = """
import sys
from pathlib import Path
from connectors.documents.folder import Folder
from tests.connectors.documents.examples import a_document

folder = Folder(Path(sys.argv[1]), sys.argv[2], kept=5)
for revision in range(int(sys.argv[3]), 100_000):
    folder.publish(a_document(revision=revision, slots=revision % 199 + 1))
    print(revision, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_documents(tmp_path: Path) -> None:
    chance = random.Random(7)
    first = 1
    for _ in range(5):
        writing = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, PAIR.private, str(first)],
            stdout=subprocess.PIPE,
            text=True,
        )
        told = [int(writing.stdout.readline()) for _ in range(chance.randrange(1, 30))]
        writing.send_signal(signal.SIGKILL)
        told += map(int, re.findall(r"(\d+)\n", writing.communicate()[0]))
        folder = Folder(tmp_path, PAIR.private)
        found = folder.opened(ROUTE).document
        assert found.revision in {told[-1], told[-1] + 1}
        assert found == a_document(revision=found.revision, slots=found.revision % 199 + 1)
        json.loads((tmp_path / "index.json").read_text())
        folder.publish(found)  # whoever starts again publishes the newest again
        assert [each["revision"] for each in folder.index()] == [found.revision]
        first = found.revision + 1


FULL = """
import resource, sys
from pathlib import Path
from connectors.documents.folder import Folder
from optimizer.errors import StorageFailed
from tests.connectors.documents.examples import a_document

folder = Folder(Path(sys.argv[1]), sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    folder.publish(a_document(revision=8))
except StorageFailed as failed:
    print(failed)
"""


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(folder: Folder) -> None:
    folder.publish(a_document())
    before = sorted(folder.path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", FULL, folder.path, PAIR.private],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "free space or name another folder (gateway.documents_dir)" in done.stdout
    assert folder.opened(ROUTE).document == a_document()
    assert [each for each in sorted(folder.path.rglob("*")) if each.is_file()] == [
        each for each in before if each.is_file()
    ]
    assert folder.publish(a_document(revision=8))


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("")
    with pytest.raises(StorageFailed, match="documents"):
        Folder(tmp_path / "documents").publish(a_document())


def test_history_and_current_agree(folder: Folder) -> None:
    folder.publish(a_document())
    kept = folder.path / HISTORY / "acme/shop/answer/7.json"
    assert kept.read_bytes() == current(folder).read_bytes()
