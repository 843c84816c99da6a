"""What became of everything a partition took, by name; names that telemetry makes up are few."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPRICED = "unpriced:"  # and the name of a model
MOST_MODELS = 64  # counted by name; the calls of all others are counted together
OTHERS = "~other"


class Account(Counter[str]):
    """Counts by name. Which models are named depends on what was counted here before, only."""

    def add(self, counts: Mapping[str, int]) -> None:
        """Add what a record comes to."""
        for name, count in counts.items():
            self[self._named(name)] += count

    def _named(self, name: str) -> str:
        if not name.startswith(UNPRICED) or name in self:
            return name
        named = sum(known.startswith(UNPRICED) for known in self)
        return name if named < MOST_MODELS else UNPRICED + OTHERS
