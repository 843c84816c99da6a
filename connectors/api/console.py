"""What a run prints: chosen windows, all findings, decisions and documents, and an account."""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Self

from connectors.api import rendering
from connectors.api.progress import Progress
from connectors.rollout_changes import RolloutChanges
from optimizer.attribute.coverage import Coverage
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.findings import Finding, FindingStatus
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.panes import FINAL_NS
from optimizer.producers import TOLD_BY
from optimizer.rollouts import RolloutProgress
from optimizer.windows import WindowSummary

_MOST_COVERED = 10  # routes whose coverage is told
_TWICE = (
    "both the plugin and LiteLLM itself tell of calls; where they tell of the same ones, each "
    "counts twice: set telemetry.producer, or a route's producer, to llm-optimizer"
)
_ELSEWHERE = (
    "most calls that were told of when they started were not seen to end, so they count as hung: "
    "what a gateway tells of one trace must come to one partition, in its order"
)
_FORGED = (
    "signatures of stamps do not fit, so these are not believed: the application or gateway that "
    "stamps calls must sign with stamps.key (OPTIMIZER_STAMPS__KEY), unless somebody forges them"
)
_TOLD = {  # what else became of calls and scores; `shadowed` are another producer's
    "scores": "scores",
    "hung": "hung",  # of whose end no span told
    "duplicate": "duplicate",
    "repeated_scores": "repeated scores",
    "shadowed": "shadowed",
    "late": "late",
    "unsigned": "unsigned stamps",
    "badly_signed": "badly signed stamps",
}


class Console:
    """Watches outputs and prints them; at its end, unless an error brought it, the account.

    Args:
        output: `table` for lines of text, `json` for JSON lines.
        windows: Kind of the windows to print, or `none`.
    """

    def __init__(self, output: str, windows: str) -> None:
        self.counts: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.ledgers: dict[str, Ledger] = {}
        self._open: set[str] = set()  # ids of the findings that were counted
        self.covered: dict[str, dict[str, Coverage]] = {}
        self._is_forged = False  # stamps that came in this run were badly signed
        self._render = rendering.as_json if output == "json" else rendering.as_line
        self._windows = windows
        self._rollouts = RolloutChanges()
        self._progress = Progress()
        self._began = time.monotonic()  # noqa: TID251 - an edge: it tells how long a run took

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._progress.clear()
        if error is None:
            self._close()

    def watch(self, output: Any) -> None:
        """See one output."""
        match output:
            case WindowSummary():
                self.counts["windows"] += 1
                if output.kind == self._windows:
                    self._print(output)
                self._progress.tell(f"{output.end:%Y-%m-%d %H:%M}  {self._account()}")
            case Finding() | OptimizationDecision() | Document():
                self._count(output)
                self._print(output)
            case RolloutProgress() if self._rollouts.is_new(output):
                self._print(output)
            case DeadLetter():
                self.counts[f"set aside: {output.reason}"] += 1
            case Coverage():
                self.covered.setdefault(output.route, {})[output.arm] = output
            case Ledger():
                self._is_forged |= self._more(output, "badly_signed") > 0
                self.ledgers[output.partition] = output

    def warnings(self) -> list[str]:
        """Say what is likely wrong with how calls are told of, and the ways out."""
        total = self._total()
        twice = [_TWICE] if all(total[name] for name in TOLD_BY.values()) else []
        is_elsewhere = total["hung"] > total["assignments_closed"]
        forged = [_FORGED] if self._is_forged else []
        return [*twice, *([_ELSEWHERE] if is_elsewhere else []), *forged]

    def _more(self, ledger: Ledger, name: str) -> int:
        """Give how much a count has risen in this run; the first ledger may be an earlier one's."""
        before = self.ledgers.get(ledger.partition, ledger)
        return ledger.counts.get(name, 0) - before.counts.get(name, 0)

    def _total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for ledger in self.ledgers.values():
            total.update(ledger.counts)
        return total

    def _count(self, said: Finding | OptimizationDecision | Document) -> None:
        match said:
            case Finding(status=FindingStatus.OPEN) if said.id not in self._open:
                self._open.add(said.id)
                self.rules[said.rule] += 1
            case Finding(status=FindingStatus.CLOSED):
                self._open.discard(said.id)
            case OptimizationDecision():
                self.statuses[said.status] += 1
            case Document():
                self.counts["documents"] += 1

    def _close(self) -> None:
        seconds = time.monotonic() - self._began  # noqa: TID251 - see above
        findings = ", ".join(f"{rule} {count}" for rule, count in sorted(self.rules.items()))
        decisions = ", ".join(f"{name} {count}" for name, count in sorted(self.statuses.items()))
        sys.stderr.write(
            f"\n{self._account()} in {seconds:.1f} s\n{self._as_of()}"
            f"findings:  {findings or 'none'}\ndecisions: {decisions or 'none'}\n"
            f"{self._coverage()}"
            + "".join(f"warning:   {warning}\n" for warning in self.warnings())
        )

    def _as_of(self) -> str:
        """Tell of what the ledgers count, unless they are complete.

        They come when a minute has passed, and go on where an earlier run stopped.
        """
        if not self.ledgers:
            return "counted:   nothing yet: no minute has passed\n"
        watermark_ns = min(ledger.watermark_ns for ledger in self.ledgers.values())
        if watermark_ns >= FINAL_NS:
            return ""
        until = datetime.fromtimestamp(watermark_ns // 1_000_000_000, UTC)
        return (
            f"counted:   records to scores since the first start, as of {until:%Y-%m-%d %H:%M}; "
            "what came later follows, the rest is this run's\n"
        )

    def _coverage(self) -> str:
        """Tell of each scored route how many calls of its arms have a score."""
        shown = sorted(self.covered.items())[:_MOST_COVERED]
        lines = [
            f"scores:    {route}: cover "
            + ", ".join(f"{one.share:.0%} of {arm}" for arm, one in sorted(arms.items()))
            for route, arms in shown
        ]
        if more := len(self.covered) - len(shown):
            lines.append(f"scores:    and {more} more routes (the view `coverage` holds all)")
        return "".join(f"{line}\n" for line in lines)

    def _print(self, output: Any) -> None:
        self._progress.clear()
        sys.stdout.write(self._render(output) + "\n")
        sys.stdout.flush()

    def _account(self) -> str:
        total = self._total()
        parts = [
            f"{total['records']:,} records",
            f"{total['counted'] + total['corrected']:,} calls",
        ]
        if total["points_counted"]:
            parts.append(f"{total['points_counted']:,} metric points")
        parts += [f"{total[name]:,} {words}" for name, words in _TOLD.items() if total[name]]
        parts += [f"{count:,} {name}" for name, count in sorted(self.counts.items())]
        return ", ".join(parts)
