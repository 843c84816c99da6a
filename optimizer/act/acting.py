"""What is done to a route: its document, its rollout, what was good before."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from optimizer.act.advancing import advance, undo
from optimizer.act.desired import at_rest, put_back
from optimizer.act.reverting import Undoing, cut_short, look_after
from optimizer.act.rollout import Leave, Rollout
from optimizer.decisions import (
    DecisionStatus,
    ExpectedImpact,
    OptimizationDecision,
    OptimizationStrategy,
    decision_id,
    transition,
)
from optimizer.documents import Document
from optimizer.rollouts import Phase
from optimizer.summaries import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.act.advancing import Said
    from optimizer.documents import Unit
    from optimizer.models import Arm
    from optimizer.rollouts import Tick

MOST_KEPT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What is done to a route; plain values, so that it can be stored.

    Attributes:
        floor: The greatest revision seen anywhere, this product's own apart.
        document: What should be in force; None before the first.
        known_good: Documents at rest that were in force, oldest first; the last is in force, or
            was before the rollout.
        rollout: The rollout in progress; None for none.
        undoing: What was undone, until telemetry shows it; None for nothing.
        gone: Arms whose models are not served any more.
        undone: When each candidate was undone last, by its id.
        excused: Limits that the old arm broke when the newest rollout began: that what was promoted
            breaks these is not its doing.
        waits: Why the pending decision was not started, as it was told last.
    """

    floor: int = 0
    document: Document | None = None
    known_good: tuple[Document, ...] = ()
    rollout: Rollout | None = None
    undoing: Undoing | None = None
    gone: tuple[str, ...] = ()
    undone: dict[str, datetime] = field(default_factory=dict)
    excused: tuple[str, ...] = ()
    waits: str = ""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is in progress."""
        return self.rollout is None and self.undoing is None

    @property
    def is_promoted(self) -> bool:
        """Whether what is in force was put there by a decision, and there is one before it."""
        return len(self.known_good) > 1 and bool(self.known_good[-1].decision_id)

    @property
    def revision(self) -> int:
        """The revision in force; 0 for none."""
        return self.document.revision if self.document else 0

    @property
    def next_revision(self) -> int:
        """What the next document is numbered."""
        return max(self.floor, self.revision) + 1

    def leave(self, *, widens: bool, held: bool = False) -> Leave:
        """Give what a rollout may do now."""
        return Leave(widens=widens, revision=self.next_revision, gone=self.gone, held=held)


def found(
    acting: Acting, route: str, arm: Arm, at: datetime, unit: Unit
) -> tuple[Acting, Document]:
    """Write the route's first document: what serves it today serves all.

    So gateways stamp slots and revisions before anything is tried.
    """
    document = at_rest(
        route, arm, acting.next_revision, at, unit=unit, reason="what serves it today"
    )
    return replace(acting, document=document, known_good=(document,)), document


def started(acting: Acting, rollout: Rollout, excused: tuple[str, ...] = ()) -> Acting:
    """Remember a rollout that has just begun, and which limits the arm in force breaks."""
    return replace(acting, rollout=rollout, document=rollout.document, excused=excused, waits="")


def resting(acting: Acting, at: datetime, retry_secs: float) -> frozenset[str]:
    """Give the arms that are not to be tried: undone so lately, or their models are gone."""
    rest = timedelta(seconds=retry_secs)
    lately = (arm for arm, then in acting.undone.items() if at - then < rest)
    return frozenset({*acting.gone, *lately})


def move(acting: Acting, tick: Tick, *, widens: bool, held: bool) -> tuple[Acting, list[Said]]:
    """Take what is in progress through a tick.

    Args:
        acting: As it stands.
        tick: Ten seconds.
        widens: It may go on; without that it may only be undone.
        held: An order holds it.
    """
    if acting.undoing is not None:
        undoing, told = look_after(acting.undoing, tick)
        return replace(acting, undoing=undoing), [*told]
    if acting.rollout is None:
        return acting, []
    moved, said = advance(acting.rollout, tick, acting.leave(widens=widens, held=held))
    return _after(acting, moved), said


def call_back(
    acting: Acting, at_ns: int, why: str, *, failed: bool = False
) -> tuple[Acting, list[Said]]:
    """Undo the rollout in progress."""
    if acting.rollout is None:
        return acting, []
    leave = acting.leave(widens=False)
    undone, said = undo(acting.rollout, at_ns, leave, why, failed=failed)
    return _after(acting, undone), said


def revert(
    acting: Acting, at_ns: int, rule: str, why: str, evidence: tuple[str, ...] = ()
) -> tuple[Acting, list[Said]]:
    """Undo the newest change that was kept: a decision of its own, carried out at once.

    Args:
        acting: With no rollout in progress.
        at_ns: When, nanoseconds since the epoch.
        rule: What asks for it.
        why: Why.
        evidence: Ids of findings.
    """
    if acting.document is None or not acting.is_promoted:
        return acting, []
    at = instant(at_ns)
    before = acting.known_good[:-1]
    document = put_back(before, acting.gone, acting.next_revision, at, why)
    decision = _reverting(acting.document, document, rule, why, evidence)
    document = replace(document, decision_id=decision.id)
    said: list[Said] = [*cut_short(acting.undoing, at, why), decision]
    for status in (
        DecisionStatus.VALIDATING,
        DecisionStatus.DEPLOYING,
        DecisionStatus.DEPLOYED,
        DecisionStatus.MONITORING,
    ):
        decision = transition(decision, status, at, why)
        said.append(decision)
    undoing = Undoing(
        decision=decision, document=document, candidate=acting.document.incumbent, began_ns=at_ns
    )
    kept = _restored(before, document)
    acting = replace(acting, document=document, known_good=kept, undoing=undoing)
    return acting, [*said, document]


def _reverting(
    old: Document, new: Document, rule: str, why: str, evidence: tuple[str, ...]
) -> OptimizationDecision:
    at = new.created_at
    return OptimizationDecision(
        id=decision_id(new.route, at, rule),
        created_at=at,
        updated_at=at,
        strategy=OptimizationStrategy.THRESHOLD_BASED,
        target_services=(new.route.split("/")[1],),
        route=new.route,
        rule=rule,
        incumbent=old.incumbent,
        candidate=new.incumbent,
        changes=(),
        rationale=why,
        evidence=evidence,
        expected_impact=ExpectedImpact(),
        reason="reverts the newest change",
    )


def _after(acting: Acting, moved: Rollout | Undoing) -> Acting:
    """Remember what is in progress; what was kept, or put back, is good from now on."""
    before, acting = acting.known_good, replace(acting, document=moved.document)
    if isinstance(moved, Undoing):
        known_good = _restored(before, moved.document)
        undone = {**acting.undone, moved.candidate: instant(moved.began_ns)}
        undone = dict(sorted(undone.items(), key=itemgetter(1))[-MOST_KEPT:])
        return replace(acting, rollout=None, undoing=moved, known_good=known_good, undone=undone)
    if moved.phase is Phase.ENDED:
        return replace(acting, rollout=None, known_good=_kept((*before, moved.document)))
    return replace(acting, rollout=moved)


def _restored(before: Sequence[Document], document: Document) -> tuple[Document, ...]:
    """Forget what is newer than what was put back; who promoted that, and when, stays known."""
    newest = max(n for n, one in enumerate(before) if one.incumbent == document.incumbent)
    return (*before[:newest], replace(before[newest], revision=document.revision))


def _kept(documents: Sequence[Document]) -> tuple[Document, ...]:
    return tuple(documents[-MOST_KEPT:])
