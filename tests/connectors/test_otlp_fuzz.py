"""Hostile payloads of every kind: refused or read, never more, and nobody beside them notices."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from connectors.decoding import RecordDecoder
from connectors.recordings.bare_files import MESSAGE_BYTES
from connectors.vaults.memory import MemoryVault
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.observe import state
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.observe.rules import StreamRules
from optimizer.pieces import Pieces
from tests.command_line import ENVIRONMENT, ROOT
from tests.connectors import test_feedback
from tests.fuzzing import PRICES, SETTINGS, Outcome, read_again, run, sound_records
from tests.hostile import Payload, payloads

COUNT = 2_000
SOUND = sound_records(40)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run(payloads(1, COUNT), SOUND)


def test_nothing_but_a_refusal_ever_comes_out(outcome: Outcome):
    assert [crash.told for crash in outcome.crashes] == []
    assert outcome.partition.counts["records"] == COUNT + len(SOUND) + 1


def test_sound_records_between_them_count_as_if_they_were_alone(outcome: Outcome):
    alone = run((), SOUND)
    assert outcome.good == alone.good
    assert len(alone.good) > 50
    assert alone.letters == []


def test_a_record_of_which_nothing_can_be_read_is_one_letter_with_its_bytes():
    decoder, seen = RecordDecoder(SETTINGS, PRICES, "p"), 0
    for payload in payloads(2, 500):
        try:
            decoder.decode(Record("p", 0, 0, *payload), KeyTable())
        except (DecodeFailed, InvalidEvent):
            if payload.kind is RecordKind.GAP:
                continue  # read by the observer itself
            (letter,) = run([payload], ()).letters
            assert (letter.kind, letter.body) == payload
            assert letter.detail
            seen += 1
    assert seen > 100


def test_a_letter_read_again_is_refused_for_the_same_reason(outcome: Outcome):
    differing = [
        (letter.reason, read_again(letter), letter.kind, letter.body[:80])
        for letter in outcome.letters
        if read_again(letter) != [letter.reason] and letter.reason != "future_timestamp"
    ]
    assert differing == []
    assert sum(outcome.reasons.values()) == len(outcome.letters) > 500


def test_every_span_has_one_place_in_the_ledger():
    hostile = [one for one in payloads(3, COUNT) if one.kind is RecordKind.OTLP]
    found = run(hostile, SOUND)
    counts = found.partition.counts
    placed = ("counted", "corrected", "duplicate", "late", "future_timestamp")
    assert counts["calls"] == sum(counts[name] for name in placed) > 500
    spans = sum(is_span(letter.body) for letter in found.letters) - counts["future_timestamp"]
    assert counts["spans"] == counts["calls"] + counts["other_spans"] + spans


def is_span(body: bytes) -> bool:
    """Tell whether a letter is of a span, not of a record that is no request."""
    decoder = RecordDecoder(SETTINGS, PRICES, "p")
    try:
        decoded = decoder.decode(Record("p", 0, 0, RecordKind.OTLP, body), KeyTable())
    except DecodeFailed:
        return False
    assert decoded.counts["spans"] == 1
    return True


def test_what_is_left_of_it_can_be_written_and_read(outcome: Outcome):
    vault = MemoryVault()
    written = state.dump(outcome.partition, Pieces(vault, "p"))
    again, _ = state.load(written, StreamRules(), vault)
    assert again.counts == outcome.partition.counts


def spaces(count: int) -> bytes:
    return b'{"resourceSpans":[' + b" " * count


def a_prefixed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bomb", "told"),
    [
        pytest.param(lambda: gzip.compress(spaces(3 * MESSAGE_BYTES), 1), "split it", id="gzip"),
        pytest.param(lambda: zstandard.compress(spaces(3 * MESSAGE_BYTES)), "split it", id="zstd"),
        pytest.param(
            lambda: a_prefixed(zstandard.compress(spaces(2 * MESSAGE_BYTES))),
            "split it",
            id="a zstd message",
        ),
        pytest.param(
            lambda: a_prefixed(zstandard.compress(spaces(3 * MESSAGE_BYTES))) * 3,
            "gave 3",
            id="zstd messages that say they are huge",
        ),
    ],
)
def test_a_file_that_would_become_huge_is_refused_in_little_memory(bomb, told, tmp_path: Path):
    path = tmp_path / "bomb"
    path.write_bytes(bomb())
    assert path.stat().st_size < MESSAGE_BYTES / 50
    script = (
        "import pathlib, sys\n"
        "from connectors.recordings.bare_files import bare_messages\n"
        "from optimizer.errors import RecordingInvalid\n"
        "try:\n"
        "    print('gave', sum(1 for _ in bare_messages(pathlib.Path(sys.argv[1]))))\n"
        "except RecordingInvalid as error:\n"
        "    print(error)\n"
        "from tests.fuzzing import most_memory_mb\n"
        "print(most_memory_mb())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    )
    said, megabytes = done.stdout.splitlines()
    assert told in said
    assert float(megabytes) < 600


@pytest.mark.slow
def test_memory_stays_bounded_under_hostile_payloads():
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "fuzz_payloads", "--small"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    )
    figures = dict(re.findall(r"BENCH (\S+) (\S+)", done.stdout))
    assert figures["fuzz_crashes"] == figures["fuzz_sound_keys_that_differ"] == "0"
    assert float(figures["fuzz_max_rss_mb"]) < 600


def test_a_score_of_the_year_one_can_be_kept():
    told = test_feedback.FEEDBACK | {"timestamp": "0001-01-01T00:00:00Z"}
    found = run([Payload(RecordKind.EVENT, json.dumps(told).encode())] * 100, ())
    assert found.crashes == []
    assert found.partition.counts["judgements"] == 100
