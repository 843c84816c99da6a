"""Kinds of values in a world file: durations, numbers, shares, names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_PARTS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")


def duration(text: object) -> timedelta:
    """Read a duration such as `90s`, `20m`, `1h30m`, `7d`.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 90s, 20m, 1h30m or 7d")
    totals = dict.fromkeys(_PARTS, 0.0)
    for amount, unit in _PART.findall(text):
        totals[unit] += float(amount)
    try:
        return timedelta(**{_PARTS[unit]: total for unit, total in totals.items()})
    except OverflowError as error:
        raise ValueError("must be a shorter duration") from error


Duration = Annotated[timedelta, BeforeValidator(duration)]
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Share = Annotated[Number, Field(ge=0, le=1)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
