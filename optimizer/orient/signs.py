"""What analyzers look at in one step, what they remember and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from optimizer.findings import Evidence, Magnitude, Severity
from optimizer.orient.baselines import Baseline
from optimizer.orient.flow import Flow

if TYPE_CHECKING:
    from optimizer.findings import OpenFinding
    from optimizer.orient.alerts import Standing
    from optimizer.settings import Thresholds
    from optimizer.windows import WindowKind, WindowSummary

FREEZE_MINUTES = 24 * 60  # after a finding was open so long, what it found is the usual level


class Truth(Enum):
    """Whether what a rule looks for is there."""

    ON = "on"
    UNSURE = "unsure"  # neither clearly there nor clearly gone
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a rule says of an arm, or of the whole route, at this minute.

    Nothing is said while nothing is wrong: OFF and UNSURE are signs about open findings only.

    Attributes:
        rule: The rule.
        arm: The arm; `""` for the route.
        truth: Whether it is so.
        severity: How bad, while it is so.
        magnitude: How large.
        confidence: How sure, in [0, 1).
        evidence: The measurement.
        hold_minutes: How long it must be OFF before the finding closes.
        title: One line in plain words.
        detail: The numbers in plain words.
        since: Since when it is so, where that is known better than by when it was seen.
    """

    rule: str
    arm: str
    truth: Truth
    severity: Severity = Severity.INFO
    magnitude: Magnitude
    confidence: float
    evidence: Evidence
    hold_minutes: int
    title: str
    detail: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one analyzer remembers of one route, in plain values.

    Attributes:
        baselines: Usual levels, by arm.
        flow: The route's traffic.
        numbers: Anything else it counts; what they are, the analyzer knows.
    """

    baselines: dict[str, Baseline] = field(default_factory=dict)
    flow: Flow | None = None
    numbers: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A route at the end of a minute.

    Attributes:
        at: The end of the minute, aware UTC.
        minute: The same, whole minutes since the epoch.
        thresholds: The route's.
        windows: What closed at that instant, by kind and arm, revisions pooled.
        open: Findings that are open, by rule and arm.
        alerts: Alerts of other systems that hold, the oldest first.
    """

    at: datetime
    minute: int
    thresholds: Thresholds
    windows: Mapping[WindowKind, Mapping[str, WindowSummary]]
    open: Mapping[tuple[str, str], OpenFinding]
    alerts: tuple[Standing, ...] = ()

    def freezes(self, rule: str, arm: str) -> bool:
        """Tell whether an open finding keeps what is now from becoming the usual level."""
        finding = self.open.get((rule, arm))
        return finding is not None and self.age_minutes(finding) < FREEZE_MINUTES

    def age_minutes(self, finding: OpenFinding) -> float:
        """Give how long a finding has been open."""
        return (self.at - finding.since).total_seconds() / 60


class Analyzer(Protocol):
    """Looks at one side of a route; a new one is a new file and a line in `orient/__init__.py`."""

    name: str

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Remember a minute and say what is wrong; the same memory when nothing is new."""
