"""What every implementation of `ports.Store` must do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from connectors.api.opening import open_log, open_store
from connectors.sqlite import StorageFailed
from connectors.stores.memory import MemoryStore
from optimizer.errors import NotAvailable, SettingsInvalid
from optimizer.ports import Row

ROOT = Path(__file__).parents[2]
KINDS = ["memory", "sqlite"]


def connection(kind, folder):
    return "memory://" if kind == "memory" else f"sqlite://{folder / 'deep' / 'store.db'}"


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    opened = open_store(connection(request.param, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def keys(rows):
    return [row.key for row in rows]


def test_an_unknown_row_or_view_is_not_there(store):
    assert store.get("decisions", "d1") is None
    assert list(store.scan("decisions")) == []


def test_what_was_put_is_found_by_its_key(store):
    rows = [Row("d1", "2026-11-20", b"{}"), Row("größe/路由\x00😀", "", b"\x00\xff" * 100_000)]
    store.put("decisions", rows)
    assert [store.get("decisions", row.key) for row in rows] == rows


def test_a_later_put_replaces_the_row_and_its_place(store):
    store.put("decisions", [Row("a", "1", b"old"), Row("b", "2", b"b")])
    store.put("decisions", [Row("a", "3", b"new")])
    assert list(store.scan("decisions")) == [Row("a", "3", b"new"), Row("b", "2", b"b")]


def test_putting_twice_is_putting_once(store):
    for _ in range(2):
        store.put("decisions", [Row("a", "1", b"a"), Row("b", "2", b"b")])
    assert keys(store.scan("decisions")) == ["b", "a"]


def test_of_two_rows_with_one_key_in_one_put_the_last_stays(store):
    store.put("decisions", [Row("a", "1", b"first"), Row("a", "0", b"last")])
    assert list(store.scan("decisions")) == [Row("a", "0", b"last")]


def test_putting_nothing_changes_nothing(store):
    store.put("decisions", [])
    assert list(store.scan("decisions")) == []


def test_views_do_not_see_each_other(store):
    store.put("decisions", [Row("k", "1", b"a decision")])
    store.put("findings", [Row("k", "2", b"a finding")])
    assert store.get("decisions", "k") == Row("k", "1", b"a decision")
    assert list(store.scan("findings")) == [Row("k", "2", b"a finding")]


@pytest.mark.parametrize(
    ("newest_first", "expected"),
    [
        pytest.param(True, ["c", "z", "b", "a"], id="newest first, equal ones by falling key"),
        pytest.param(False, ["a", "b", "z", "c"], id="oldest first, equal ones by rising key"),
    ],
)
def test_a_scan_is_sorted_by_order_then_key(store, newest_first, expected):
    rows = [Row("z", "2", b""), Row("a", "1", b""), Row("c", "3", b""), Row("b", "2", b"")]
    store.put("v", rows)
    assert keys(store.scan("v", newest_first=newest_first)) == expected
    assert keys(store.scan("v", limit=3, newest_first=newest_first)) == expected[:3]
    assert keys(store.scan("v", limit=0, newest_first=newest_first)) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("acme/", {"acme/chat", "acme/%", "acme/_x"}, id="a tenant"),
        pytest.param("acme/%", {"acme/%"}, id="per cent means itself"),
        pytest.param("acme/_", {"acme/_x"}, id="underscore means itself"),
        pytest.param("ACME", {"ACME/chat"}, id="case matters"),
        pytest.param("\U0010ffff", {"\U0010ffffz"}, id="the last character there is"),
        pytest.param("\ud7ff", {"\ud7ffx"}, id="the last before the surrogates"),
        pytest.param("zzz", set(), id="nothing begins so"),
    ],
)
def test_a_scan_takes_a_prefix_literally(store, prefix, expected):
    others = ["acme/chat", "acme/%", "acme/_x", "ACME/chat", "acm", "acmf", "\ue000"]
    names = [*others, "\U0010ffffz", "\ud7ffx"]
    store.put("v", [Row(name, "", b"") for name in names])
    assert set(keys(store.scan("v", prefix))) == expected
    assert set(keys(store.scan("v"))) == set(names)


def test_rows_that_end_in_an_error_change_nothing(store):
    def rows():
        yield Row("a", "9", b"new")
        raise ZeroDivisionError

    store.put("v", [Row("a", "1", b"old")])
    with pytest.raises(ZeroDivisionError):
        store.put("v", rows())
    assert list(store.scan("v")) == [Row("a", "1", b"old")]


def test_a_scan_may_be_read_while_rows_are_put(store):
    store.put("v", [Row(str(number), str(number), b"") for number in range(5)])
    seen = []
    for row in store.scan("v", newest_first=False):
        store.put("v", [Row(f"new {row.key}", "9", b"")])
        seen.append(row.key)
    assert seen == ["0", "1", "2", "3", "4"]


TEXTS = st.text(alphabet="a%_\x00é\ud7ff\ue000\U0010ffff", max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.builds(Row, TEXTS, TEXTS, st.binary(max_size=2)))), TEXTS, st.booleans()
)
def test_all_implementations_say_the_same(puts, prefix, newest_first):
    memory, sqlite = MemoryStore(), open_store("sqlite://:memory:")
    for rows in puts:
        for store in (memory, sqlite):
            store.put("v", rows)
    expected = list(memory.scan("v", prefix, 4, newest_first=newest_first))
    assert list(sqlite.scan("v", prefix, 4, newest_first=newest_first)) == expected
    assert sqlite.get("v", prefix) == memory.get("v", prefix)
    sqlite.close()


# What only a store on disk must do.


def test_a_restart_keeps_everything(path):
    first = open_store(f"sqlite://{path}")
    first.put("v", [Row("a", "1", b"x")])
    first.close()
    second = open_store(f"sqlite://{path}")
    assert second.get("v", "a") == Row("a", "1", b"x")
    second.close()


def test_two_readers_see_what_is_put_while_they_are_open(path):
    writer, *readers = [open_store(f"sqlite://{path}") for _ in range(3)]
    for number in range(3):
        writer.put("v", [Row("a", str(number), b"")])
        for reader in readers:
            assert reader.get("v", "a") == Row("a", str(number), b"")
    for store in (writer, *readers):
        store.close()


def test_a_log_and_a_store_share_one_file(path):
    log, store = open_log(f"sqlite://{path}"), open_store(f"sqlite://{path}")
    for number in range(3):
        log.append("t", [("k", b"entry")])
        store.put("v", [Row("a", str(number), b"row")])
    assert log.end("t") == 3
    assert store.get("v", "a") == Row("a", "2", b"row")
    log.close()
    store.close()


WRITER = """
import itertools, sys
from connectors.api.opening import open_store
from optimizer.ports import Row
store = open_store(sys.argv[1])
for number in itertools.count():
    store.put("v", [Row(key, str(number), bytes(5000)) for key in "abcdefg"])
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 3, 11])
def test_a_killed_writer_leaves_whole_puts(path, after):
    arguments = [sys.executable, "-c", WRITER, f"sqlite://{path}"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(after):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        reported = after + len(writer.stdout.readlines())
    store = open_store(f"sqlite://{path}")
    rows = list(store.scan("v"))
    assert keys(rows) == list("gfedcba")
    assert {int(row.order) for row in rows} in ({reported - 1}, {reported})
    store.close()


def test_a_file_that_is_no_database_is_named(path):
    path.write_bytes(b"important notes " * 1000)
    with pytest.raises(StorageFailed, match=r"store\.db.*not an SQLite database"):
        open_store(f"sqlite://{path}")


def test_other_connection_strings_are_refused():
    with pytest.raises(SettingsInvalid, match="must be sqlite://PATH or memory://"):
        open_store("store.db")
    with pytest.raises(NotAvailable, match="not available yet"):
        open_store("postgresql://db/x")
