"""How far the optimizer may go alone with a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.settings import Autonomy, StampCheck

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def autonomy_of(decision: OptimizationDecision, settings: Settings) -> Autonomy:
    """Give the least of what is allowed for the kinds of change that a decision makes."""
    kinds = {_KINDS.get(change.parameter, "parameters") for change in decision.changes}
    return _capped((getattr(settings.autonomy_by, kind) for kind in sorted(kinds)), settings)


def most_autonomy(settings: Settings) -> Autonomy:
    """Give the most that is allowed for any kind of change."""
    levels = (settings.autonomy_by.model, settings.autonomy_by.prompt)
    others = (settings.autonomy_by.parameters, settings.autonomy_by.cache)
    each = (_capped((level,), settings) for level in (*levels, *others))
    return max(each, key=_LEVELS.index)


def reaches(level: Autonomy, wanted: Autonomy) -> bool:
    """Tell whether a level allows what another one does."""
    return _LEVELS.index(level) >= _LEVELS.index(wanted)


def _capped(levels: Iterable[Autonomy | None], settings: Settings) -> Autonomy:
    """Give the least of some levels, `autonomy` where one is not set; unsigned stamps cap it."""
    given = [settings.autonomy if level is None else level for level in levels]
    if settings.stamps.check is not StampCheck.REQUIRED:
        given.append(Autonomy.GUARD)
    return min(given or [settings.autonomy], key=_LEVELS.index)
