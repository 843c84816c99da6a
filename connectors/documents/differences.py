"""What one document changes against another, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.documents import Document
    from optimizer.models import Arm


def differences(before: Document | None, after: Document) -> list[str]:
    """Say what a document changes, a line each; empty for one that only has another number.

    Args:
        before: What was in force; None for nothing.
        after: What follows it.
    """
    if before is None:
        return [f"+ {described(arm)}" for arm in after.arms] + [f"traffic: {traffic(after)}"]
    return [*_arms(before, after), *_shares(before, after), *_rest(before, after)]


def traffic(document: Document) -> str:
    """Say whose the traffic is, such as `5 % gpt-4o-mini-1234abcd, 95 % gpt-4o-5678abcd`."""
    return ", ".join(f"{share(one.slots)} {one.arm}" for one in document.allotments)


def share(slots: int) -> str:
    """Give slots as a share of all."""
    return f"{100 * slots / SLOTS:g} %"


def described(arm: Arm) -> str:
    """Say what an arm is: its id, and its settings in a few words."""
    config = arm.config
    told = [f"temperature {config.temperature:g}", f"{config.max_tokens} tokens at most"]
    if arm.prompt:
        told.append(f"prompt {arm.prompt} {arm.prompt_version}".strip())
    if arm.cache:
        told.append("cached")
    return f"{arm.id}: {config.model}, {', '.join(told)}"


def _arms(before: Document, after: Document) -> Iterator[str]:
    had, has = ({arm.id: arm for arm in each.arms} for each in (before, after))
    yield from (f"- {described(arm)}" for name, arm in had.items() if name not in has)
    yield from (f"+ {described(arm)}" for name, arm in has.items() if name not in had)


def _shares(before: Document, after: Document) -> Iterator[str]:
    names = [one.arm for one in after.allotments]
    names += [one.arm for one in before.allotments if one.arm not in names]
    for name in names:
        had, has = len(before.slots_of(name)), len(after.slots_of(name))
        if had != has:
            yield f"share of {name}: {share(had)} -> {share(has)}"
    if before.salt != after.salt:
        if len(after.allotments) > 1:
            yield "units are dealt anew: another salt"
    elif moved := sum(before.arm_of(slot) != after.arm_of(slot) for slot in range(SLOTS)):
        yield f"units that get another arm: {share(moved)}"


def _rest(before: Document, after: Document) -> Iterator[str]:
    for name in ("incumbent", "unit", "decision_id", "leased", "patience_ms", "reason"):
        had, has = getattr(before, name), getattr(after, name)
        if had != has:
            yield f"{name.replace('_id', '')}: {_told(had)} -> {_told(has)}"


def _told(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case "":
            return "none"
    return str(value)
