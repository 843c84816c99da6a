"""What gateways report, and what a route makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.act.acting import call_back, revert
from optimizer.act.advancing import reissue
from optimizer.events import ReportOutcome
from optimizer.findings import Finding, Severity, remark
from optimizer.rollouts import Phase
from optimizer.summaries import instant

if TYPE_CHECKING:
    from optimizer.act.acting import Acting
    from optimizer.act.advancing import Said
    from optimizer.events import Report

# Half of what a document can be numbered: to follow a revision to the very end would leave none
# for what comes after, not even to go back.
MOST_FOLLOWED = 1 << 30


def hear(
    acting: Acting, report: Report, at_ns: int, *, is_pinned: bool = False
) -> tuple[Acting, list[Said]]:
    """Take what an actuator reports.

    A greater revision than ours that somebody holds is never fought for: what should be in force
    is said again above it, unless that is beyond `MOST_FOLLOWED`: whoever wrote it must take it
    away. A smaller one the actuator overwrites by itself.

    Args:
        acting: As it stands.
        report: The report.
        at_ns: When it takes effect, nanoseconds since the epoch.
        is_pinned: A person wants what is in force to stay, whatever becomes of it.
    """
    match report.outcome:
        case ReportOutcome.MODEL_GONE:
            return _lose(acting, report, at_ns, is_pinned=is_pinned)
        case ReportOutcome.FAILED if report.revision == acting.revision:
            who = f"the gateway {report.gateway}".rstrip()
            why = f"{who} refused it: {report.detail}"
            if acting.rollout is None:
                return acting, [_finding(report, at_ns, "document_refused", why)]
            return call_back(acting, at_ns, why, failed=True)
        case ReportOutcome.SEEN | ReportOutcome.CONFLICT if (
            acting.revision < report.revision <= MOST_FOLLOWED
        ):
            return _rise(replace(acting, floor=max(acting.floor, report.revision)), at_ns)
        case ReportOutcome.CONFLICT if report.revision == acting.revision:
            return _rise(acting, at_ns)
        case _:
            return acting, []


def _rise(acting: Acting, at_ns: int) -> tuple[Acting, list[Said]]:
    """Say the document in force again, above what was found."""
    if acting.document is None:
        return acting, []
    revision = acting.next_revision
    if acting.rollout is not None:
        rollout = reissue(acting.rollout, at_ns, revision)
        return replace(acting, rollout=rollout, document=rollout.document), [rollout.document]
    document = replace(acting.document, revision=revision, created_at=instant(at_ns))
    kept = (*acting.known_good[:-1], replace(acting.known_good[-1], revision=revision))
    undoing = acting.undoing and replace(acting.undoing, document=document)
    acting = replace(acting, document=document, known_good=kept, undoing=undoing)
    return acting, [document]


def _lose(
    acting: Acting, report: Report, at_ns: int, *, is_pinned: bool
) -> tuple[Acting, list[Said]]:
    """Note that an arm's model is served no more; whoever relies on it goes back."""
    acting = replace(acting, gone=tuple(sorted({*acting.gone, report.arm})))
    why = f"the model of {report.arm} is gone: {report.detail}"
    if acting.rollout is not None:
        return call_back(acting, at_ns, why) if _relies(acting, report.arm) else (acting, [])
    if acting.document is None or acting.document.incumbent != report.arm:
        return acting, []
    acting, said = (acting, []) if is_pinned else revert(acting, at_ns, "model_gone", why)
    return acting, said or [_finding(report, at_ns, "model_gone", why)]


def _relies(acting: Acting, arm: str) -> bool:
    """Tell whether a rollout cannot go on without an arm, and there is what to go back to."""
    rollout = acting.rollout
    if rollout is None or arm == rollout.candidate.id:
        return rollout is not None
    served = any(one.incumbent not in acting.gone for one in acting.known_good)
    return rollout.phase is Phase.ROLLING_OUT and served


def _finding(report: Report, at_ns: int, rule: str, why: str) -> Finding:
    """Say what nobody here can mend: a person has to look."""
    return remark(
        (report.route, report.arm, rule),
        instant(at_ns),
        f"Revision {report.revision} cannot be served as it is",
        f"{why[:1].upper()}{why[1:]}.",
        severity=Severity.CRITICAL,
    )
