"""What an analyzer concluded: what is wrong with a route, since when, how large, how sure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from optimizer.windows import WindowKind

NAMESPACE = uuid.UUID("7d5c1c2e-3f0a-5b7e-9a41-6b1d0c0f6e52")


class Severity(StrEnum):
    """How bad it is, in rising order (the contract's values)."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Place in the rising order, from 0."""
        return _RANKS[self]

    @property
    def pages(self) -> bool:
        """It is bad enough to wake a person."""
        return self.rank >= _RANKS[Severity.ERROR]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class FindingStatus(StrEnum):
    """Whether it is still so."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Magnitude:
    """How large it is.

    Attributes:
        value: What was measured.
        reference: The limit it broke, or the usual level it left.
        ratio: `value / reference`; 0 where the reference is 0.
        unit: Of both, such as `ms`, `USD`, `share`, `calls/min`, `score`.
    """

    value: float
    reference: float
    ratio: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measurement that a finding rests on.

    Attributes:
        metric: What was measured.
        value: The measurement.
        reference: What it was compared with.
        n: How many calls, scores or minutes it rests on.
        window: Kind of the window; None where the measure is not one window's.
        start: First instant measured.
        end: First instant after.
    """

    metric: str
    value: float
    reference: float
    n: int
    window: WindowKind | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an analyzer concluded about a route or one of its arms.

    It is said when it opens, whenever its severity rises, and when it closes; `id` stays the same.

    Attributes:
        id: UUIDv5 of route, arm, rule and the instant it opened.
        route: `tenant/service/route`.
        arm: The arm; `""` when it concerns the whole route.
        rule: What broke: a constant name, such as `latency_threshold`.
        severity: The worst it has been.
        status: Open or closed.
        since: When it was first concluded.
        seen: When it was last true.
        until: When it closed; None while open.
        magnitude: How large.
        confidence: How sure, in [0, 1).
        evidence: The measurements.
        title: One line in plain words.
        detail: The numbers in plain words.
    """

    id: str
    route: str
    arm: str
    rule: str
    severity: Severity
    status: FindingStatus
    since: datetime
    seen: datetime
    until: datetime | None = None
    magnitude: Magnitude
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    title: str
    detail: str


def remark(
    about: tuple[str, str, str],
    at: datetime,
    title: str,
    detail: str,
    *,
    key: str = "",
    severity: Severity = Severity.INFO,
) -> Finding:
    """Say something of one instant: nothing was measured, and it is over as soon as it is said.

    Args:
        about: Route, arm (`""` for the whole route) and rule.
        at: The instant, aware UTC.
        title: One line in plain words.
        detail: More of them.
        key: What its id is derived from instead of the arm, such as the event it answers.
        severity: How bad.
    """
    route, arm, rule = about
    return Finding(
        id=finding_id(route, key or arm, rule, at),
        route=route,
        arm=arm,
        rule=rule,
        severity=severity,
        status=FindingStatus.CLOSED,
        since=at,
        seen=at,
        until=at,
        magnitude=Magnitude(value=0.0, reference=0.0, ratio=0.0, unit=""),
        confidence=0.0,
        title=title,
        detail=detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFinding:
    """What is remembered of a finding while it is open.

    Attributes:
        rule: Its rule.
        arm: Its arm.
        severity: The worst it has been.
        since: When it opened.
        seen: When it was last true.
        off: Since when it has been clearly untrue; None while it is not.
        hold_minutes: How long it must be clearly untrue before it closes.
        value: What was last measured while it was true.
        reference: What that was compared with.
        unit: Of both.
    """

    rule: str
    arm: str
    severity: Severity
    since: datetime
    seen: datetime
    off: datetime | None = None
    hold_minutes: int = 0
    value: float = 0.0
    reference: float = 0.0
    unit: str = ""

    def id_on(self, route: str) -> str:
        """Give the finding's id."""
        return finding_id(route, self.arm, self.rule, self.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedFinding:
    """What is remembered of a finding for an hour after it closed.

    Attributes:
        rule: Its rule.
        arm: Its arm.
        until: When it closed.
    """

    rule: str
    arm: str
    until: datetime


def finding_id(route: str, arm: str, rule: str, since: datetime) -> str:
    """Derive a finding's id from what it is and the instant it opened (aware UTC)."""
    return str(uuid.uuid5(NAMESPACE, "\n".join((route, arm, rule, since.isoformat()))))
