"""The life of findings: one incident is one finding, however often its signs come and go.

A finding opens with the first sign. It is said again when it gets worse. It closes when its
condition has been clearly gone for a while, or when there is nothing left to judge it by.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from optimizer.findings import Finding, FindingStatus, Magnitude, OpenFinding
from optimizer.orient.signs import Truth
from optimizer.statistics.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from optimizer.orient.signs import Sign

UNJUDGED = timedelta(hours=24)  # a finding whose rule had nothing to judge for so long is closed


class Followed(NamedTuple):
    """What is open now, by rule and arm, and what there is to say."""

    open: Mapping[tuple[str, str], OpenFinding]
    said: tuple[Finding, ...]


def follow(
    route: str,
    known: Mapping[tuple[str, str], OpenFinding],
    signs: Iterable[Sign],
    at: datetime,
    is_gone: Callable[[str], bool],
) -> Followed:
    """Let the findings of a route live through one minute.

    Args:
        route: The route.
        known: What is open, by rule and arm.
        signs: What its analyzers say.
        at: The end of the minute.
        is_gone: Tells of an arm whether it had no call for long.
    """
    signs = tuple(signs)
    if not signs and not known:
        return Followed(known, ())
    now = dict(known)
    said: list[Finding] = []
    for key, sign in _strongest(signs).items():
        finding = _next(now.get(key), sign, at)
        if finding is None or (key not in known or finding.severity is not known[key].severity):
            said.append(_said(route, finding or known[key], sign, at, closed=finding is None))
        if finding is None:
            del now[key]
        else:
            now[key] = finding
    for key in [key for key in now if key in known]:
        reason = _abandoned(now[key], at, is_gone)
        if reason:
            said.append(_closed_unjudged(route, now.pop(key), at, reason))
    return Followed(now, tuple(said))


def _strongest(signs: Iterable[Sign]) -> dict[tuple[str, str], Sign]:
    """Keep one sign of each rule and arm: the worst that is on, else unsure, else off."""
    strongest: dict[tuple[str, str], Sign] = {}
    for sign in signs:
        key = (sign.rule, sign.arm)
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
    # An off window that began after the finding was last seen was off from its start.
    off = finding.off or max(finding.seen, sign.evidence.start)
    if at - off >= timedelta(minutes=finding.hold_minutes):
        return None
    return finding if finding.off else replace(finding, off=off)


def _opened_or_seen(finding: OpenFinding | None, sign: Sign, at: datetime) -> OpenFinding:
    seen = OpenFinding(
        rule=sign.rule,
        arm=sign.arm,
        severity=sign.severity,
        since=at,
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


def _said(route: str, finding: OpenFinding, sign: Sign, at: datetime, *, closed: bool) -> Finding:
    return Finding(
        id=finding.id_on(route),
        route=route,
        arm=finding.arm,
        rule=finding.rule,
        severity=finding.severity,
        status=FindingStatus.CLOSED if closed else FindingStatus.OPEN,
        since=finding.since,
        seen=finding.seen,
        until=at if closed else None,
        magnitude=sign.magnitude,
        confidence=rounded(sign.confidence),
        evidence=(sign.evidence,),
        title=f"{_over(finding, at)}: {sign.title}" if closed else sign.title,
        detail=sign.detail,
    )


def _over(finding: OpenFinding, at: datetime) -> str:
    return f"Over after {(at - finding.since) // timedelta(minutes=1)} min"


def _abandoned(finding: OpenFinding, at: datetime, is_gone: Callable[[str], bool]) -> str:
    """Say why a finding can no longer be judged; `""` while it can."""
    if finding.arm and is_gone(finding.arm):
        return "its arm had no call for an hour"
    if at - finding.seen >= UNJUDGED and finding.off is None:
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
