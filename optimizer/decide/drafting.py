"""Writing decisions: the best option that no constraint forbids, what differs, and why."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING

from optimizer.decide.constraints import Changes, broken, check, needs_approval
from optimizer.decisions import (
    Alternative,
    ChangeType,
    ConfigurationChange,
    DecisionStatus,
    OptimizationDecision,
    decision_id,
    transition,
)
from optimizer.models import ModelConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.decide.case import Case, Option, Proposal
    from optimizer.decisions import Constraint
    from optimizer.models import Arm


def draft(case: Case, proposal: Proposal, changes: Changes) -> OptimizationDecision:
    """Write the decision a proposal leads to, still pending.

    It takes the best option that breaks no hard constraint; when all break one, the best of all,
    whose broken constraint then ends it (`validated`).
    """
    checked = [(option, check(case, option.arm, changes)) for option in proposal.options]
    option, constraints = next((one for one in checked if broken(one[1]) is None), checked[0])
    others = tuple(
        Alternative(arm=other.arm.id, reason=_why_not(other, result))
        for other, result in checked
        if other is not option
    )
    return OptimizationDecision(
        id=decision_id(case.route.route, case.at, proposal.finding.rule),
        created_at=case.at,
        updated_at=case.at,
        strategy=proposal.strategy,
        target_services=(case.route.route.split("/")[1],),
        route=case.route.route,
        rule=proposal.finding.rule,
        incumbent=case.incumbent,
        candidate=option.arm.id,
        changes=tuple(changes_between(case.incumbent_arm, option.arm)),
        rationale=f"{proposal.problem}. {option.arm.id}: {option.why}.",
        evidence=(proposal.finding.id_on(case.route.route),),
        alternatives=(*others, *proposal.rejected),
        expected_impact=option.impact,
        constraints=constraints,
        reason="recommended",
        metadata=_metadata(case, constraints),
    )


def _metadata(case: Case, constraints: tuple[Constraint, ...]) -> dict[str, str]:
    """Tell what else is known; alerts that hold are no evidence, but a reader wants them."""
    approval = {"requires_approval": "true"} if needs_approval(constraints) else {}
    return approval | ({"alerts": ", ".join(case.alerts)} if case.alerts else {})


def validated(decision: OptimizationDecision) -> tuple[OptimizationDecision, ...]:
    """Give the statuses a new decision goes through at once, the last one its own.

    One that breaks a hard constraint is refused in validation; any other stays pending.
    """
    constraint = broken(decision.constraints)
    if constraint is None:
        return (decision,)
    at = decision.created_at
    validating = transition(decision, DecisionStatus.VALIDATING, at, "constraints are checked")
    reason = (
        f"{constraint.constraint_type} ({constraint.level}) is {constraint.value}:"
        f" {constraint.detail}"
    )
    failed = transition(validating, DecisionStatus.VALIDATION_FAILED, at, reason)
    return decision, validating, failed


def _why_not(option: Option, constraints: tuple[Constraint, ...]) -> str:
    constraint = broken(constraints)
    if constraint is None:
        return f"not as good: {option.why}"
    return f"breaks {constraint.constraint_type} {constraint.value}: {constraint.detail}"


def changes_between(old: Arm | None, new: Arm) -> Iterator[ConfigurationChange]:
    """Give what differs; against an arm nobody listed, what the new one was declared to be."""
    if old is None:
        declared = {"model": new.config.model} | {
            name: value for name, value in _parameters(new).items() if name in new.declared
        }
        for name, value in declared.items():
            kind = ChangeType.REPLACE if name == "model" else ChangeType.UPDATE
            yield ConfigurationChange(parameter=name, new_value=value, change_type=kind)
        return
    before, after = _parameters(old), _parameters(new)
    for name, value in after.items():
        if before[name] != value:
            yield ConfigurationChange(
                parameter=name,
                old_value=before[name],
                new_value=value,
                change_type=_kind(name, before[name], value),
            )


def _kind(name: str, old: object, new: object) -> ChangeType:
    if name == "model":
        return ChangeType.REPLACE
    if _is_unset(old):
        return ChangeType.ADD
    return ChangeType.REMOVE if _is_unset(new) else ChangeType.UPDATE


def _is_unset(value: object) -> bool:
    return value is None or value in ("", {})


def _parameters(arm: Arm) -> dict[str, object]:
    config = {item.name: getattr(arm.config, item.name) for item in fields(ModelConfig)}
    config["extra_params"] = dict(arm.config.extra_params)
    if arm.config.system_prompt is not None:
        # Decisions travel far: a prompt is named by its hash, never quoted.
        digest = hashlib.sha256(arm.config.system_prompt.encode()).hexdigest()
        config["system_prompt"] = f"sha256:{digest[:16]}"
    own = {"prompt": arm.prompt, "prompt_version": arm.prompt_version, "cache": arm.cache}
    return {**config, **own}
