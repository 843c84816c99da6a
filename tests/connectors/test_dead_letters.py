"""Dead letters are kept apart: once each, for their owner's eyes, bounded in time and in size."""

from __future__ import annotations

import random
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from connectors.dead_letters import DeadLetterStore, Wanted, letter_id
from connectors.dead_letters.store import DAY_NS, HOUR_NS, OVER_AGE, OVER_LIMIT
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from connectors.stores.memory import MemoryStore
from optimizer.errors import StorageFailed
from optimizer.observe.columns import DeadLetter, RecordKind
from optimizer.observe.observer import Ledger
from optimizer.panes import FINAL_NS
from optimizer.settings import DeadLetterSettings, LetterBytes

NOW_NS = 1_800_000_000 * 10**9
SECRET = b"what the user asked"


def a_letter(**changes) -> DeadLetter:
    values = {
        "partition": "input",
        "offset": 7,
        "reason": "not_otlp",
        "detail": "begins with 00",
        "body": b"{" + SECRET,
        "stamp_ns": NOW_NS,
    }
    return DeadLetter(**(values | changes))


letters = st.lists(
    st.builds(
        a_letter,
        offset=st.integers(0, 3),
        place=st.integers(0, 2),
        reason=st.sampled_from(["not_otlp", "no_time"]),
        partition=st.sampled_from(["input", "spans/0", "spans/1"]),
        kind=st.sampled_from([RecordKind.OTLP, RecordKind.EVENT]),
        body=st.binary(min_size=1, max_size=5),
    ),
    max_size=20,
)


@given(letters)
@settings(max_examples=50, deadline=None)
def test_setting_aside_again_in_any_pieces_is_setting_aside_once(found: list[DeadLetter]) -> None:
    store = DeadLetterStore()
    store.put(found)
    store.put(found[: len(found) // 2])
    store.put(found[len(found) // 2 :])
    distinct = list(dict.fromkeys(found))
    kept = list(store.bodies(store.find(Wanted())))
    assert [body for _, body in kept] == [letter.body for letter in distinct]
    assert [letter.id for letter, _ in kept] == [letter_id(letter) for letter in distinct]
    for letter, (facts, _) in zip(distinct, kept, strict=True):
        assert (facts.partition, facts.offset, facts.place) == (
            letter.partition, letter.offset, letter.place,
        )  # fmt: skip
        assert (facts.reason, facts.kind) == (letter.reason, letter.kind.name.lower())
        assert (facts.stamp_ns, facts.size) == (NOW_NS, len(letter.body))
        assert facts.source == letter.partition.partition("/")[0]


@pytest.mark.parametrize(
    ("wanted", "offsets"),
    [
        (Wanted(), [0, 1, 2]),
        (Wanted(reason="late_word"), [1]),
        (Wanted(source="spans"), [1, 2]),
        (Wanted(before_ns=NOW_NS + 2), [0, 1]),
        (Wanted(source="spans", before_ns=NOW_NS + 2), [1]),
        (Wanted(waiting=True), [0, 1]),
        (Wanted(ids=("nothing",)), []),
        (Wanted(reason="100%"), []),
    ],
)
def test_letters_are_found_by_what_is_asked_for(wanted: Wanted, offsets: list[int]) -> None:
    store = DeadLetterStore()
    store.put(
        [
            a_letter(offset=0),
            a_letter(offset=1, reason="late_word", partition="spans/0", stamp_ns=NOW_NS + 1),
            a_letter(offset=2, partition="spans/1", stamp_ns=NOW_NS + 2, body=b""),
        ]
    )
    assert [letter.offset for letter in store.find(wanted)] == offsets
    newest = store.find(wanted, 1, newest_first=True)
    assert [letter.offset for letter in newest] == offsets[-1:]


def test_ids_may_be_cut_short_and_a_replayed_letter_waits_no_more() -> None:
    store = DeadLetterStore()
    store.put([a_letter(offset=offset) for offset in range(3)])
    one, other, _ = store.find(Wanted())
    assert store.find(Wanted(ids=(one.id[:10], other.id[:10]))) == [one, other]
    store.mark_replayed([one.id])
    store.put([a_letter(offset=0)])  # as a job does that repeats itself after a crash
    assert [letter.offset for letter in store.find(Wanted(waiting=True))] == [1, 2]
    assert store.find(Wanted(ids=(one.id,)))[0].replays == 1
    assert store.totals(Wanted()) == [("not_otlp", "input", 3, 1, 3 * len(a_letter().body))]


def test_the_file_is_its_owners_alone_with_all_that_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "dead_letters.db"
    path.parent.mkdir()
    path.touch(0o644)
    store = DeadLetterStore(path)
    store.put([a_letter()])
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert len(modes) == 3  # with what SQLite writes ahead
    assert set(modes.values()) == {0o600}
    store.close()


def test_nothing_of_a_purged_letter_is_left_in_the_files(tmp_path: Path) -> None:
    body = bytes(range(256)) * 40  # what does not compress stands there as it is
    store = DeadLetterStore(tmp_path / "dead_letters.db")
    store.put([a_letter(body=body), a_letter(offset=8, reason="other")])
    assert any(body[:200] in path.read_bytes() for path in tmp_path.iterdir())
    assert store.drop(Wanted(reason="not_otlp")) == 1
    assert not any(body[:200] in path.read_bytes() for path in tmp_path.iterdir())
    assert [letter.reason for letter in store.find(Wanted())] == ["other"]
    assert store.gone() == {"purge": 1}


def test_without_bytes_the_reason_and_the_size_are_kept() -> None:
    store = DeadLetterStore(None, DeadLetterSettings(bytes=LetterBytes.NONE))
    store.put([a_letter()])
    (kept,) = store.find(Wanted())
    assert (kept.reason, kept.size, kept.kept) == ("not_otlp", len(a_letter().body), False)
    assert store.body(kept.id) is None
    assert store.find(Wanted(waiting=True)) == []


def test_a_flood_pushes_the_oldest_out_and_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.db"
    store = DeadLetterStore(path, DeadLetterSettings(max_mb=0.2))
    for start in range(0, 2000, 100):
        store.put([a_letter(offset=offset) for offset in range(start, start + 100)])
    kept = [letter.offset for letter in store.find(Wanted())]
    assert kept == list(range(2000 - len(kept), 2000))
    assert 200 < len(kept) < 500
    assert store.gone() == {OVER_LIMIT: 2000 - len(kept)}
    store.close()
    assert path.stat().st_size < 400_000


def test_a_letter_larger_than_all_may_be_keeps_its_facts_alone() -> None:
    store = DeadLetterStore(None, DeadLetterSettings(max_mb=0.01))
    noise = random.Random(1).randbytes(20_000)
    store.put([a_letter(body=noise)])
    (kept,) = store.find(Wanted())
    assert (kept.size, kept.kept) == (len(noise), False)


def test_letters_go_when_they_are_too_old_and_that_is_looked_at_hourly() -> None:
    store = DeadLetterStore(None, DeadLetterSettings(retention_days=2))
    publisher = Publisher(MemoryLog(), store, MemoryStore(), "svc")
    publisher.publish(a_letter(offset=n, stamp_ns=NOW_NS + n * DAY_NS) for n in range(3))
    left = []
    for later_ns in (0, HOUR_NS - 1, HOUR_NS):
        publisher.publish([Ledger("p", NOW_NS + 2 * DAY_NS + later_ns, {})])
        left.append([letter.offset for letter in store.find(Wanted())])
    assert left == [[0, 1, 2], [0, 1, 2], [1, 2]]
    assert store.gone() == {OVER_AGE: 1}


def test_the_stream_tells_the_time_by_which_letters_go_but_not_the_end_of_a_replay() -> None:
    store = DeadLetterStore()
    publisher = Publisher(MemoryLog(), store, MemoryStore(), "svc")
    publisher.publish([a_letter(offset=1), a_letter(offset=2, stamp_ns=NOW_NS + DAY_NS)])
    publisher.flush()
    publisher.publish([Ledger("p", FINAL_NS, {})])
    assert len(store.find(Wanted())) == 2
    publisher.publish([Ledger("p", NOW_NS + 7 * DAY_NS + 1, {})])
    assert [letter.offset for letter in store.find(Wanted())] == [2]


def test_many_letters_are_written_before_they_fill_the_memory() -> None:
    store = DeadLetterStore()
    publisher = Publisher(MemoryLog(), store, MemoryStore(), "svc")
    publisher.publish([a_letter(offset=1, body=bytes(2 << 20))])
    assert len(store.find(Wanted())) == 1
    publisher.publish([a_letter(offset=offset) for offset in range(2, 1002)])
    assert len(store.find(Wanted())) == 1001


def test_words_no_database_can_hold_are_kept_as_well_as_they_can_be() -> None:
    store = DeadLetterStore()
    store.put([a_letter(detail="half a pair \ud800", partition="p\udcff")])
    (kept,) = store.find(Wanted())
    assert (kept.detail, kept.partition) == ("half a pair ?", "p?")


def test_a_locked_file_and_a_file_that_is_none_are_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "dead_letters.db"
    store = DeadLetterStore(path, timeout_secs=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match=r"dead_letters.db: .*another process is writing"):
        store.put([a_letter()])
    other.close()
    store.put([a_letter()])
    store.close()
    path.write_bytes(b"not a database, and long enough to be seen as none" * 20)
    with pytest.raises(StorageFailed, match="it is not an SQLite database"):
        DeadLetterStore(path)
    with pytest.raises(StorageFailed, match="File exists: name a folder"):
        DeadLetterStore(path / "below")


def test_the_same_wrong_part_twice_in_a_record_is_two_letters() -> None:
    letter = a_letter()
    assert letter_id(letter) == letter_id(replace(letter, detail="said otherwise"))
    assert letter_id(letter) != letter_id(replace(letter, place=1))
