"""How event time is read, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.observe.keys import KeyLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """How event time is read.

    Attributes:
        disorder_ns: How much earlier than the greatest time seen a call may still end.
        skew_ns: How much later than its record's stamp a call may end.
        dedupe_ns: How long the ids of sealed panes are remembered.
        findable: How many calls of a pane scores can find.
        alert_ns: How long an alert holds.
        keys: How many names are told apart.
    """

    disorder_ns: int = 15_000_000_000
    skew_ns: int = 30_000_000_000
    dedupe_ns: int = 120_000_000_000
    findable: int = 0
    alert_ns: int = 900_000_000_000
    keys: KeyLimits = field(default_factory=KeyLimits)
