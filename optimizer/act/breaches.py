"""Does what was promoted break a limit later? Then it is undone by a decision of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from optimizer.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from optimizer.act.acting import Acting
    from optimizer.findings import OpenFinding

RULES = {"error_rate", "latency_threshold", "quality_min"}  # limits, which need no comparison
ON_PROBATION = timedelta(days=7)  # so long after a promotion a breach is taken for its doing


def breach(acting: Acting, findings: Iterable[OpenFinding], at: datetime) -> OpenFinding | None:
    """Give the finding that what was promoted lately broke a limit since; None for none.

    Args:
        acting: What is done to the route.
        findings: What is open; limits that the old arm broke too are passed over.
        at: When, aware UTC.
    """
    document = acting.document
    if document is None or not acting.is_at_rest or not acting.is_promoted:
        return None
    if at - acting.known_good[-1].created_at > ON_PROBATION:
        return None
    for finding in findings:
        if finding.rule in acting.excused:
            continue
        is_bad = finding.rule in RULES and finding.severity.rank >= Severity.ERROR.rank
        if is_bad and finding.arm == document.incumbent and finding.since >= document.created_at:
            return finding
    return None
