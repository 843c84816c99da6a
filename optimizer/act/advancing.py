"""A rollout goes on, back, or nowhere: a little traffic, evidence, then more of it, or none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.act.desired import at_rest, put_back, shared
from optimizer.act.impacts import added, impact_of
from optimizer.act.judge import Judge
from optimizer.act.reverting import Undoing
from optimizer.act.rollout import WAITING, Leave, Rollout, progress
from optimizer.act.terms import Terms
from optimizer.decisions import (
    DecisionStatus,
    OptimizationDecision,
    complete,
    transition,
)
from optimizer.documents import MOST_PATIENCE_MS, SLOTS, Document
from optimizer.models import Arm
from optimizer.panes import MINUTE_NS
from optimizer.rollouts import Phase, RolloutProgress, VerdictKind
from optimizer.summaries import instant

if TYPE_CHECKING:
    from optimizer.findings import Finding
    from optimizer.rollouts import Tick

    Said = OptimizationDecision | Document | RolloutProgress | Finding

SECOND_NS = 1_000_000_000
UNSEEN = {"share_mismatch", "unverified"}  # traffic is not known to be where it was commanded


def begin(
    decision: OptimizationDecision,
    candidate: Arm,
    known_good: tuple[Document, ...],
    terms: Terms,
    *,
    least_secs: tuple[int, ...],
    max_step_secs: int,
    cooling_secs: int,
    at_ns: int,
    revision: int,
) -> tuple[Rollout, list[Said]]:
    """Start a rollout: the decision is validated, then deploying, and its first document is out.

    Args:
        decision: A pending decision.
        candidate: The arm it names.
        known_good: Documents at rest, the newest last.
        terms: What the candidate is judged by.
        least_secs: Least time of each step but the last.
        max_step_secs: Time after which a step that proves nothing is undone.
        cooling_secs: How long the holdback is kept.
        at_ns: When, nanoseconds since the epoch.
        revision: What the first document is numbered.
    """
    at = instant(at_ns)
    validating = transition(decision, DecisionStatus.VALIDATING, at, "document is checked")
    deploying = transition(validating, DecisionStatus.DEPLOYING, at, "rollout starts")
    rollout = Rollout(
        decision=deploying,
        candidate=candidate,
        known_good=known_good,
        document=known_good[-1],
        terms=terms,
        least_secs=least_secs,
        max_step_secs=max_step_secs,
        cooling_secs=cooling_secs,
        began_ns=at_ns,
        evidence=Judge.begin(terms).dump(),
    )
    rollout = _enter(rollout, 0, at_ns, revision)
    return rollout, [validating, deploying, rollout.document, progress(rollout, at)]


def advance(rollout: Rollout, tick: Tick, leave: Leave) -> tuple[Rollout | Undoing, list[Said]]:
    """Take a rollout through a tick: on, back, or nowhere.

    Args:
        rollout: As it stands.
        tick: Ten seconds of its route.
        leave: What it may do.
    """
    before = rollout
    judge = Judge.load(rollout.evidence)
    verdict = judge.take(tick)
    incumbent = rollout.known_good[-1].incumbent
    rollout = replace(
        rollout,
        verdict=verdict,
        calls=judge.calls,
        evidence=judge.dump(),
        effects=added(rollout.effects, tick, rollout.candidate.id, incumbent),
    )
    if verdict.kind is VerdictKind.FAIL:
        return undo(rollout, tick.end_ns, leave, f"{verdict.reason}: {verdict.detail}")
    if rollout.phase is Phase.HOLDBACK:
        return _cool(rollout, tick, leave)
    if verdict.kind is VerdictKind.PASS and leave.widens and _has_lasted(rollout, tick.end_ns):
        return _widen(rollout, tick.end_ns, leave)
    if not leave.held and _is_out_of_time(rollout, tick.end_ns):
        return _give_up(rollout, tick.end_ns, leave)
    return rollout, _told(before, rollout, tick, leave)


def undo(
    rollout: Rollout, at_ns: int, leave: Leave, why: str, *, failed: bool = False
) -> tuple[Undoing, list[Said]]:
    """Put the stored document back; it is over when telemetry shows that it is in force.

    Args:
        rollout: As it stands.
        at_ns: When, nanoseconds since the epoch.
        leave: What it may do.
        why: Why.
        failed: The document could not be brought to the traffic, nothing was judged.
    """
    at, decision = instant(at_ns), rollout.decision
    said: list[Said] = []
    if failed and decision.status is DecisionStatus.DEPLOYING:
        decision = transition(decision, DecisionStatus.DEPLOYMENT_FAILED, at, why)
        said.append(decision)
    decision = transition(decision, DecisionStatus.ROLLED_BACK, at, why)
    document = put_back(rollout.known_good, leave.gone, leave.revision, at, f"undone: {why}")
    document = replace(document, decision_id=decision.id)
    told = replace(
        progress(rollout, at), phase=Phase.REVERTING, share=0.0, revision=document.revision
    )
    undone = Undoing(
        decision=decision,
        document=document,
        candidate=rollout.candidate.id,
        began_ns=at_ns,
        told=told,
    )
    return undone, [*said, decision, document, told]


def reissue(rollout: Rollout, at_ns: int, revision: int) -> Rollout:
    """Say the document in force again under a higher revision; its evidence begins anew.

    Its time does not: who takes revisions again and again must not keep a step from ending.
    """
    anew = _enter(rollout, rollout.step, at_ns, revision)
    return replace(anew, began_ns=rollout.began_ns)


def _enter(rollout: Rollout, step: int, at_ns: int, revision: int) -> Rollout:
    """Let a step begin: its document is out, its evidence is asked for."""
    ladder = rollout.terms.ladder
    document = shared(
        rollout.known_good[-1],
        rollout.candidate,
        ladder[step],
        revision,
        instant(at_ns),
        decision_id=rollout.decision.id,
        patience_ms=_patience_ms(rollout.terms),
    )
    judge = Judge.load(rollout.evidence)
    judge.begin_step(
        slots=ladder[step],
        next_slots=ladder[min(step + 1, rollout.last_step)],
        revision=revision,
        at_ns=at_ns,
    )
    evidence = judge.dump()
    return replace(
        rollout,
        document=document,
        step=step,
        began_ns=at_ns,
        evidence=evidence,
        verdict=WAITING,
        calls=(0, 0),
    )


def _patience_ms(terms: Terms) -> int:
    """Give twice the incumbent's p99 latency: of its calls, very few take longer and end."""
    return min(math.ceil(2e3 * terms.first_look_secs), MOST_PATIENCE_MS)


def _widen(rollout: Rollout, at_ns: int, leave: Leave) -> tuple[Rollout, list[Said]]:
    at, step = instant(at_ns), rollout.step + 1
    said: list[Said] = [progress(rollout, at)]
    if step == rollout.last_step:
        reason = f"all but {1 - rollout.terms.ladder[-1] / SLOTS:.1%} of traffic".replace(
            ".0%", "%"
        )
        deployed = transition(rollout.decision, DecisionStatus.DEPLOYED, at, reason)
        watched = transition(deployed, DecisionStatus.MONITORING, at, "watched against the rest")
        said += [deployed, watched]
        terms = replace(rollout.terms, is_holdback=True)
        rollout = replace(
            rollout,
            decision=watched,
            terms=terms,
            phase=Phase.HOLDBACK,
            evidence=Judge.begin(terms).dump(),
        )
    rollout = _enter(rollout, step, at_ns, leave.revision)
    return rollout, [*said, rollout.document]


def _cool(rollout: Rollout, tick: Tick, leave: Leave) -> tuple[Rollout | Undoing, list[Said]]:
    """Keep the holdback for its time; then the candidate is the incumbent."""
    secs = _secs(rollout, tick.end_ns)
    unseen = rollout.verdict.kind in {VerdictKind.INVALID, VerdictKind.PAUSE}
    if secs >= rollout.cooling_secs and not unseen and leave.widens:
        return _complete(rollout, tick.end_ns, leave)
    if secs >= max(rollout.max_step_secs, rollout.cooling_secs) and unseen:
        return undo(rollout, tick.end_ns, leave, f"{rollout.verdict.reason} to the end of its time")
    return rollout, _told(rollout, rollout, tick, leave)


def _complete(rollout: Rollout, at_ns: int, leave: Leave) -> tuple[Rollout, list[Said]]:
    at = instant(at_ns)
    impact = impact_of(rollout.effects, at_ns)
    decision = complete(rollout.decision, impact, at, "kept: nothing spoke against it")
    document = at_rest(
        rollout.document.route,
        rollout.candidate,
        leave.revision,
        at,
        unit=rollout.document.unit,
        reason=f"{rollout.candidate.id} is kept",
    )
    document = replace(document, salt=rollout.document.salt, decision_id=decision.id)
    rollout = replace(rollout, decision=decision, document=document, phase=Phase.ENDED)
    return rollout, [decision, document, progress(rollout, at)]


def _give_up(rollout: Rollout, at_ns: int, leave: Leave) -> tuple[Undoing, list[Said]]:
    """Undo a step that proved nothing in its time; that is no harm, and said so."""
    verdict = rollout.verdict
    failed = verdict.reason in UNSEEN
    what = "not in force" if failed else "cannot be shown at this traffic"
    if verdict.kind is VerdictKind.PASS:
        what = "less is allowed now than when it began"
    why = f"{what}: {verdict.detail or verdict.reason}"
    return undo(rollout, at_ns, leave, why, failed=failed)


def _told(before: Rollout, rollout: Rollout, tick: Tick, leave: Leave) -> list[Said]:
    """Tell how it stands, each minute and whenever a verdict is another one."""
    was, verdict = before.verdict, rollout.verdict
    changed = (was.kind, was.reason, was.metric) != (verdict.kind, verdict.reason, verdict.metric)
    if changed or tick.end_ns % MINUTE_NS == 0:
        return [progress(rollout, instant(tick.end_ns), leave)]
    return []


def _secs(rollout: Rollout, at_ns: int) -> float:
    return (at_ns - rollout.began_ns) / SECOND_NS


def _is_out_of_time(rollout: Rollout, at_ns: int) -> bool:
    """Tell whether a step took as long as it may; never before it has lasted."""
    return _has_lasted(rollout, at_ns) and _secs(rollout, at_ns) >= rollout.max_step_secs


def _has_lasted(rollout: Rollout, at_ns: int) -> bool:
    return _secs(rollout, at_ns) >= rollout.least_secs[rollout.step]
