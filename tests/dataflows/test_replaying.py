"""A replay is repeatable: neither batches, snapshots, speed nor crashes change a byte of it."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from bytewax.inputs import AbortExecution

from connectors.codecs import to_json
from connectors.otlp import OtlpDecoder
from connectors.prices import open_prices
from connectors.publisher import DECISIONS, FINDINGS
from connectors.recordings import RecordingReader, RecordingWriter
from connectors.recordings.columns import write_columns
from optimizer.decisions import OptimizationDecision
from optimizer.findings import Finding, FindingStatus
from optimizer.observe.columns import Block, Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.panes import MINUTE_NS
from optimizer.windows import WindowSummary
from tests.dataflows.the_job import Kept, run, settings_of, source_of


@pytest.fixture(scope="module")
def whole(recording: Path) -> Kept:
    """One record at a time, nothing kept but what is said."""
    return run(source_of(recording, batch=1), settings_of(recording))


@pytest.fixture(scope="module")
def minutes(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight minutes of the recording around the latency incidents: quick, and not learned from."""
    folder = tmp_path_factory.mktemp("minutes")
    reader = RecordingReader(recording)
    first_ns = next(iter(reader)).stamp_ns // MINUTE_NS * MINUTE_NS + 39 * MINUTE_NS
    with RecordingWriter(folder, reader.manifest.partitions) as writer:
        for record in reader:
            if first_ns <= record.stamp_ns < first_ns + 8 * MINUTE_NS:
                writer.append(record)
    for name in ("config.yaml", "prices.yaml"):
        shutil.copy(recording / name, folder)
    return folder


def test_what_was_planted_is_found_and_a_change_is_proposed(whole: Kept) -> None:
    opened = {
        (one.route, one.rule): f"{one.since:%H:%M}"
        for one in reversed(whole.outputs)
        if isinstance(one, Finding) and one.status is FindingStatus.OPEN
    }
    assert opened["acme/chat/support", "latency_threshold"] == "06:43"
    assert opened["acme/tickets/classify", "latency_threshold"] == "06:43"
    (decision,) = [one for one in whole.outputs if isinstance(one, OptimizationDecision)]
    assert (decision.route, decision.rule) == ("acme/chat/support", "latency_threshold")


def test_silence_is_found_when_its_first_minute_ends(whole: Kept) -> None:
    opened, closed, *_ = [
        one for one in whole.outputs if isinstance(one, Finding) and one.rule == "traffic_stop"
    ]
    assert f"{opened.since:%H:%M}" == "06:56"  # the last calls of 06:53 ended in 06:54
    assert (opened.status, closed.status) == (FindingStatus.OPEN, FindingStatus.CLOSED)


@pytest.mark.parametrize("batch", [7, 100_000])
def test_batches_change_nothing(batch: int, recording: Path, whole: Kept) -> None:
    kept = run(source_of(recording, batch=batch), settings_of(recording))
    assert kept.said() == whole.said()
    assert kept.windows() == whole.windows()
    assert kept.ledgers() == whole.ledgers()


@pytest.mark.slow
def test_a_snapshot_after_every_batch_changes_nothing(
    recording: Path, whole: Kept, tmp_path: Path
) -> None:
    kept = run(
        source_of(recording, batch=200), settings_of(recording, 0), recovery=tmp_path / "recovery"
    )
    assert (kept.said(), kept.windows()) == (whole.said(), whole.windows())


@pytest.mark.slow
def test_a_steady_pace_changes_nothing(recording: Path, whole: Kept) -> None:
    ticks = count(1)  # ten seconds of event time each time the source is asked
    kept = run(
        source_of(recording, due=lambda first_ns: first_ns + next(ticks) * 10_000_000_000),
        settings_of(recording),
    )
    assert (kept.said(), kept.windows()) == (whole.said(), whole.windows())


def test_a_recording_of_columns_says_the_same(minutes: Path, tmp_path: Path) -> None:
    settings = settings_of(minutes)
    decoder = OtlpDecoder(settings, open_prices(settings.prices), settings.input.tenant)

    def decoded(record: Record) -> Record:
        if record.kind is not RecordKind.OTLP:
            return record
        table = KeyTable()
        columns = decoder.decode(record.body, table).columns
        block = Block(keys=tuple(table.keys), columns=columns)
        return record._replace(kind=RecordKind.COLUMNS, body=block)

    write_columns(tmp_path / "columns", map(decoded, RecordingReader(minutes)))
    kept = run(source_of(tmp_path / "columns"), settings)
    assert kept.written() >= 2
    whole = run(source_of(minutes), settings)
    assert (kept.said(), kept.windows()) == (whole.said(), whole.windows())


@pytest.mark.parametrize("seed", range(4))
def test_crashes_anywhere_change_nothing(seed: int, minutes: Path, tmp_path: Path) -> None:
    rng = random.Random(seed)
    kept = crashing(rng, minutes, rng.choice([0, 0.01, 0.05]), 1500, tmp_path / "recovery")
    assert_equal(kept, run(source_of(minutes), settings_of(minutes)))


@pytest.mark.slow
def test_crashes_change_nothing_of_what_was_learned(
    recording: Path, whole: Kept, tmp_path: Path
) -> None:
    kept = crashing(random.Random(1), recording, 0.05, 10_000, tmp_path / "recovery")
    assert_equal(kept, whole)


def crashing(
    rng: random.Random, recording: Path, interval_secs: float, records: int, recovery: Path
) -> Kept:
    """Replay with five crashes, each some records after the last, in batches of any size."""
    kept = Kept()
    for number in range(6):
        batch = rng.choice([7, 64, 300])
        asked, point = count(), rng.randrange(1, records // batch + 2)

        def crash(asked: count[int] = asked, point: int = point, number: int = number) -> bool:
            if number < 5 and next(asked) == point:
                raise AbortExecution  # no drain, no snapshot, as if killed
            return False

        source = source_of(recording, batch=batch, stop=crash)
        run(source, settings_of(recording, interval_secs), kept, recovery)
    return kept


def assert_equal(kept: Kept, whole: Kept) -> None:
    assert kept.said() == whole.said()
    assert Counter(kept.windows()) == Counter(whole.windows())
    assert kept.ledgers() == whole.ledgers()
    for view in ("findings", "decisions", "windows", "ledgers"):
        assert list(kept.store.scan(view, limit=1000)) == list(whole.store.scan(view, limit=1000))


def test_a_drain_takes_a_snapshot_and_what_follows_repeats_nothing(
    recording: Path, whole: Kept, tmp_path: Path
) -> None:
    kept = Kept()
    for stops in (900, 300, 10_000):
        asked = count()
        source = source_of(
            recording, batch=4, stop=lambda asked=asked, stops=stops: next(asked) > stops
        )
        run(source, settings_of(recording, 3600), kept, tmp_path / "recovery")
    assert kept.said() == whole.said()
    assert kept.written() == whole.written()
    assert Counter(one for one in map(str, kept.outputs)) == Counter(map(str, whole.outputs))


def test_the_newest_views_are_those_of_the_log(whole: Kept) -> None:
    for view, topic in (("findings", FINDINGS), ("decisions", DECISIONS)):
        newest = {}
        for entry in whole.log.read(topic, 0, 1000):
            data = entry.value[entry.value.index(b'"data":') :]
            newest[data[data.index(b'"id":"') + 6 :][:36].decode()] = data
        rows = {row.key: row.value for row in whole.store.scan(view, limit=1000)}
        assert rows.keys() == newest.keys()
        assert all(newest[key].startswith(b'"data":' + value) for key, value in rows.items())


def test_the_newest_window_of_each_kind_and_the_newest_ledger_are_views(whole: Kept) -> None:
    newest = {
        f"{one.route}|{one.arm}|{one.revision}|{one.kind}": to_json(one)
        for one in whole.outputs
        if isinstance(one, WindowSummary)
    }
    assert {row.key: row.value for row in whole.store.scan("windows", limit=1000)} == newest
    ledgers = {row.key: json.loads(row.value) for row in whole.store.scan("ledgers", limit=1000)}
    assert ledgers == whole.ledgers()
    assert len(ledgers) == 3  # of two partitions and of attribution


def test_nothing_is_lost_in_silence(whole: Kept) -> None:
    spans = Counter[str]()
    for ledger in whole.ledgers().values():
        spans.update(ledger)
    assert spans["spans"] == spans["counted"] + spans["corrected"] + spans["duplicate"]
    assert spans["counted"] + spans["corrected"] == 7417
    assert spans["scores"] == spans["judgements"] == spans["judged"] == 757
