"""After a change was undone: does telemetry show that it is?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optimizer.decisions import (
    ActualImpact,
    DecisionStatus,
    OptimizationDecision,
    complete,
    transition,
)
from optimizer.documents import Document
from optimizer.findings import Finding, FindingStatus, Magnitude, Severity, finding_id
from optimizer.panes import AT
from optimizer.rollouts import Phase, RolloutProgress
from optimizer.summaries import instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from optimizer.rollouts import Rows, Tick

SECOND_NS = 1_000_000_000
SETTLED_CALLS = 20  # of the old arm, and so long none of the candidate
QUIET_NS = 60 * SECOND_NS
PATIENCE_NS = 600 * SECOND_NS  # after which a candidate that still serves is told of
MOST_NS = 86_400 * SECOND_NS  # without any call nobody waits longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """A change that was undone, until telemetry shows it; plain values, so that it can be stored.

    Attributes:
        decision: Whose change it was, or the decision that undid it.
        document: What was put back.
        candidate: The arm that should serve no more.
        began_ns: Since when.
        told: What was told last of the rollout; None when there was none.
        settled_calls: Calls of the arm that was put back, by the document that put it back.
        stray_ns: When the candidate, or an older document, was last seen to serve; -1 for never.
        told_ns: When it was said that the candidate still serves; -1 for never.
    """

    decision: OptimizationDecision
    document: Document
    candidate: str
    began_ns: int
    told: RolloutProgress | None = None
    settled_calls: int = 0
    stray_ns: int = -1
    told_ns: int = -1


Said = OptimizationDecision | RolloutProgress | Finding


def look_after(undone: Undoing, tick: Tick) -> tuple[Undoing | None, list[Said]]:
    """Look at ten seconds of a route whose change was undone.

    Returns:
        What is known now, None when it is seen to be undone or nobody calls any more; and what
        to say.
    """
    strays = _calls(tick.rows, lambda arm, _: arm == undone.candidate)
    # A candidate with few slots is quiet for a while also where nobody follows what was put back.
    outdated = _calls(tick.rows, lambda _, revision: 0 < revision < undone.document.revision)
    settled = (undone.document.incumbent, undone.document.revision)
    undone = replace(
        undone,
        settled_calls=undone.settled_calls + _calls(tick.rows, lambda *name: name == settled),
        stray_ns=tick.end_ns if strays or outdated else undone.stray_ns,
    )
    since_ns = max(undone.stray_ns, undone.began_ns)
    waited_ns = tick.end_ns - undone.began_ns
    if undone.settled_calls >= SETTLED_CALLS and tick.end_ns - since_ns >= QUIET_NS:
        return None, [*_ended(undone, tick), _seen(undone, tick), *_closed(undone, tick)]
    if waited_ns >= MOST_NS:
        return None, _ended(undone, tick)
    if strays and undone.told_ns < 0 and waited_ns >= PATIENCE_NS:
        undone = replace(undone, told_ns=tick.end_ns)
        return undone, [_not_seen(undone, tick)]
    return undone, []


def cut_short(undone: Undoing | None, at: datetime, why: str) -> list[Said]:
    """End what was undone where something else has to be put back before that was seen."""
    if undone is None:
        return []
    said: list[Said] = []
    if undone.decision.status is DecisionStatus.MONITORING:
        said.append(transition(undone.decision, DecisionStatus.ROLLED_BACK, at, why))
    if undone.told is not None:
        said.append(replace(undone.told, at=at, phase=Phase.ENDED))
    return said


def _ended(undone: Undoing, tick: Tick) -> list[Said]:
    """End what is left to end: a decision that undid something has done it."""
    at = instant(tick.end_ns)
    said: list[Said] = []
    if undone.decision.status is DecisionStatus.MONITORING:
        impact = ActualImpact(
            requests_affected=undone.settled_calls,
            measured_from=instant(undone.began_ns),
            measured_until=at,
        )
        said.append(complete(undone.decision, impact, at, "seen in telemetry"))
    if undone.told is not None:
        said.append(replace(undone.told, at=at, phase=Phase.ENDED))
    return said


def _calls(rows: Rows | None, is_mine: Callable[[str, int], bool]) -> int:
    """Count the calls of some arms and revisions."""
    if rows is None:
        return 0
    mine = [row for row, name in enumerate(rows.names) if is_mine(*name)]
    return int(rows.sums[mine, AT["calls"]].sum())


def _seen(undone: Undoing, tick: Tick) -> Finding:
    document, at = undone.document, instant(tick.end_ns)
    return Finding(
        id=finding_id(document.route, undone.candidate, "rollback_seen", at),
        route=document.route,
        arm=undone.candidate,
        rule="rollback_seen",
        severity=Severity.INFO,
        status=FindingStatus.CLOSED,
        since=instant(undone.began_ns),
        seen=at,
        until=at,
        magnitude=_after(undone, tick),
        confidence=0.0,
        title=f"{document.incumbent} serves all again",
        detail=f"No call of {undone.candidate} for {QUIET_NS // SECOND_NS} s; "
        f"revision {document.revision} is in force.",
    )


def _not_seen(undone: Undoing, tick: Tick) -> Finding:
    document, since, at = undone.document, instant(undone.told_ns), instant(tick.end_ns)
    return Finding(
        id=finding_id(document.route, undone.candidate, "rollback_not_seen", since),
        route=document.route,
        arm=undone.candidate,
        rule="rollback_not_seen",
        severity=Severity.CRITICAL,
        status=FindingStatus.OPEN,
        since=since,
        seen=at,
        magnitude=_after(undone, tick),
        confidence=0.0,
        title=f"{undone.candidate} still serves after it was undone",
        detail=f"Look whether all gateways follow revision {document.revision}.",
    )


def _closed(undone: Undoing, tick: Tick) -> list[Finding]:
    """Close what was said of a candidate that still served."""
    if undone.told_ns < 0:
        return []
    until = instant(tick.end_ns)
    return [replace(_not_seen(undone, tick), status=FindingStatus.CLOSED, until=until)]


def _after(undone: Undoing, tick: Tick) -> Magnitude:
    secs = (tick.end_ns - undone.began_ns) / SECOND_NS
    return Magnitude(value=secs, reference=0.0, ratio=0.0, unit="s")
