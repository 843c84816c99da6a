"""What a rollout is made of: ticks of evidence, verdicts, and how a rollout stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.panes import Ints


class Rows(NamedTuple):
    """Sums of one route's calls with a revision, by arm and revision, sorted by name.

    Attributes:
        names: (rows,) arm and revision of each row.
        sums: (rows, len(panes.SUMS)).
        slots: (lines, 2) row and slot of each line of `slot_sums`.
        slot_sums: (lines, len(panes.SLOT_SUMS)).
        codes: Sketch codes, rising: row << 13 | metric << 11 | bucket (`panes.ROW_SHIFT`).
        counts: How often each code was seen.
    """

    names: tuple[tuple[str, int], ...]
    sums: Ints
    slots: Ints
    slot_sums: Ints
    codes: Ints
    counts: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Ten seconds of a route, complete: the minimum watermark has passed their end.

    Attributes:
        route: `tenant/service/route`.
        end_ns: First instant after them, a multiple of ten seconds.
        rows: What its calls and scores did; None when there were none. Calls that came after their
            own ten seconds were sealed are in the tick in which they came.
        events: Orders and reports that take effect now, in the order of their time.
    """

    route: str
    end_ns: int
    rows: Rows | None = None
    events: tuple[FeedbackEvent, ...] = ()


class VerdictKind(StrEnum):
    """What the evidence of a step says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    PAUSE = "pause"  # both arms are bad: an incident, not a verdict
    NEED_DATA = "need_data"
    INVALID = "invalid"  # traffic is not where it was commanded to be


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at the evidence found.

    Attributes:
        kind: The verdict.
        reason: A short constant name, such as `harm`, `hard_limit`, `hang`, `common_cause`,
            `share_mismatch`, `unverified`, `few_units`, `too_early`, `metrics_open`, `passed`.
        metric: What it is about: `latency`, `ttft`, `cost`, `tokens`, `errors`, `slow`,
            `quality`; `""` for none.
        detail: The figures in plain words.
        calls_needed: How many more calls of the route the slowest open metric needs; None when
            that is not known or nothing is needed.
        until: When these should have come at the present traffic, aware UTC; None likewise.
    """

    kind: VerdictKind
    reason: str
    metric: str = ""
    detail: str = ""
    calls_needed: int | None = None
    until: datetime | None = None


class Phase(StrEnum):
    """Where a rollout stands."""

    ROLLING_OUT = "rolling_out"  # some steps are still to come
    HOLDBACK = "holdback"  # all but the holdback; cooling
    REVERTING = "reverting"  # undone; waiting for telemetry to show it
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutProgress:
    """How a rollout stands, for people: a view, and an event when it changes.

    Attributes:
        route: `tenant/service/route`.
        decision_id: Its decision.
        at: When, aware UTC.
        candidate: The arm that is tried.
        incumbent: The arm it is compared with.
        phase: Where it stands.
        step: Its step, 0 the first.
        share: The candidate's share that the document asks for, 0 to 1.
        revision: The document's revision.
        paused: Held by an order.
        verdict: What the newest look found.
        candidate_calls: Calls of the candidate in this step.
        control_calls: Calls of the incumbent beside them.
    """

    route: str
    decision_id: str
    at: datetime
    candidate: str
    incumbent: str
    phase: Phase
    step: int
    share: float
    revision: int
    paused: bool = False
    verdict: Verdict
    candidate_calls: int = 0
    control_calls: int = 0
