"""The sections about what other systems tell: anomalies."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.settings.kinds import Number, Text
from optimizer.settings.knobs import knob


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelSettings:
    """Anomalies that LLM-Sentinel notices."""

    expiry_secs: int = field(
        default=900,
        metadata=knob(
            "How long an anomaly holds after it was last noticed; nobody says that it is over",
            Number(least=120, most=86_400, whole=True),
            unit="s",
        ),
    )
    webhook_key: str | None = field(
        default=None,
        repr=False,
        metadata=knob(
            "Secret that signs webhooks; where set, anomalies that it does not sign are refused",
            Text(),
            null=True,
            secret=True,
        ),
    )
