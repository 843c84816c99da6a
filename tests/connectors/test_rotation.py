"""Followed files that are renamed, replaced and removed: each line is read, and once."""

from __future__ import annotations

import random
from itertools import count
from pathlib import Path

import pytest

from connectors.following import Follower
from connectors.intake import Intake
from connectors.positions import Positions
from optimizer.errors import RecordingInvalid
from tests.connectors.test_following import Rig

LONG = "x" * 80_000  # more than the beginning by which a file is known


def taken(rig: Rig) -> list[str]:
    return [line.decode() for line in rig.lines()]


@pytest.fixture
def rig(tmp_path: Path):
    made = Rig(tmp_path)
    yield made
    made.writer.close()


@pytest.mark.parametrize("first", ['{"a":1}\n', f'{{"a":"{LONG}"}}\n'], ids=["short", "long"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_renamed_file_is_read_on_and_what_took_its_name_from_its_beginning(
    rig: Rig, *, restarted: bool, first: str
) -> None:
    rig.write(first)
    rig.follower.poll()
    rig.write('{"b":2}\n')  # came since, and then the exporter rotated
    (rig.input / "spans.jsonl").rename(rig.input / "spans-2026-01-01.jsonl")
    rig.write('{"c":3}\n' * 20_000)  # longer by now than the old one was
    if restarted:
        rig.restart()
    rig.follower.poll()
    rig.follower.poll()
    assert sorted(set(taken(rig))) == sorted({first.strip(), '{"b":2}', '{"c":3}'})
    assert len(taken(rig)) == 20_002


def test_a_file_that_was_replaced_while_nobody_looked_is_read_from_its_beginning(rig: Rig) -> None:
    rig.write('{"a":1}\n')
    rig.follower.poll()
    (rig.input / "spans.jsonl").write_text('{"b":2}\n{"c":3}\n')
    rig.restart()
    rig.follower.poll()
    assert taken(rig) == ['{"a":1}', '{"b":2}', '{"c":3}']


def test_a_file_that_goes_while_it_is_read_stops_nothing(rig: Rig) -> None:
    rig.write('{"a":1}\n')
    (rig.input / "gone.jsonl").symlink_to(rig.folder / "nowhere")
    rig.follower.poll()
    assert taken(rig) == ['{"a":1}']


@pytest.mark.parametrize("name", [".spans.jsonl.swp", "old/.x.json", "spans.jsonl.gz"])
def test_hidden_and_compressed_files_are_left_alone(rig: Rig, name: str) -> None:
    (rig.input / name).parent.mkdir(exist_ok=True)
    rig.write('{"a":1}\n', name)
    rig.follower.poll()
    assert taken(rig) == []


def test_a_single_file_is_followed_too(rig: Rig) -> None:
    path = rig.folder / "one.txt"
    rig.follower = Follower(
        path, rig.folder / "positions.json", Intake(rig.writer, lambda: rig.now, {})
    )
    rig.follower.poll()
    path.write_text('{"a":1}\n')
    rig.follower.poll()
    assert taken(rig) == ['{"a":1}']


def test_files_that_are_gone_are_forgotten(rig: Rig) -> None:
    rig.write('{"a":1}\n')
    rig.follower.poll()
    (rig.input / "spans.jsonl").unlink()
    rig.write('{"b":2}\n', "other.json")
    rig.follower.poll()
    kept = (rig.folder / "positions.json").read_text()
    assert "other.json" in kept
    assert "spans.jsonl" not in kept


def test_positions_that_cannot_be_read_are_said_to_be(tmp_path: Path) -> None:
    for damaged in (b"{", b"[1]", b'{"a": 7}', b"\xff"):
        (tmp_path / "positions.json").write_bytes(damaged)
        with pytest.raises(RecordingInvalid, match=r"positions\.json: cannot be read.*remove it"):
            Positions(tmp_path / "positions.json")


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_to_files_every_line_is_read_once(seed: int, tmp_path: Path) -> None:
    rng, rig, written = random.Random(seed), Rig(tmp_path), count()

    def write() -> None:
        pad = "x" * rng.choice([1, 70_000])
        text = "".join(f'{{"line":{next(written)},"pad":"{pad}"}}\n' for _ in range(3))
        rig.write(text, rng.choice(["a.json", "b.jsonl", "sub.json"]))

    def rotate() -> None:
        path = rig.input / rng.choice(["a.json", "b.jsonl"])
        if path.exists():
            path.rename(rig.input / f"{path.stem}-{rng.random()}.json")

    def remove_one_that_was_read() -> None:
        rig.follower.poll()
        for path in sorted(rig.input.glob("?-*.json"))[:1]:
            path.unlink()

    def poll() -> None:
        rig.follower.poll()

    for _ in range(60):
        rng.choice([write, write, write, poll, rotate, rig.restart, remove_one_that_was_read])()
    rig.follower.poll()
    rig.writer.close()
    numbers = [int(line.split(b":")[1].split(b",")[0]) for line in rig.lines()]
    assert sorted(numbers) == list(range(next(written)))
