"""How far the optimizer may go alone with a change.

observe    nothing is proposed
recommend  a change is proposed; what is in progress may only be undone
guard      the same, and what was promoted and breaks a limit later is undone without asking
approve    a change starts when a person approves it
auto       it starts alone, unless its constraints ask for a person
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.settings import Autonomy, StampCheck

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.decisions import OptimizationDecision
    from optimizer.settings import Settings

_LEVELS = tuple(Autonomy)  # in rising order
_KINDS = {
    "model": "model",
    "prompt": "prompt",
    "prompt_version": "prompt",
    "system_prompt": "prompt",
    "cache": "cache",
}
_EVERY_KIND = ("model", "prompt", "parameters", "cache")


class Limit(NamedTuple):
    """How far the optimizer may go, and which setting says so."""

    level: Autonomy
    setting: str


def limit_of(parameters: Iterable[str], settings: Settings) -> Limit:
    """Give the least of what is allowed for the kinds that some parameters are of.

    Args:
        parameters: What changes; none is as much as anything.
        settings: The settings in force.
    """
    kinds = {_KINDS.get(parameter, "parameters") for parameter in parameters}
    limits = [_limit(kind, settings) for kind in sorted(kinds)]
    overall = Limit(settings.autonomy, "autonomy")
    return _least([*(limits or [overall]), *_cap(settings)])


def autonomy_of(decision: OptimizationDecision, settings: Settings) -> Autonomy:
    """Give how far the optimizer may go with a decision."""
    return limit_of((change.parameter for change in decision.changes), settings).level


def most_autonomy(settings: Settings) -> Autonomy:
    """Give the most that is allowed for any kind of change."""
    cap = [*_cap(settings)]
    most = (_least([_limit(kind, settings), *cap]).level for kind in _EVERY_KIND)
    return max(most, key=_LEVELS.index)


def asked_for(settings: Settings) -> Autonomy:
    """Give the most that is asked for, whatever bounds it."""
    return max((_limit(kind, settings).level for kind in _EVERY_KIND), key=_LEVELS.index)


def reaches(level: Autonomy, wanted: Autonomy) -> bool:
    """Tell whether a level allows what another one does."""
    return _LEVELS.index(level) >= _LEVELS.index(wanted)


def _limit(kind: str, settings: Settings) -> Limit:
    level: Autonomy | None = getattr(settings.autonomy_by, kind)
    named = f"autonomy_by.{kind}"
    return Limit(settings.autonomy, "autonomy") if level is None else Limit(level, named)


def _cap(settings: Settings) -> Iterator[Limit]:
    """Bound what may be done while anybody may write stamps, which all evidence rests on."""
    checks = {settings.stamps.check, *(one.stamps for one in settings.sources if one.stamps)}
    if checks != {StampCheck.REQUIRED}:
        yield Limit(settings.stamps.unsigned_autonomy, "stamps.unsigned_autonomy")


def _least(limits: Iterable[Limit]) -> Limit:
    return min(limits, key=lambda one: _LEVELS.index(one.level))
