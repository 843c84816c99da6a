"""The life of findings: one incident is one finding, however often its signs come and go.

A finding opens with the first sign. It is said again when it gets worse. It closes when its
condition has been clearly gone for a while, or when there is nothing left to judge it by. A window
that reaches back before the close of a finding does not open another of the same rule: what it
shows may be what is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from optimizer.findings import ClosedFinding, Finding, FindingStatus, Magnitude, OpenFinding
from optimizer.orient.signs import Truth
from optimizer.statistics.rounding import rounded
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from optimizer.orient.signs import Sign

LONGEST_WINDOW = timedelta(hours=1)
UNJUDGED = timedelta(hours=24)  # a finding whose rule had nothing to judge for so long is closed


class Watched(NamedTuple):
    """The findings of a route: those open, and those closed within the hour."""

    open: tuple[OpenFinding, ...] = ()
    closed: tuple[ClosedFinding, ...] = ()


def follow(
    route: str,
    watched: Watched,
    signs: Sequence[Sign],
    at: datetime,
    is_gone: Callable[[str], bool],
) -> tuple[Watched, tuple[Finding, ...]]:
    """Let the findings of a route live through one minute.

    Args:
        route: The route.
        watched: Its findings.
        signs: What its analyzers say.
        at: The end of the minute.
        is_gone: Tells of an arm whether it had no call for long.

    Returns:
        Its findings then, and what there is to say of them.
    """
    if not signs and not watched.open and not watched.closed:
        return watched, ()
    lately = [one for one in watched.closed if at - one.until < LONGEST_WINDOW]
    ends = {(one.rule, one.arm): one.until for one in lately}
    now: dict[tuple[str, str], OpenFinding] = {(one.rule, one.arm): one for one in watched.open}
    said = []
    for key, sign in _strongest(signs, ends).items():
        before = now.pop(key, None)
        after = _next(before, sign, at)
        if after is not None:
            now[key] = after
            if before is None or before.severity is not after.severity:
                said.append(_said(route, after, sign, None))
        elif before is not None:
            said.append(_said(route, before, sign, at))
    for key, finding in list(now.items()):
        reason = _abandoned(finding, at, is_gone)
        if reason:
            said.append(_closed_unjudged(route, now.pop(key), at, reason))
    lately += [ClosedFinding(rule=one.rule, arm=one.arm, until=at) for one in said if one.until]
    return Watched(tuple(now.values()), tuple(lately)), tuple(said)


def _strongest(
    signs: Iterable[Sign], ends: Mapping[tuple[str, str], datetime]
) -> dict[tuple[str, str], Sign]:
    """Keep one sign of each rule and arm: the worst that is on, else unsure, else off."""
    strongest: dict[tuple[str, str], Sign] = {}
    for sign in signs:
        key = (sign.rule, sign.arm)
        if sign.evidence.window and key in ends and sign.evidence.start < ends[key]:
            continue
        if key not in strongest or _strength(sign) > _strength(strongest[key]):
            strongest[key] = sign
    return strongest


def _strength(sign: Sign) -> tuple[int, int]:
    order = (Truth.OFF, Truth.UNSURE, Truth.ON).index(sign.truth)
    return order, sign.severity.rank


def _next(finding: OpenFinding | None, sign: Sign, at: datetime) -> OpenFinding | None:
    """Give the finding after a sign; None when it closes."""
    if sign.truth is Truth.ON:
        return _opened_or_seen(finding, sign, at)
    if finding is None or sign.truth is Truth.UNSURE:
        return finding and replace(finding, off=None)
    # A tumbling window was off from its start on; a sliding one is mostly the one before it.
    sliding = sign.evidence.window is WindowKind.SLIDING
    off = finding.off or (at if sliding else max(finding.seen, sign.evidence.start))
    if at - off >= timedelta(minutes=finding.hold_minutes):
        return None
    return finding if finding.off else replace(finding, off=off)


def _opened_or_seen(finding: OpenFinding | None, sign: Sign, at: datetime) -> OpenFinding:
    seen = OpenFinding(
        rule=sign.rule,
        arm=sign.arm,
        severity=sign.severity,
        since=sign.since or at,
        seen=at,
        hold_minutes=sign.hold_minutes,
        value=sign.magnitude.value,
        reference=sign.magnitude.reference,
        unit=sign.magnitude.unit,
    )
    if finding is None:
        return seen
    worst = max(finding.severity, sign.severity, key=lambda severity: severity.rank)
    return replace(seen, since=finding.since, severity=worst)


def _said(route: str, finding: OpenFinding, sign: Sign, until: datetime | None) -> Finding:
    return Finding(
        id=finding.id_on(route),
        route=route,
        arm=finding.arm,
        rule=finding.rule,
        severity=finding.severity,
        status=FindingStatus.CLOSED if until else FindingStatus.OPEN,
        since=finding.since,
        seen=finding.seen,
        until=until,
        magnitude=sign.magnitude,
        confidence=rounded(sign.confidence),
        evidence=(sign.evidence,),
        title=f"{_over(finding, until)}: {sign.title}" if until else sign.title,
        detail=sign.detail,
    )


def _over(finding: OpenFinding, at: datetime) -> str:
    return f"Over after {(at - finding.since) // timedelta(minutes=1)} min"


def _abandoned(finding: OpenFinding, at: datetime, is_gone: Callable[[str], bool]) -> str:
    """Say why a finding can no longer be judged; `""` while it can."""
    if finding.arm and is_gone(finding.arm):
        return "its arm had no call for an hour"
    if at - (finding.off or finding.seen) >= UNJUDGED:
        return "nothing told for a day whether it is still so"
    return ""


def _closed_unjudged(route: str, finding: OpenFinding, at: datetime, reason: str) -> Finding:
    ratio = finding.value / finding.reference if finding.reference else 0.0
    return Finding(
        id=finding.id_on(route),
        route=route,
        arm=finding.arm,
        rule=finding.rule,
        severity=finding.severity,
        status=FindingStatus.CLOSED,
        since=finding.since,
        seen=finding.seen,
        until=at,
        magnitude=Magnitude(
            value=finding.value,
            reference=finding.reference,
            ratio=rounded(ratio),
            unit=finding.unit,
        ),
        confidence=0.0,
        title=f"{_over(finding, at)}: {reason}",
        detail=f"{finding.rule} was last seen at {finding.seen:%Y-%m-%d %H:%M} UTC; {reason}.",
    )
