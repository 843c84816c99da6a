"""Keys about what other systems tell: anomalies through the whole job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.codecs import to_json
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from tests.builders import an_alert, minutes_later
from tests.connectors.sentinel_shapes import WEBHOOK, as_bytes, signed
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import PARTITION, Traffic, counts_of, minutes, outputs_of

if TYPE_CHECKING:
    from optimizer.settings import Settings


def refused_signatures(settings: Settings) -> int:
    """Count the webhooks whose signature is wrong; there is one, signed with `one`."""
    before, after = minutes(0, 2, Traffic(calls=1))
    body = as_bytes(signed(WEBHOOK, "one"))
    event = Record(PARTITION, 0, before.stamp_ns, RecordKind.EVENT, body)
    return counts_of(settings, [before, event, after])["dead:bad_signature"]


def minutes_open(settings: Settings) -> float:
    """Tell how long an anomaly that was noticed once is held open."""
    records = minutes(0, 30, Traffic(calls=1))
    alert = an_alert(timestamp=minutes_later(1.5))
    event = Record(PARTITION, 0, records[1].stamp_ns, RecordKind.EVENT, to_json(alert))
    outputs = outputs_of(settings, [*records[:2], event, *records[2:]])
    findings = [each for each in outputs if isinstance(each, Finding)]
    opened, closed = [each for each in findings if each.rule == "external_latency_spike"]
    return (closed.until - opened.seen).total_seconds() / 60


OWNED = {"input": {"tenant": "acme"}}

PROBES = (
    Probe("sentinel.webhook_key", ("one", "other"), refused_signatures, (0, 1)),
    Probe("sentinel.expiry_secs", (300, 900), minutes_open, (5, 15), OWNED),
)
