"""What every vault does."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.vaults.memory import MemoryVault
from connectors.vaults.sqlite import SqliteVault
from optimizer.errors import NotFound, StorageFailed
from optimizer.pieces import Pieces


@pytest.fixture(params=["memory", "sqlite"])
def vault(request, tmp_path: Path):
    made = MemoryVault() if request.param == "memory" else SqliteVault(tmp_path / "pieces.db")
    yield made
    made.close()


def test_a_piece_comes_back_and_owners_are_apart(vault) -> None:
    vault.renew("a/b", {"x": b"\0one"}, {"x"})
    vault.renew("c", {"x": b"two", "y": b"three"}, {"x", "y"})
    assert (vault.get("a/b", "x"), vault.get("c", "x")) == (b"\0one", b"two")
    vault.renew("c", {}, {"y"})
    assert (vault.get("a/b", "x"), vault.get("c", "y")) == (b"\0one", b"three")
    with pytest.raises(NotFound, match="x"):
        vault.get("c", "x")


def test_only_what_the_last_two_snapshots_name_is_kept(vault) -> None:
    pieces = Pieces(vault, "p")
    names = [pieces.keep(bytes([number]) * 9) for number in range(3)]
    pieces.settle(set(names))
    pieces.settle({names[0]})
    assert [vault.get("p", name)[:1] for name in names] == [b"\0", b"\1", b"\2"]
    other = pieces.keep(b"other")
    pieces.settle({names[0], other})
    assert vault.get("p", names[0]) == b"\0" * 9
    for gone in names[1:]:
        with pytest.raises(NotFound):
            vault.get("p", gone)


def test_a_resumed_owner_keeps_what_it_fetched_and_sweeps_what_a_crash_left(vault) -> None:
    before = Pieces(vault, "p")
    kept, lost = before.keep(b"kept"), before.keep(b"lost with the crash")
    before.settle({kept, lost})
    again = Pieces(vault, "p")
    fetched = again.fetch(kept)
    assert again.keep(fetched) == kept
    again.settle({kept})
    assert vault.get("p", kept) == b"kept"
    with pytest.raises(NotFound):
        vault.get("p", lost)


def test_equal_bytes_have_one_name_and_different_ones_never_share_it(vault) -> None:
    pieces = Pieces(vault, "p")
    assert pieces.keep(b"a" * 10) == pieces.keep(bytes(bytearray(b"a" * 10)))
    assert pieces.keep(b"a") != pieces.keep(b"b")


def test_what_was_settled_is_there_after_a_restart(tmp_path: Path) -> None:
    first = SqliteVault(tmp_path / "pieces.db")
    name = Pieces(first, "p").keep(b"piece")
    first.renew("p", {name: b"piece"}, {name})
    first.close()
    second = SqliteVault(tmp_path / "pieces.db")
    assert Pieces(second, "p").fetch(name) == b"piece"
    second.close()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file"):
        SqliteVault(tmp_path / "file" / "pieces.db")
