"""Anomalies from outside through the whole job: recorded, decoded, opened, closed, counted."""

from __future__ import annotations

import json
import random
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from bytewax.inputs import AbortExecution

from connectors.dead_letters.letters import Wanted
from connectors.dead_letters.replaying import as_they_came
from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from connectors.publisher import FINDINGS
from connectors.recordings import RecordingWriter
from dataflows.ingest import RecordingSource
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import validate
from tests.builders import minutes_later
from tests.connectors.sentinel_shapes import ALERT, ALL_IS_WELL, ANOMALY, as_bytes, wrapped
from tests.dataflows.the_job import Kept, run, source_of
from tests.settings_probes.telemetry import a_request, a_span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CALLS, ANOMALIES = "spans/0", "sentinel.anomalies/0"
SETTINGS = validate({"input": {"tenant": "acme"}, "sentinel": {"expiry_secs": 300}})
LENGTH = 25  # minutes


def ns(minute: float) -> int:
    return int(minutes_later(minute).timestamp()) * 1_000_000_000


def calls() -> list[Record]:
    """Two routes of the service `shop`, a call of each every ten seconds."""
    records = []
    for number in range(LENGTH * 6):
        spans = [
            a_span(2 * number + side, 10 * number, **{"llm.optimizer.route": route})
            for side, route in enumerate(("answer", "ask"), start=1)
        ]
        body = a_request(*spans)
        records.append(Record(CALLS, number, ns(number / 6), RecordKind.OTLP, body))
    return records


def anomaly(minute: float, event_id: str, **changes: Any) -> dict[str, Any]:
    at = minutes_later(minute).isoformat()
    return ANOMALY | {"alert_id": event_id, "timestamp": at, "service_name": "shop"} | changes


def told() -> list[tuple[float, Any]]:
    """What Sentinel tells, by the minute at which it arrives."""
    return [
        (3.4, anomaly(3.3, "a")),
        (4.1, ALL_IS_WELL),
        (5.5, wrapped(anomaly(5.4, "b", severity="critical"))),
        (5.6, anomaly(5.4, "b", severity="critical")),
        (6.0, {"nobody": "reads this"}),
        (7.2, anomaly(7.1, "c", service_name="billing", anomaly_type={"custom": "odd bill"})),
        (8.0, anomaly(9.9, "from the future")),
        (12.5, ALERT | {"anomaly": anomaly(9.0, "late", anomaly_type="cost_anomaly")}),
        (13.0, anomaly(2.0, "over")),
    ]


def anomalies() -> list[Record]:
    """What Sentinel tells, with a heartbeat whenever its topic has been read to the end."""
    records = []
    for minute, content in told():
        body = b"" if content is None else as_bytes(content)
        records.append(Record(ANOMALIES, 0, ns(minute), RecordKind.EVENT, body))
    beats = [Record(ANOMALIES, 0, ns(one), RecordKind.HEARTBEAT, b"") for one in range(LENGTH)]
    ordered = sorted((*records, *beats), key=lambda record: record.stamp_ns)
    return [record._replace(offset=offset) for offset, record in enumerate(ordered)]


def merged(rng: random.Random | None) -> list[Record]:
    """Both partitions in one order or another; None for the order of their stamps."""
    rest = [calls(), anomalies()]
    if rng is None:
        return sorted((*rest[0], *rest[1]), key=lambda record: record.stamp_ns)
    records = []
    while any(rest):
        side = rng.choice([one for one in rest if one])
        taken = rng.randrange(1, 40)
        records += side[:taken]
        del side[:taken]
    return records


def recorded(folder: Path, records: Sequence[Record]) -> Path:
    with RecordingWriter(folder, [CALLS, ANOMALIES]) as writer:
        for record in records:
            writer.append(record)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("alerts") / "recording", merged(None))


@pytest.fixture(scope="module")
def whole(folder: Path) -> Kept:
    return run(source_of(folder, batch=1), SETTINGS)


def findings(kept: Kept) -> list[bytes]:
    return sorted(kept.said()[FINDINGS])


def test_anomalies_open_findings_on_the_routes_they_concern_and_expire(whole: Kept) -> None:
    told = [
        (one.route, one.rule.removeprefix("external_"), one.severity, f"{one.status}", minute(one))
        for one in whole.outputs
        if isinstance(one, Finding)
    ]
    shop = [
        ("latency_spike", "error", "open", 4),
        ("latency_spike", "critical", "open", 6),
        ("latency_spike", "critical", "closed", 11),
        ("cost_anomaly", "error", "open", 12),  # it came at 12:30, when its topic was read to 11:45
        ("cost_anomaly", "error", "closed", 14),
    ]
    wanted = [(f"acme/shop/{route}", *one) for route in ("answer", "ask") for one in shop]
    wanted += [
        ("acme/billing/default", "odd_bill", "error", "open", 8),
        ("acme/billing/default", "odd_bill", "error", "closed", 13),
    ]
    assert sorted(told) == sorted(wanted)


def minute(finding: Finding) -> float:
    """Minutes from the start until it was said."""
    return ((finding.until or finding.seen) - minutes_later(0)).total_seconds() / 60


def test_every_event_is_accounted_for(whole: Kept) -> None:
    counts = whole.ledgers()[ANOMALIES]
    assert counts["events"] == len(told()) == 9
    outcomes = {
        "alerts": 5,  # one of them twice; only the state of a route knows that
        "alerts_expired": 1,
        "other_events": 1,
        "dead:unknown_event": 1,
        "dead:future_timestamp": 1,
    }
    assert {name: counts[name] for name in outcomes} == outcomes
    assert sum(outcomes.values()) == counts["events"]


def test_what_was_set_aside_is_a_record_that_can_be_read_again(whole: Kept) -> None:
    letters = whole.dead.bodies(whole.dead.find(Wanted()))
    (unknown, ahead) = as_they_came(letters)
    assert json.loads(unknown.body) == {"nobody": "reads this"}
    later = ahead._replace(stamp_ns=ns(10))
    decoded = RecordDecoder(SETTINGS, open_prices(SETTINGS.prices), ANOMALIES).decode(
        later, KeyTable()
    )
    assert [event.id for event in decoded.events] == ["from the future"]


@pytest.mark.parametrize("seed", range(3))
def test_the_interleaving_of_partitions_changes_nothing(
    seed: int, whole: Kept, tmp_path: Path
) -> None:
    mixed = recorded(tmp_path / "recording", merged(random.Random(seed)))
    kept = run(source_of(mixed, batch=random.Random(seed).choice([1, 7, 500])), SETTINGS)
    assert findings(kept) == findings(whole)
    assert kept.ledgers() == whole.ledgers()


def test_crashes_between_an_alert_and_its_end_change_nothing(
    folder: Path, whole: Kept, tmp_path: Path
) -> None:
    settings = validate(
        {
            "input": {"tenant": "acme"},
            "sentinel": {"expiry_secs": 300},
            "recovery": {"interval_secs": 0},
        }
    )
    kept = Kept()
    for crashes in (20, 12, 7, 10_000):
        asked = count()

        def crash(asked: count[int] = asked, crashes: int = crashes) -> bool:
            if next(asked) == crashes:
                raise AbortExecution
            return False

        source: RecordingSource = source_of(folder, batch=3, stop=crash)
        run(source, settings, kept, tmp_path / "recovery")
    assert findings(kept) == findings(whole)
    assert kept.ledgers() == whole.ledgers()
