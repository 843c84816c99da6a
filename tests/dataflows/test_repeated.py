"""`replay --verify`: what a run said is said again to the byte, or the first difference is told."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from connectors.logs.memory import MemoryLog
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS, ROLLOUTS
from connectors.recordings import open_reader
from dataflows import deciding
from dataflows.repeated import Run, compare, doubts, said_by_run
from optimizer.errors import NotFound, NotRepeated, RecordingInvalid, StorageFailed
from optimizer.settings import validate
from tests.command_line import llm_optimizer
from tests.dataflows.test_recording import recorded
from tests.dataflows.the_job import settings_of

TOPICS = (FINDINGS, DECISIONS, DOCUMENTS, ROLLOUTS)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
A, B = "t/s/a", "t/s/b"

stories = st.lists(st.tuples(st.sampled_from(TOPICS), st.sampled_from((A, B))), max_size=12)


def a_log(entries: list[tuple[str, str, int]]) -> MemoryLog:
    log = MemoryLog()
    for topic, key, number in entries:
        value = {"id": str(number), "time": "2026-01-01", "data": {"number": number}}
        log.append(topic, [(key, json.dumps(value).encode())])
    return log


def a_run(entries: list[tuple[str, str, int]]) -> Run:
    log = a_log(entries)
    return Run(log, {topic: log.end(topic) for topic in TOPICS})


def numbered(said: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    return [(topic, key, number) for number, (topic, key) in enumerate(said)]


@given(stories, st.integers(0, 12))
def test_a_replay_agrees_where_each_route_s_story_begins_alike(said, length):
    entries = numbered(said)
    run = entries[:length]
    again = sorted(entries, key=lambda one: one[1])  # routes have no order among one another
    crashed = run + run[len(run) // 2 :]  # said again after a crash
    found = compare(a_run(crashed), a_log(again))
    assert (found.same, found.more) == (len(run), len(entries) - len(run))


@given(stories.filter(bool), st.data())
def test_whatever_is_missing_changed_or_swapped_is_found(said, data):
    entries = numbered(said)
    place = data.draw(st.integers(0, len(entries) - 1))
    topic, key, number = entries[place]
    without = entries[:place] + entries[place + 1 :]
    changed = [*entries[:place], (topic, key, number + 100), *entries[place + 1 :]]
    for other in (without, changed):
        with pytest.raises(NotRepeated, match=f"{topic}, {key}, 2026-01-01: "):
            compare(a_run(entries), a_log(other))
    later = [one for one in without[place:] if one[:2] == (topic, key)]
    if later:
        swapped = [*without, entries[place]]
        with pytest.raises(NotRepeated):
            compare(a_run(entries), a_log(swapped))


def test_what_differs_is_told_and_ids_last():
    with pytest.raises(NotRepeated, match=r"data\.number was 1, the replay says 2"):
        compare(a_run([(FINDINGS, A, 1)]), a_log([(FINDINGS, A, 2)]))
    with pytest.raises(NotRepeated, match=r'the replay does not say \{"number": 1\}'):
        compare(a_run([(FINDINGS, A, 1)]), a_log([]))


def test_what_is_said_after_the_replay_began_is_not_compared():
    run = a_run([(FINDINGS, A, 1)])
    run.log.append(FINDINGS, [(A, b"{}")])
    assert compare(run, a_log([(FINDINGS, A, 1)])).same == 1


def verified(recording: Path, log: Path, *more: object, **variables: str):
    named = {"OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{log}"} | variables
    return llm_optimizer("replay", recording, "--windows", "none", "--verify", *more, **named)


def test_the_program_verifies_a_recording_and_finds_other_settings(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    said = replayed / "optimizer.db"
    before = said.read_bytes()
    done = verified(recording, said)
    assert done.returncode == 0, done.stderr
    assert "outputs, the same byte for byte\n" in done.stderr
    assert said.read_bytes() == before
    kept = tmp_path / "recording"
    shutil.copytree(recording, kept)
    deciding.note(kept, settings_of(recording), NOON)
    other = {"OPTIMIZER_STRATEGIES__THRESHOLDS__LATENCY_P95_MS": "100"}
    done = verified(kept, said, "--out", tmp_path / "other", **other)
    assert done.returncode == 1
    changed = "not as when it was recorded: routes, strategies.thresholds.latency_p95_ms\n"
    assert f"{kept}: {changed}" in done.stderr
    assert "llm.optimizer.findings, acme/" in done.stderr
    assert "Traceback" not in done.stderr


def test_there_must_be_something_to_compare_with(recording: Path, tmp_path: Path) -> None:
    reader = open_reader(recording)

    def refused(error: type[Exception], database: str) -> str:
        settings = validate({"database": {"connection_string": database}})
        with ExitStack() as stack, pytest.raises(error) as told:
            said_by_run(stack, recording, reader, settings)
        return str(told.value)

    assert "keeps nothing to look at: --verify" in refused(NotFound, "memory://")
    assert "no such database: --verify" in refused(NotFound, f"sqlite://{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    with closing(SqliteLog(tmp_path / "empty.db")):
        told = refused(NotRepeated, f"sqlite://{tmp_path}/empty.db")
    assert f"no run has said anything in sqlite://{tmp_path}/empty.db: name the settings" in told


def test_a_recording_whose_beginning_was_let_go_is_refused(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(recording, kept)
    manifest = json.loads((kept / "manifest.json").read_text())
    (kept / "manifest.json").write_text(json.dumps(manifest | {"first": 1}))
    done = verified(kept, replayed / "optimizer.db")
    assert done.returncode == 1
    assert "--verify needs the recording from its beginning; what is older than 24" in done.stderr


def test_settings_are_noted_when_they_change_and_secrets_never(tmp_path: Path) -> None:
    def noted(**changes: object) -> list[str]:
        deciding.note(tmp_path, validate(changes), NOON)
        return doubts(tmp_path, validate({}))

    key = "c0ffee" * 6
    assert noted() == []
    assert noted() == []
    assert len(deciding.noted(tmp_path)) == 1
    assert noted(observability={"log_level": "debug"}, service={"data_dir": "/x"}) == []
    changed = "autonomy, stamps.check, stamps.key"
    assert noted(stamps={"check": "required", "key": key}, autonomy="auto") == [
        f"not as when it was recorded: {changed}",
        f"changed while it was recorded, at 2026-01-01T12:00:00+00:00: {changed}",
    ]
    assert key not in (tmp_path / deciding.NAME).read_text()
    assert len(deciding.noted(tmp_path)) == 2


def test_other_programs_are_told() -> None:
    facts = deciding.facts_of(validate({}))
    other = facts | {"programs": facts["programs"] | {"numpy": "0.1", "scipy": None}}
    numpy, scipy = facts["programs"]["numpy"], facts["programs"]["scipy"]
    told = deciding.differences(other, facts)
    assert told == [f"numpy 0.1, now {numpy}", f"scipy not known, now {scipy}"]


def test_prices_are_noted_by_what_they_say(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("models: {}")
    two.write_text("models: {}")
    settings = [validate({"prices": {"overrides": str(path)}}) for path in (one, two)]
    assert deciding.facts_of(settings[0]) == deciding.facts_of(settings[1])
    two.write_text("models: {a: {}}")
    facts = map(deciding.facts_of, settings)
    assert deciding.differences(*facts) == ["prices.overrides"]


@pytest.mark.parametrize("content", ["not json\n", "[]\n", "{}\n"])
def test_a_note_that_is_none_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / deciding.NAME).write_text(content)
    with pytest.raises(RecordingInvalid, match=r"settings\.jsonl: is not what a run notes there"):
        deciding.note(tmp_path, validate({}), NOON)


def test_a_note_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="No such file or directory: free some space"):
        deciding.note(tmp_path / "nowhere", validate({}), NOON)


def test_a_recording_made_of_another_keeps_its_note(recording: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(recording, kept)
    deciding.note(kept, settings_of(recording), NOON)
    recorded(kept, tmp_path / "columns", config=recording / "config.yaml")
    assert deciding.noted(tmp_path / "columns") == deciding.noted(kept)
