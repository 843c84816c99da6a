"""A recording without content decides as the records it was made of, to the byte."""

from __future__ import annotations

import json
import random
import time
from argparse import Namespace
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.codecs import to_json
from connectors.recordings import RecordingReader, RecordingWriter, open_reader
from dataflows import record
from optimizer.events import EventSource, EventType, FeedbackEvent, OrderAction, Score
from optimizer.observe.columns import Block, Record, RecordKind
from optimizer.panes import MINUTE_NS
from optimizer.settings import KafkaSettings, validate
from tests.brokers.broker import Broker
from tests.brokers.fixtures import brokers
from tests.brokers.reading import send
from tests.builders import ROUTE, START, a_report, an_alert, an_order
from tests.command_line import llm_optimizer, start
from tests.dataflows.the_job import run, settings_of, source_of
from tests.otlp_lines import SECOND_NS, Lines, begun

START_NS = int(START.timestamp()) * SECOND_NS


def recorded(source: Path | None, out: Path, **options: object) -> str:
    """Record a recording; give what was said on standard error."""
    given = {"config": None, "until": None, "raw": False, "seconds": 0} | options
    with redirect_stderr(StringIO()) as said, redirect_stdout(StringIO()):
        assert record.command(Namespace(origin=source, out=out, **given)) == 0
    return said.getvalue()


def test_a_world_is_recorded_without_its_bytes_and_says_the_same(
    recording: Path, tmp_path: Path
) -> None:
    first_ns = next(iter(RecordingReader(recording))).stamp_ns // MINUTE_NS * MINUTE_NS
    part = tmp_path / "part"
    with RecordingWriter(part, RecordingReader(recording).manifest.partitions) as writer:
        for each in RecordingReader(recording):
            if 39 <= (each.stamp_ns - first_ns) // MINUTE_NS < 47:
                writer.append(each)
    config = recording / "config.yaml"
    assert recorded(part, tmp_path / "columns", config=config) == ""
    reader = open_reader(tmp_path / "columns")
    kinds = Counter(each.kind for each in reader)
    assert kinds.keys() == {RecordKind.COLUMNS, RecordKind.JUDGED, RecordKind.HEARTBEAT}
    assert kinds[RecordKind.COLUMNS] < kinds.total() / 2
    settings = settings_of(recording)
    raw, columns = run(source_of(part), settings), run(source_of(tmp_path / "columns"), settings)
    assert raw.written() >= 2
    assert any(b'"scores":' in window for window in raw.windows())
    assert columns.said() == raw.said()
    assert columns.windows() == raw.windows()


SETTINGS = {
    "input": {"tenant": "acme"},
    "stream": {"dedupe_secs": 47},  # no multiple of a tick: what is too late to tell falls inside
    "strategies": {"thresholds": {"latency_p95_ms": 900}},
}


class Disorder:
    """Two partitions of late, repeated, future, broken and judged calls, beats and orders."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines = Lines("shop")
        self.now_ns = START_NS
        self.sent: list[str] = []
        self.metered = 0
        self.offsets: Counter[str] = Counter()

    def records(self, many: int) -> list[Record]:
        return [self.one() for _ in range(many)]

    def one(self) -> Record:
        self.now_ns += self.rng.choice([0, 1, 1, 3, 8, 40]) * SECOND_NS // 2
        partition = self.rng.choice(["a", "b/1"])
        self.offsets[partition] += self.rng.choice([1, 1, 5])
        makers = (
            [self.calls] * 12
            + [self.begun] * 4
            + [self.beat] * 4
            + [self.metrics, self.repeat, self.broken, self.event, self.event] * 2
        )
        kind, body = self.rng.choice(makers)()
        return Record(partition, self.offsets[partition], self.now_ns, kind, body)

    def calls(self) -> tuple[RecordKind, bytes]:
        late_s = self.rng.choice([0, 1, 2, 4, 9, 14, 20, 35, 61, 200, -10, -29, -45, -400])
        end_ns = self.now_ns - late_s * SECOND_NS - self.rng.randrange(SECOND_NS)
        line = self.lines.line(end_ns, self.rng.choice([1, 2, 20]), self.rng.choice([300, 2000]))
        self.sent.append(line)
        return RecordKind.OTLP, line.encode()

    def begun(self) -> tuple[RecordKind, bytes]:
        """Calls that are told of when they start; they may have ended already, or never do."""
        start_ns = self.now_ns - self.rng.choice([0, 1, 5, 20, 70, 300]) * SECOND_NS
        latency_ms = self.rng.choice([300, 9000])
        line = self.lines.line(start_ns + latency_ms * 1_000_000, 3, latency_ms)
        if self.rng.random() < 0.5:
            self.sent.append(line)  # so it may come later
        elif self.sent:
            line = self.rng.choice(self.sent[-9:])
        return RecordKind.OTLP, begun(line, self.rng.choice([1, 5000, 60_000])).encode()

    def repeat(self) -> tuple[RecordKind, bytes]:
        return RecordKind.OTLP, self.rng.choice([*self.sent[-9:], "{}"]).encode()

    def broken(self) -> tuple[RecordKind, bytes]:
        kind = self.rng.choice([RecordKind.OTLP, RecordKind.METRICS, RecordKind.GAP])
        return self.rng.choice([(kind, b"secret"), (RecordKind.EVENT, b'{"secret":1}')])

    def beat(self) -> tuple[RecordKind, bytes]:
        return self.rng.choice([RecordKind.HEARTBEAT, RecordKind.IDLE]), b""

    def event(self) -> tuple[RecordKind, bytes]:
        at = START + (self.now_ns - START_NS) // SECOND_NS * (START.resolution * 10**6)
        at -= self.rng.choice([0, 0, 12, 31, 400]) * START.resolution * 10**6  # told late
        number = str(self.offsets.total())
        score = FeedbackEvent(
            id=number,
            timestamp=at,
            source=EventSource.USER,
            event_type=EventType.FEEDBACK,
            data=Score(route=ROUTE, arm="gpt-4o-11111111", value=self.rng.random()),
            metadata={"comment": "secret"},
        )
        alert = replace(an_alert(id=number, timestamp=at), metadata={"comment": "secret"})
        order = an_order(OrderAction.PAUSE, id=number, timestamp=at)
        report = replace(a_report(id=number, timestamp=at), metadata={"comment": "secret"})
        if self.sent and self.rng.random() < 0.5:
            return RecordKind.EVENT, self.langfuse(number)
        kind, event = self.rng.choice(
            [
                (RecordKind.SCORE, score),
                (RecordKind.EVENT, alert),
                (RecordKind.ORDER, order),
                (RecordKind.REPORT, report),
            ]
        )
        return kind, to_json(event)

    def metrics(self) -> tuple[RecordKind, bytes]:
        """A histogram of calls that nobody reports as spans, since the start."""
        self.metered += self.rng.randrange(9)
        words = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
        at_ns = self.now_ns - self.rng.randrange(30 * SECOND_NS)
        point = {
            "startTimeUnixNano": str(START_NS),
            "timeUnixNano": str(at_ns),
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in words.items()],
            "count": str(self.metered),
            "sum": self.metered * 1.5,
            "explicitBounds": [1, 2],
            "bucketCounts": ["0", str(self.metered), "0"],
        }
        data = {"aggregationTemporality": 2, "dataPoints": [point]}
        metric = {"name": "gen_ai.client.operation.duration", "unit": "s", "histogram": data}
        service = {"key": "service.name", "value": {"stringValue": "metered"}}
        told = {"resource": {"attributes": [service]}, "scopeMetrics": [{"metrics": [metric]}]}
        return RecordKind.METRICS, json.dumps({"resourceMetrics": [told]}).encode()

    def langfuse(self, number: str) -> bytes:
        """A score of another system that names a call's trace."""
        request = json.loads(self.rng.choice(self.sent[-5:]))
        span = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        told = {"id": number, "traceId": span["traceId"], "name": "ok", "dataType": "BOOLEAN"}
        return json.dumps(told | {"value": 1, "comment": "secret"}).encode()


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_disorder_of_every_kind_is_recorded_to_the_same_decisions(
    seed: int, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps(SETTINGS))
    with RecordingWriter(tmp_path / "raw", ["a", "b/1"]) as writer:
        for each in Disorder(seed).records(500):
            writer.append(each)
    said = recorded(tmp_path / "raw", tmp_path / "columns", config=tmp_path / "config.yaml")
    settings = validate(SETTINGS)
    raw, columns = (
        run(source_of(tmp_path / "raw"), settings),
        run(source_of(tmp_path / "columns"), settings),
    )
    assert columns.windows() == raw.windows()
    assert columns.said() == raw.said()
    total, kept = Counter[str](), Counter[str]()
    for ledger in raw.ledgers().values():
        total.update(ledger)
    for ledger in columns.ledgers().values():
        kept.update(ledger)
    assert any(b"/metered/" in window for window in raw.windows())
    uses = ("counted", "corrected", "duplicate", "late", "hung", "assignments_closed")
    uses += ("assignments_late",)
    names = (*uses, "judgements", "alerts", "orders", "reports")
    assert [kept[name] for name in names] == [total[name] for name in names]
    assert min(total[name] for name in names) > 0, total
    left_out = {
        line.split(": ")[1].split(";")[0]: int(line.split()[0].replace(",", ""))
        for line in said.splitlines()
    }
    assert left_out["future_timestamp"] == total["future_timestamp"]
    assert left_out["not_otlp"] == total["dead:not_otlp"]
    assert left_out["unknown_event"] == total["dead:unknown_event"]
    assert sum(isinstance(each.body, Block) for each in open_reader(tmp_path / "columns")) > 20


def test_no_word_of_what_came_is_left_unless_it_is_asked_for(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "in", ["a", "b/1"]) as writer:
        for each in Disorder(1).records(300):
            writer.append(each)
    (tmp_path / "config.yaml").write_text(json.dumps(SETTINGS))
    recorded(tmp_path / "in", tmp_path / "columns", config=tmp_path / "config.yaml")
    bodies = [each.body for each in open_reader(tmp_path / "columns")]
    assert not [body for body in bodies if isinstance(body, bytes) and b"secret" in body]
    assert b"secret" not in (tmp_path / "columns" / "columns.parquet").read_bytes()
    warned = recorded(tmp_path / "in", tmp_path / "raw", raw=True)
    assert "--raw keeps prompts and answers: guard it as you do those" in warned
    assert list(RecordingReader(tmp_path / "raw")) == list(RecordingReader(tmp_path / "in"))


def test_what_comes_meanwhile_is_recorded_too_and_what_came_after_is_not(tmp_path: Path) -> None:
    disorder = Disorder(2)
    with RecordingWriter(tmp_path / "in", ["a", "b/1"]) as writer:
        first = disorder.records(50)
        for each in first:
            writer.append(each)
        writer.flush()
        process = start("record", tmp_path / "raw", "--from", tmp_path / "in", "--raw", "--for", 2)
        assert "--raw" in process.stderr.readline()
        writer.declare("c")
        more = [*disorder.records(50), Record("c", 0, disorder.now_ns, RecordKind.HEARTBEAT, b"")]
        for each in more:
            writer.append(each)
        writer.flush()
        assert process.wait(120) == 0
        process.communicate()
    assert list(RecordingReader(tmp_path / "raw")) == [*first, *more]
    until = START + (first[-1].stamp_ns - START_NS) // 1000 * START.resolution
    recorded(tmp_path / "in", tmp_path / "until", raw=True, until=until)
    assert list(RecordingReader(tmp_path / "until")) == [
        each for each in first if each.stamp_ns < first[-1].stamp_ns
    ]


def test_recording_what_is_not_there_or_over_something_is_refused(tmp_path: Path) -> None:
    missing = llm_optimizer("record", tmp_path / "out", cwd=tmp_path)
    assert missing.returncode == 1
    assert "data/inputs/manifest.json: No such file" in missing.stderr
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("")
    with RecordingWriter(tmp_path / "in", ["a"]):
        pass
    taken = llm_optimizer("record", tmp_path / "out", "--from", tmp_path / "in")
    assert taken.returncode == 1
    assert "out: is not empty: name another folder" in taken.stderr


@brokers()
def test_topics_are_recorded_until_each_partition_has_been_at_its_end(
    broker: Broker, tmp_path: Path
) -> None:
    topic = f"t{uuid4().hex}.traces"
    broker.create(topic, 2)
    lines = Lines()
    now_ns = time.time_ns()  # noqa: TID251 - the broker stamps by it
    for number in range(20):
        send(broker, topic, lines.line(now_ns).encode(), partition=number % 2)
    none = dict.fromkeys(KafkaSettings().topics(), ())
    kafka = none | {"brokers": [broker.address], "traces_topics": [topic]}
    (tmp_path / "config.yaml").write_text(json.dumps({"kafka": kafka}))
    assert recorded(None, tmp_path / "columns", config=tmp_path / "config.yaml") == ""
    said = recorded(None, tmp_path / "raw", config=tmp_path / "config.yaml", raw=True)
    assert "--raw keeps prompts" in said
    for name in ("columns", "raw"):
        assert open_reader(tmp_path / name).manifest.partitions == (f"{topic}/0", f"{topic}/1")
        ledgers = run(source_of(tmp_path / name), validate({})).ledgers()
        assert [ledgers[f"{topic}/{number}"]["counted"] for number in (0, 1)] == [10, 10]
