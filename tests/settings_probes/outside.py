"""Keys about what other systems tell: anomalies through the whole job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.observe.columns import Record, RecordKind
from tests.connectors.sentinel_shapes import WEBHOOK, as_bytes, signed
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import PARTITION, Traffic, counts_of, minutes

if TYPE_CHECKING:
    from optimizer.settings import Settings


def refused_signatures(settings: Settings) -> int:
    """Count the webhooks whose signature is wrong; there is one, signed with `one`."""
    before, after = minutes(0, 2, Traffic(calls=1))
    body = as_bytes(signed(WEBHOOK, "one"))
    event = Record(PARTITION, 0, before.stamp_ns, RecordKind.EVENT, body)
    return counts_of(settings, [before, event, after])["dead:bad_signature"]


PROBES = (Probe("sentinel.webhook_key", ("one", "other"), refused_signatures, (0, 1)),)
