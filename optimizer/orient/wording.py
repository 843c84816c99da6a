"""Figures and spans of time as people read them, and evidence as findings carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.findings import Evidence, Magnitude
from optimizer.statistics.rounding import rounded

if TYPE_CHECKING:
    from optimizer.windows import WindowSummary


def figure(value: float) -> str:
    """Write a number with three significant digits, or whole from 1,000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - a thousand


def percent(share: float) -> str:
    """Write a share as percent."""
    return f"{figure(share * 100)} %"


def span(summary: WindowSummary) -> str:
    """Name a window's time: `in the 5m to 12:35 UTC`."""
    return f"in the {summary.kind} to {summary.end:%H:%M} UTC"


def magnitude(value: float, reference: float, unit: str) -> Magnitude:
    """Say how large, in rounded figures."""
    ratio = value / reference if reference else 0.0
    return Magnitude(
        value=rounded(value), reference=rounded(reference), ratio=rounded(ratio), unit=unit
    )


def evidence(
    summary: WindowSummary, metric: str, value: float, reference: float, n: int
) -> Evidence:
    """Give a window's measurement as evidence, in rounded figures."""
    return Evidence(
        metric=metric,
        value=rounded(value),
        reference=rounded(reference),
        n=n,
        window=summary.kind,
        start=summary.start,
        end=summary.end,
    )
