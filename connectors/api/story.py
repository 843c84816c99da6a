"""What happens in a played loop, a short line each: what a person watches."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.api.progress import Progress
from connectors.rollout_changes import RolloutChanges
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import SLOTS, Document
from optimizer.findings import Finding, FindingStatus
from optimizer.rollouts import RolloutProgress, VerdictKind
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from optimizer.rollouts import Verdict
    from optimizer.simulate.worlds import World

_BOLD, _GREEN, _RED, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
_WORDS = {
    DecisionStatus.PENDING: "PROPOSED",
    DecisionStatus.VALIDATION_FAILED: "REFUSED",
    DecisionStatus.DEPLOYED: "PROMOTED",
    DecisionStatus.COMPLETED: "KEPT",
    DecisionStatus.ROLLED_BACK: "ROLLED BACK",
    DecisionStatus.DEPLOYMENT_FAILED: "FAILED",
    DecisionStatus.CANCELLED: "CANCELLED",
}
_COLOURS = {"PROMOTED": _GREEN, "KEPT": _GREEN, "ROLLED BACK": _RED, "REVERTED": _RED}
_WIDTH = 12  # of the word that says what happened


class Story:
    """Prints what is said of a world; arms by the names they have there.

    Args:
        world: The world.
    """

    def __init__(self, world: World) -> None:
        self._names: Mapping[str, str] = {
            arm.arm.id: arm.name for route in world.routes for arm in route.arms
        }
        self._width = max(len(_short(route.route)) for route in world.routes)
        self._time = "%H:%M" if world.length <= timedelta(days=1) else "%m-%d %H:%M"
        self._changes = RolloutChanges()
        self._passed: set[tuple[str, str, int]] = set()
        self._tried: set[str] = set()  # decisions that documents carried out step by step
        self._progress = Progress()
        self._coloured = sys.stdout.isatty()

    def watch(self, output: Any) -> None:
        """See one output of the job."""
        match output:
            case Finding(status=FindingStatus.OPEN):
                self._print(output.seen, output.route, "FOUND", output.title)
            case OptimizationDecision() if output.status in _WORDS:
                word = self._word(output)
                self._print(output.updated_at, output.route, word, self._decided(output))
            case Document():
                self._tried |= {output.decision_id} if len(output.allotments) > 1 else set()
                self._print(output.created_at, output.route, "DOCUMENT", self._commanded(output))
            case RolloutProgress() if self._tells(output):
                word = output.verdict.kind.replace("_", " ").upper()
                self._print(output.at, output.route, word, _found(output.verdict))
            case WindowSummary():
                self._progress.tell(f"{output.end:%Y-%m-%d %H:%M}")

    def close(self) -> None:
        """Take the line of progress away."""
        self._progress.clear()

    def _tells(self, progress: RolloutProgress) -> bool:
        """Tell of a verdict that is news.

        That there is not enough data yet is none; a failure is told by the decision that it ends;
        and what passed is told once a step.
        """
        is_new = self._changes.is_new(progress)
        match progress.verdict.kind:
            case VerdictKind.NEED_DATA | VerdictKind.FAIL:
                return False
            case VerdictKind.PASS:
                step = (progress.decision_id, progress.phase, progress.step)
                is_first = step not in self._passed
                self._passed.add(step)
                return is_first
            case _:
                return is_new

    def _word(self, decision: OptimizationDecision) -> str:
        """Say what happened; what serves all at once takes back what was promoted."""
        is_back = decision.status is DecisionStatus.DEPLOYED and decision.id not in self._tried
        return "REVERTED" if is_back else _WORDS[decision.status]

    def _decided(self, decision: OptimizationDecision) -> str:
        candidate, incumbent = self._name(decision.candidate), self._name(decision.incumbent)
        if decision.status is DecisionStatus.PENDING:
            return f"{candidate} instead of {incumbent}"
        return f"{candidate}: {decision.reason}"

    def _commanded(self, document: Document) -> str:
        shares = ", ".join(
            f"{one.slots / SLOTS:.0%} {self._name(one.arm)}" for one in document.allotments
        )
        return f"revision {document.revision}: {shares}"

    def _name(self, arm: str) -> str:
        return self._names.get(arm, arm)

    def _print(self, at: datetime, route: str, word: str, text: str) -> None:
        self._progress.clear()
        colour = _COLOURS.get(word, _BOLD)
        shown = word.ljust(_WIDTH)
        if self._coloured:
            shown = f"{colour}{shown}{_PLAIN}"
        sys.stdout.write(f"{at:{self._time}}  {_short(route).ljust(self._width)}  {shown} {text}\n")
        sys.stdout.flush()


def _found(verdict: Verdict) -> str:
    return verdict.detail or " ".join(filter(None, (verdict.reason, verdict.metric)))


def _short(route: str) -> str:
    """Leave the tenant out: a world has one."""
    return route.partition("/")[2]
