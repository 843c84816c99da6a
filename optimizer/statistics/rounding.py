"""Figures as they are written down: nine significant digits, the same on every run."""

from __future__ import annotations

DIGITS = 9


def rounded(value: float) -> float:
    """Round to nine significant digits; zero never keeps a sign."""
    return float(f"{value:.{DIGITS}g}") + 0.0


def rounded_if_known(value: float | None) -> float | None:
    """Round to nine significant digits what is known; None stays None."""
    return None if value is None else rounded(value)
