"""Payloads nobody should send: whole ones, damaged in every way, and some made to do harm."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import zstandard

from connectors.codecs import to_json
from connectors.judged import dump_judgements
from connectors.pointed import dump_points
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import RecordKind
from tests.benchmarks.otlp_load import SECOND_NS, START_NS, Load, messages
from tests.builders import a_report, an_alert, an_order
from tests.connectors import sentinel_shapes, test_feedback, test_telemetry_events
from tests.connectors.test_claimed_tenants import a_score
from tests.connectors.test_evaluations import GOOD, a_log, a_request
from tests.connectors.test_otlp_paths import request
from tests.optimizer.observe.test_meters import a_point
from tests.otlp_oracle import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLES = Path(__file__).parent / "samples"
BOMB_BYTES = 64 << 20  # what a compressed body would come to
NOW = datetime.fromtimestamp(START_NS // SECOND_NS + 20, UTC)  # as sound records have it
COMMON = {RecordKind.OTLP: 10, RecordKind.METRICS: 5, RecordKind.LOGS: 3, RecordKind.EVENT: 4}
OTHER = Load(per_second=2, repeated=0.1, stamped=False)


class Payload(NamedTuple):
    """A record's kind and body."""

    kind: RecordKind
    body: bytes


def payloads(seed: int, count: int) -> Iterator[Payload]:
    """Give so many payloads, always the same for a seed."""
    rng = random.Random(seed)
    kinds = list(wholes())
    for _ in range(count):
        (kind,) = rng.choices(kinds, [COMMON.get(kind, 1) for kind in kinds])
        body = rng.choice(wholes()[kind])
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 5))):
            body = rng.choice(DAMAGES)(rng, body)
        yield Payload(rng.choice(kinds) if rng.random() < 0.05 else kind, body)


@cache
def wholes() -> dict[RecordKind, list[bytes]]:
    """Give sound bodies of each kind, captured and made."""
    traces = [path.read_bytes() for path in sorted(SAMPLES.glob("*.pb"))]
    traces += [path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))]
    made = messages(6, spans_per_message=4, seed=77, load=OTHER)
    made += [request(random.Random(seed), 5).SerializeToString() for seed in range(6)]
    traces += [form for body in made for form in (body, as_json(body))]
    metrics = [path.read_bytes() for path in sorted((SAMPLES / "metrics").iterdir())]
    logs = a_request(a_log(GOOD), a_log(GOOD | {"gen_ai.evaluation.score.label": "bad"}))
    shapes = [
        *(value for name, value in vars(sentinel_shapes).items() if name.isupper()),
        test_feedback.FEEDBACK,
        test_feedback.LANGFUSE,
        test_feedback.PHOENIX,
        *test_telemetry_events.SHAPES.values(),
    ]
    objects = [json.dumps(shape).encode() for shape in shapes if isinstance(shape, dict)]
    judged = Judgement(7, START_NS, 500_000, "tone", Judge.HUMAN, "acme", trace=1, span=2)
    return {
        RecordKind.OTLP: traces,
        RecordKind.METRICS: metrics,
        RecordKind.LOGS: [logs.SerializeToString(), _logs_as_json(logs)],
        RecordKind.EVENT: [*objects, b"[" + b",".join(objects) + b"]"],
        RecordKind.SCORE: [to_json(a_score("acme/shop/answer"))],
        RecordKind.ORDER: [to_json(an_order()), to_json(an_order(timestamp=NOW))],
        RecordKind.REPORT: [to_json(a_report()), to_json(a_report(timestamp=NOW))],
        RecordKind.ALERT: [to_json(an_alert()), to_json(an_alert(timestamp=NOW))],
        RecordKind.JUDGED: [dump_judgements([judged, judged])],
        RecordKind.POINTED: [dump_points([a_point(3, 5), a_point(4, 9, failed=True)])],
        RecordKind.GAP: [b'{"gone":3}'],
    }


def _logs_as_json(logs: Any) -> bytes:
    attributes = [
        {"key": pair.key, "value": {"stringValue": pair.value.string_value}}
        for pair in logs.resource_logs[0].scope_logs[0].log_records[0].attributes
    ]
    log = {"timeUnixNano": str(START_NS), "eventName": "gen_ai.evaluation.result"}
    records = [{**log, "attributes": attributes}]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


def _flip(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body or b"\0")
    for _ in range(rng.choice((1, 1, 3, 30))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _splice(rng: random.Random, body: bytes) -> bytes:
    other = rng.choice(rng.choice(list(wholes().values())))
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(rng: random.Random, body: bytes) -> bytes:
    place = rng.randrange(len(body) + 1)
    return body[:place] + rng.randbytes(rng.randrange(1, 20)) + body[place:]


def _repeat(rng: random.Random, body: bytes) -> bytes:
    start = rng.randrange(len(body) + 1)
    part = body[start : start + rng.randrange(200)]
    return body[:start] + part * rng.choice((2, 3, 50)) + body[start + len(part) :]


def _twice(_: random.Random, body: bytes) -> bytes:
    return body + body


def _no_text(rng: random.Random, body: bytes) -> bytes:
    place = rng.randrange(len(body) + 1)
    return body[:place] + rng.choice((b"\xff\xfe", b"\xc0", b"\xed\xa0\x80", b"\\ud800", b"\0"))


NUMBERS = (b"9" * 5_000, b"-1", b"1e999", b"-0", b"NaN", b"1e-400", b"18446744073709551616", b"0.5")


def _number(rng: random.Random, body: bytes) -> bytes:
    """Put a number that cannot be meant where one stands."""
    places = [place for place in range(len(body)) if body[place : place + 1].isdigit()]
    if not places:
        return body
    start = stop = rng.choice(places)
    while body[stop : stop + 1].isdigit():
        stop += 1
    return body[:start] + rng.choice(NUMBERS) + body[stop:]


STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2, 199, 200, 1 << 31, 1 << 63, 1 << 64, 10**30, -(10**30)),
    *(0.5, -0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf")),
    *("", " ", "x" * 5_000, "9" * 5_000, "-1", "1e400", "nan", "\ud800", "\0", "a/b/c/d"),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "f" * 32, "0" * 32),
    *([], {}, [[]], [None], {"a": None}, {"": {"": {}}}),
)


def _swap(rng: random.Random, body: bytes) -> bytes:
    """Put something strange in the place of a member of a JSON document, or beside it."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return body
    holder, key = {"": content}, ""
    while isinstance(inner := holder[key], dict | list) and inner and rng.random() < 0.95:
        holder = inner
        key = rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
    holder[key] = rng.choice(STRANGE)
    return json.dumps(content).encode()


def _length(rng: random.Random, body: bytes) -> bytes:
    """Declare a field to be huge."""
    place = rng.randrange(len(body) + 1)
    huge = rng.choice((b"\xff\xff\xff\xff\x07", b"\xff" * 9 + b"\x01", b"\xff" * 30, b"\x80" * 12))
    return body[:place] + b"\x0a" + huge + body[place:]


def _deep(rng: random.Random, body: bytes) -> bytes:
    """Nest a value in itself: in the text, where a value stands, or for its own sake."""
    levels = rng.choice((20, 120, 1_000, 30_000))
    if body[:1] == b"\x0a":
        return body + _nested(min(levels, 3_000))
    before, opening, after = rng.choice(
        ((b"[", b"", b"]"), (b'{"a":', b"1", b"}"), (b'{"arrayValue":{"values":[', b"", b"]}}"))
    )
    value = before * levels + opening + after * levels
    place = body.find(b":", rng.randrange(len(body) + 1))
    return value if place < 0 else body[: place + 1] + value + b"," + body[place + 1 :]


@cache
def _nested(levels: int) -> bytes:
    """A request of one span whose attribute is a list in a list in a list."""
    value = b""
    for _ in range(levels):
        value = _block(0x2A, _block(0x0A, value))
    pair = _block(0x0A, b"gen_ai.operation.name") + _block(0x12, value)
    return _block(0x0A, _block(0x12, _block(0x12, _block(0x4A, pair))))


def _block(tag: int, content: bytes) -> bytes:
    head, length = bytearray((tag,)), len(content)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes((length,)) + content


def _anything(rng: random.Random, _: bytes) -> bytes:
    start = rng.choice((b"", b"\x0a", b"{", b"[", b'{"resourceSpans":', b"\x0a\x10\x12\x0e"))
    return start + rng.randbytes(rng.randrange(400))


def _nothing(_: random.Random, __: bytes) -> bytes:
    return b""


@cache
def bombs() -> tuple[bytes, bytes]:
    """Give bodies that would come to `BOMB_BYTES` if somebody decompressed them."""
    content = b'{"resourceSpans":[' + b" " * BOMB_BYTES
    return gzip.compress(content, 9), zstandard.ZstdCompressor(level=3).compress(content)


def _bomb(rng: random.Random, _: bytes) -> bytes:
    return rng.choice(bombs())


DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_swap,) * 9,
    *(_flip, _cut, _splice, _insert, _repeat, _twice, _no_text, _number, _length) * 3,
    *(_deep, _anything),
    *(_nothing, _bomb),
)
