"""What the job says, as lines a person reads, or as JSON lines a program reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.codecs import plain, to_json
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import SLOTS, Document
from optimizer.findings import Finding, FindingStatus
from optimizer.rollouts import Phase, RolloutProgress
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from optimizer.rollouts import Verdict

_TYPES = {
    WindowSummary: "window",
    Finding: "finding",
    OptimizationDecision: "decision",
    Document: "document",
    RolloutProgress: "rollout",
}
_SHORT = 8  # digits of an id: enough for orders


def as_json(output: Any) -> str:
    """Give an output as one line of JSON, its kind under `type`."""
    return to_json({"type": _TYPES[type(output)], **plain(output)}).decode()


def as_line(output: Any) -> str:
    """Give an output as one line of text."""
    match output:
        case WindowSummary():
            return f"{_minute(output.end)}  window    {output.route}  {_window(output)}"
        case Finding():
            at = output.until or output.seen
            return f"{_minute(at)}  FINDING   {output.route}  {_finding(output)}"
        case OptimizationDecision():
            return f"{_minute(output.updated_at)}  DECISION  {output.route}  {_decision(output)}"
        case Document():
            return f"{_minute(output.created_at)}  DOCUMENT  {output.route}  {of_document(output)}"
        case RolloutProgress():
            return f"{_minute(output.at)}  ROLLOUT   {output.route}  {_rollout(output)}"
    return str(output)


def as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give rows under a head, columns aligned."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )


def left_out(shown: int, total: int) -> list[str]:
    """Say that a table has fewer rows than there are, if it has."""
    return [f"the newest {shown:,} of {total:,}: --limit shows more"] if shown < total else []


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _window(summary: WindowSummary) -> str:
    parts = [f"{summary.kind:<3}", f"{summary.arm}", _calls(summary)]
    if summary.latency_p95_ms is not None:
        parts.append(f"p50 {summary.latency_p50_ms:,.0f} ms, p95 {summary.latency_p95_ms:,.0f} ms")
    if summary.calls:
        parts.append(f"{summary.errors / summary.calls:.1%} errors")
    if summary.priced:
        about = "about " if summary.estimated else ""
        parts.append(f"{about}${summary.spend_usd if about else summary.cost_usd:,.2f}")
    if summary.priced < summary.calls:
        parts.append(f"{summary.calls - summary.priced:,} unpriced")
    if summary.score_mean is not None:
        parts.append(f"score {summary.score_mean:.2f} of {summary.scores:,}")
    return "  ".join([*parts, *_reservations(summary)])


def _reservations(summary: WindowSummary) -> Iterator[str]:
    """Say what a window's figures cannot be taken for."""
    if summary.latency_unknown:
        yield f"(latency not told: {summary.latency_unknown})"
    if summary.metered:
        yield f"({summary.metered:,} known from metrics alone)"
    if summary.metered_shadowed:
        yield f"({summary.metered_shadowed:,} more in metrics: spans tell of this route)"
    if summary.biased:
        yield f"({summary.biased:,} of tail-sampled sources: not judged)"
    if summary.partial:
        yield "(cut short by the end)"


def _calls(summary: WindowSummary) -> str:
    seen = f"{summary.calls:,} calls"
    return f"{seen} of about {summary.calls_estimated:,.0f}" if summary.estimated else seen


def _finding(finding: Finding) -> str:
    is_closed = finding.status is FindingStatus.CLOSED
    is_remark = is_closed and finding.until == finding.since
    state = "over" if is_closed and not is_remark else str(finding.severity)
    detail = f". {finding.detail}" if is_remark and finding.detail else ""
    return f"{state}: {finding.title}{detail}"


def _decision(decision: OptimizationDecision) -> str:
    """Say what becomes of a decision; why it was made, when it is."""
    what = f"{decision.id[:_SHORT]} {_standing(decision)}: {_changes(decision)}"
    return f"{what}. {decision.rationale}" if decision.status is DecisionStatus.PENDING else what


def of_decision(decision: OptimizationDecision) -> str:
    """Say where a decision stands, what it changes and why."""
    return f"{_standing(decision)}: {_changes(decision)}. {decision.rationale}"


def _standing(decision: OptimizationDecision) -> str:
    return f"{decision.status} ({decision.reason})" if decision.reason else str(decision.status)


def _changes(decision: OptimizationDecision) -> str:
    return ", ".join(
        f"{change.parameter} {change.old_value} -> {change.new_value}"
        for change in decision.changes
    )


def of_document(document: Document) -> str:
    """Say whose the traffic is to be."""
    shares = ", ".join(f"{one.slots / SLOTS:.1%} {one.arm}" for one in document.allotments)
    lease = "; leased" if document.leased else ""
    reason = f" ({document.reason})" if document.reason else ""
    return f"revision {document.revision}: {shares}{lease}{reason}"


def _rollout(progress: RolloutProgress) -> str:
    calls = f"{progress.candidate_calls:,} calls against {progress.control_calls:,}"
    who = f"{progress.candidate} at {progress.share:.1%} ({standing(progress)}), {calls}"
    return f"{who}: {as_words(progress.verdict)}"


def standing(progress: RolloutProgress) -> str:
    """Say at which step a rollout is, or past which."""
    rolling = progress.phase is Phase.ROLLING_OUT
    where = f"step {progress.step + 1}" if rolling else str(progress.phase)
    return f"{where}, paused" if progress.paused else where


def as_words(verdict: Verdict) -> str:
    """Say what the evidence of a rollout's step says, and what is missing."""
    about = f" {verdict.metric}" if verdict.metric else ""
    said = [f"{verdict.kind.replace('_', ' ')} ({verdict.reason.replace('_', ' ')}{about})"]
    if verdict.detail:
        said.append(verdict.detail)
    if verdict.calls_needed is not None:
        said.append(f"about {verdict.calls_needed:,} more calls")
    if verdict.until is not None:
        said.append(f"until {_minute(verdict.until)}")
    return ", ".join(said)
