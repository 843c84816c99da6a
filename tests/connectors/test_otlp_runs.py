"""Small records read together say what each says by itself."""

from __future__ import annotations

import random
import struct
from collections import Counter

import pytest

from connectors.decoding import RecordDecoder
from connectors.otlp import OtlpDecoder
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyLimits, KeyTable
from optimizer.observe.links import Links
from optimizer.observe.observer import Observer
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.settings import Settings, validate
from tests.benchmarks.otlp_load import Load, messages
from tests.connectors.test_otlp_paths import (
    END_NS,
    IDS,
    PRICES,
    SETTINGS,
    assert_same,
    block,
    raw_request,
    raw_span,
    request,
)
from tests.otlp_oracle import as_json


def decoder(settings: Settings) -> OtlpDecoder:
    return OtlpDecoder(settings, PRICES, "acme", Links.RESPONSES)


@pytest.mark.parametrize("settings", SETTINGS, ids=["plain", "routes", "trusting"])
def test_a_run_is_read_as_its_records_one_by_one(settings):
    reader, table, together, refused, none = decoder(settings), KeyTable(), 0, 0, 0
    for seed in range(60):
        rng = random.Random(seed)
        bodies = [request(rng, 4).SerializeToString() for _ in range(rng.randint(1, 9))]
        bodies += [b""] * rng.randint(0, 2)
        rng.shuffle(bodies)
        expected = [reader.decode(body, table) for body in bodies]
        found = reader.decode_many(bodies, table)
        if found is None:
            none += 1
            continue
        each = found.each()
        assert found.together.counts == sum((Counter(one.counts) for one in each), Counter())
        assert len(found.together.columns) == sum(len(one.columns) for one in each)
        assert len(each) == len(bodies)
        for one, other in zip(each, expected, strict=True):
            assert one.counts == other.counts
            assert one.refused == other.refused
            assert_same(one.columns, other.columns)
            assert one.columns.links.tolist() == other.columns.links.tolist()
            for row in range(len(one.columns)):
                assert one.columns.raw(row) == other.columns.raw(row)
            refused += len(one.refused)
        together += len(bodies)
    assert together > 150
    assert refused > 10
    assert none < 30


CALL, NO_IDS = raw_span(), raw_span()[IDS:]
TWO_IDS = raw_span(trace_id=b"u" * 16, span_id=b"v" * 8)[:IDS] + CALL
LATE = struct.pack("<BQ", 0x41, END_NS)
ENDLESS = CALL[: IDS + len(LATE)] + CALL[IDS + 2 * len(LATE) :]


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([raw_request(TWO_IDS), raw_request(NO_IDS)], id="ids move to a neighbour"),
        pytest.param([raw_request(NO_IDS), raw_request(TWO_IDS)], id="ids move back"),
        pytest.param([raw_request(CALL + LATE), raw_request(ENDLESS)], id="an end too many"),
        pytest.param([raw_request(raw_span(trace_id=b"t" * 15)), raw_request(CALL)], id="bad id"),
        pytest.param([raw_request(CALL), as_json(raw_request(CALL))], id="json"),
        pytest.param([raw_request(CALL), b"\xfa\x7f\x03abc"], id="a field at the top"),
        pytest.param([raw_request(CALL)[:-1], raw_request(CALL)], id="cut short"),
        pytest.param([b"\x0a\xff\x01", raw_request(CALL)], id="longer than it is"),
        pytest.param([b"\x0a\xff\xff\xff\xff\xff\xff", raw_request(CALL)], id="endless length"),
        pytest.param([b"\x0a", raw_request(CALL)], id="no length"),
        pytest.param([block(0x0A, b"\x0a\x05"), raw_request(CALL)], id="damaged inside"),
    ],
)
def test_what_would_mix_records_up_is_left_to_reading_one_by_one(bodies):
    assert decoder(Settings()).decode_many([raw_request(CALL)] * 2, KeyTable()) is not None
    assert decoder(Settings()).decode_many(bodies, KeyTable()) is None


@pytest.mark.parametrize("span", [TWO_IDS, NO_IDS, CALL + LATE, ENDLESS])
def test_a_record_that_would_mix_others_up_can_be_read_by_itself(span):
    found = decoder(Settings()).decode(raw_request(span), KeyTable())
    assert len(found.columns) + len(found.refused) == 1


def test_a_run_cut_or_changed_anywhere_is_read_as_one_by_one_or_not_at_all():
    reader, table, rng = decoder(Settings()), KeyTable(), random.Random(5)
    bodies = messages(3, spans_per_message=3, seed=6)
    together = 0
    for _ in range(300):
        changed = [bytearray(body) for body in bodies]
        for _ in range(rng.choice((1, 1, 5))):
            body = rng.choice(changed)
            body[rng.randrange(len(body))] = rng.randrange(256)
        found = reader.decode_many([bytes(body) for body in changed], table)
        if found is not None:
            together += 1
            for body, one in zip(changed, found.each(), strict=True):
                other = reader.decode(bytes(body), table)
                assert (one.counts, one.refused) == (other.counts, other.refused)
                assert_same(one.columns, other.columns)
    assert together > 50


def an_observer(rules: StreamRules) -> Observer:
    settings = validate({"sources": [{"source": "p", "tenant": "acme"}]})
    return Observer(Partition("p", rules), RecordDecoder(settings, PRICES, "p"), 4)


def some_records() -> list[Record]:
    """Give small records, heartbeats, damaged ones, JSON, a large one; all in their order."""
    rng = random.Random(9)
    load = Load(per_second=3, repeated=0.05)
    bodies = messages(180, spans_per_message=4, load=load)
    others = [request(rng, 4).SerializeToString() for _ in range(30)]
    for body in (b"hello", *(as_json(body) for body in bodies[:5]), *others, *messages(1)):
        bodies.insert(rng.randrange(len(bodies)), body)
    stamps = [END_NS + number * 10**9 for number in range(len(bodies))]
    records = [
        Record("p", number, stamp, RecordKind.OTLP, body)
        for number, (stamp, body) in enumerate(zip(stamps, bodies, strict=True))
    ]
    beats = [Record("p", 0, stamp, RecordKind.HEARTBEAT, b"") for stamp in stamps[::40]]
    end = Record("p", 0, 0, RecordKind.END, b"")
    return [*sorted(records + beats, key=lambda record: record.stamp_ns), end]


@pytest.mark.parametrize("batch", [1, 2, 7, 1000])
def test_the_observer_says_the_same_however_records_come_together(batch, monkeypatch):
    # Days are short, so the table is renewed within runs and codes go stale; and its room is small.
    monkeypatch.setattr("optimizer.observe.partition.DAY_NS", 20 * 10**9)
    limits = KeyLimits(routes=8, arms=3, keys=20)
    records, rules = some_records(), StreamRules(disorder_ns=5 * 10**9, keys=limits)
    one_by_one = an_observer(rules)
    expected = [repr(target) for record in records for target in one_by_one.take(record)]
    together = an_observer(rules)
    found = [
        repr(target)
        for start in range(0, len(records), batch)
        for target in together.take_all(records[start : start + batch])
    ]
    assert found == expected
    assert together.partition.counts == one_by_one.partition.counts
    assert together.partition.counts["counted"] > 300
    assert together.partition.counts["pooled"] > 100
    assert together.partition.table.keys == one_by_one.partition.table.keys
