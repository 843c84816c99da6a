"""Figures of a played loop in words, for its page and for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from optimizer.decisions import DecisionStatus

if TYPE_CHECKING:
    from connectors.worlds.loop_report import RouteReport
    from optimizer.simulate.episodes import Episode
    from optimizer.simulate.ways import Way

_CENTS = 0.1  # dollars below which cents are too coarse
_PROMOTED = {DecisionStatus.DEPLOYED, DecisionStatus.MONITORING, DecisionStatus.COMPLETED}
_UNDONE = {DecisionStatus.ROLLED_BACK, DecisionStatus.DEPLOYMENT_FAILED}


def money(dollars: float) -> str:
    """Write dollars, to cents, or to hundredths of these where they are few."""
    sign = "-" if dollars < 0 else ""
    size = abs(dollars)
    return f"{sign}${size:,.4f}" if 0 < size < _CENTS else f"{sign}${size:,.2f}"


def percent(share: float) -> str:
    """Write a share in percent."""
    return f"{share:.1%}"


def rounded_percent(share: float) -> str:
    """Write a share in whole percent."""
    return f"{share:.0%}"


def quality_words(quality: float) -> str:
    """Write a mean score."""
    return f"{quality:.3f}"


def seconds_words(seconds: float) -> str:
    """Write a duration."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def saved_words(way: Way, usual: Way) -> str:
    """Say what a way saved of what the incumbent alone would have cost."""
    share = way.saved_usd / usual.total.cost_usd if usual.total.cost_usd else 0.0
    return f"{money(way.saved_usd)} ({share:+.1%})" if way.saved_usd else "$0"


def episode_words(one: Episode, arm: str) -> str:
    """Say how long traffic met a bad arm, and how that ended."""
    lasted = seconds_words((one.last_ns - one.first_ns) / 1e9)
    ended = "then it was taken away" if one.undone else "it was never taken away"
    return f"{arm} for {lasted}, {one.calls:,} calls, {money(one.cost_usd)}; {ended}"


def fates(route: RouteReport) -> Counter[str]:
    """Count what became of candidates, of those that documents gave a share of the calls.

    Returns:
        `tried`, `promoted` (to all but a holdback), `rolled_back` (before or after that), and
        `reverted`: promotions that a later decision took back.
    """
    shared = {one.decision_id for one in route.documents if len(one.shares) > 1}
    reached: dict[str, set[DecisionStatus]] = {}
    for one in route.decisions:
        reached.setdefault(one.id, set()).add(one.status)
    tried = [states for decision, states in reached.items() if decision in shared]
    others = [states for decision, states in reached.items() if decision not in shared]
    return Counter(
        tried=len(tried),
        promoted=sum(bool(states & _PROMOTED) for states in tried),
        rolled_back=sum(bool(states & _UNDONE) for states in tried),
        reverted=sum(bool(states & _PROMOTED) for states in others),
    )


def fate_words(counts: Counter[str]) -> str:
    """Say what became of candidates."""
    told = [f"{counts['promoted']} promoted", f"{counts['rolled_back']} rolled back"]
    told += [f"{counts['reverted']} reverted"] if counts["reverted"] else []
    return ", ".join(told)
