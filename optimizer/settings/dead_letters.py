"""The section `dead_letters`: how long what could not be used is kept, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Number
from optimizer.settings.knobs import knob


class LetterBytes(StrEnum):
    """What is kept of a dead letter's bytes."""

    KEEP = "keep"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSettings:
    """What is kept of records that could not be used."""

    bytes: LetterBytes = field(
        default=LetterBytes.KEEP,
        metadata=knob(
            "Their bytes, which may hold prompts; none keeps reasons only, nothing to replay",
            Choice(LetterBytes),
        ),
    )
    retention_days: float = field(
        default=7.0,
        metadata=knob(
            "How long they are kept, from their record's stamp", Number(above=0, most=3650),
            unit="days",
        ),
    )  # fmt: skip
    max_mb: float = field(
        default=256.0,
        metadata=knob(
            "Most they may take on the disk; the oldest go first", Number(above=0, most=1e6),
            unit="MB",
        ),
    )  # fmt: skip
