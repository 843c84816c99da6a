"""A folder keeps one flag file of all its documents, whatever happens while it is written."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from connectors.documents.flag_file import FlagFile
from connectors.documents.folder import Folder
from connectors.gateways.documents import DocumentGateway
from tests.connectors.documents.examples import PAIR, ROUTE, a_document
from tests.dataflows.actuating import wait_until


def publishing(keeping: FlagFile, folder: Folder) -> DocumentGateway:
    gateway = DocumentGateway(folder, timedelta(seconds=300))
    gateway.changed = keeping.changed
    return gateway


def revisions(path: Path) -> dict[str, int]:
    flags = json.loads(path.read_bytes())["flags"] if path.exists() else {}
    return {route: flag["metadata"]["revision"] for route, flag in flags.items()}


def test_each_write_of_a_gateway_is_in_the_file_soon(tmp_path: Path) -> None:
    flags = tmp_path / "flags.json"
    with closing(FlagFile(tmp_path, (PAIR.public,))) as keeping:
        gateway = publishing(keeping, Folder(tmp_path, PAIR.private))
        wait_until(lambda: flags.exists() and revisions(flags) == {})
        gateway.apply(a_document(), 0, "")
        wait_until(lambda: revisions(flags) == {ROUTE: 7})
        gateway.revert(ROUTE, 7)
        wait_until(lambda: revisions(flags) == {ROUTE: 0})
        gateway.apply(a_document(revision=8), 7, "")
        wait_until(lambda: revisions(flags) == {ROUTE: 8})
        before = flags.read_bytes()
        gateway.renew(ROUTE, 8)
        gateway.remove(ROUTE, 8)
        wait_until(lambda: revisions(flags) == {})
        assert before != flags.read_bytes()


def test_what_is_due_when_it_is_closed_is_written(tmp_path: Path) -> None:
    keeping = FlagFile(tmp_path)
    gateway = publishing(keeping, Folder(tmp_path))
    for revision in range(1, 30):
        gateway.apply(a_document(revision=revision), revision - 1, "")
    keeping.close()
    assert revisions(tmp_path / "flags.json") == {ROUTE: 29}


def test_what_cannot_be_written_leaves_the_file_as_it_is_and_is_tried_again(tmp_path: Path) -> None:
    flags = tmp_path / "flags.json"
    with closing(FlagFile(tmp_path)) as keeping:
        gateway = publishing(keeping, Folder(tmp_path))
        gateway.apply(a_document(), 0, "")
        wait_until(lambda: revisions(flags) == {ROUTE: 7})
        (tmp_path / "flags.json.new").mkdir()  # where the file is written aside
        gateway.revert(ROUTE, 7)
        wait_until(lambda: "flags.json" in keeping.trouble)
        assert revisions(flags) == {ROUTE: 7}
        (tmp_path / "flags.json.new").rmdir()
        wait_until(lambda: revisions(flags) == {ROUTE: 0})
        wait_until(lambda: not keeping.trouble)
