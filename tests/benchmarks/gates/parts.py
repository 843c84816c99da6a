"""Long figures in parts: each part of seeds is kept as soon as it is played, and never again.

A run goes on where the last one stopped. What was kept under other code of the gates, or of the
worlds they are proved in, counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.figures import RESULTS, commit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.benchmarks.gates.cells import Cell

MINUTES = 25.0  # of one run
AT_ONCE = 250  # seeds of a part
_ROOT = RESULTS.parents[2]
_IMPORT = re.compile(
    r"^ *from ((?:optimizer\.(?:act|statistics)|tests\.benchmarks\.gates)\.\w+)",
    re.MULTILINE,
)


class Sums(NamedTuple):
    """What came of some seeds.

    Attributes:
        seeds: How many.
        promoted: How many were promoted.
        undone: How many were undone, after a promotion or before.
        undone_after: How many after one.
        tried: Calls of the candidate until it was undone, of those that were.
        calls: Calls of the route until the promotion, of those that were promoted.
        undone_min: Minutes until it was undone.
        promoted_min: Minutes until it was promoted.
        reasons: Why they were undone.
    """

    seeds: int = 0
    promoted: int = 0
    undone: int = 0
    undone_after: int = 0
    tried: tuple[int, ...] = ()
    calls: tuple[int, ...] = ()
    undone_min: tuple[int, ...] = ()
    promoted_min: tuple[int, ...] = ()
    reasons: Counter[str] = Counter()  # noqa: RUF012 - never changed

    @staticmethod
    def of(parts: Iterable[Sums]) -> Sums:
        """Add several up."""
        kept = list(parts)
        return Sums(
            *(sum(column, start=type(column[0])()) for column in zip(Sums(), *kept, strict=True))
        )

    def share(self, name: str) -> float:
        """Give a count as a share of the seeds; 0 without any."""
        return float(getattr(self, name) / self.seeds) if self.seeds else 0.0

    def median(self, name: str) -> float:
        """Give the median of a column; 0 without any."""
        values = getattr(self, name)
        return float(statistics.median(values)) if values else 0.0

    def note(self) -> str:
        """Say how many seeds there were, and why what was undone was."""
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(self.reasons.items()))
        return f"{self.seeds} seeds" + (f"; {reasons}" if reasons else "")


class Parts:
    """The parts of a benchmark that are played.

    Args:
        name: Of the benchmark.
        small: Nothing is read or kept.
    """

    def __init__(self, name: str, *, small: bool) -> None:
        self._path = RESULTS / f"{name}.parts.json"
        self._small = small
        self._until = time.perf_counter() + MINUTES * 60
        kept = json.loads(self._path.read_text()) if self._path.exists() and not small else {}
        fresh = kept.get("code") == code()
        self._cells: dict[str, list[dict[str, Any]]] = kept["cells"] if fresh else {}

    def fill(self, cell: Cell, rules: str, seeds: int) -> None:
        """Play a cell's seeds under somebody's rules as far as time allows."""
        parts = self._cells.setdefault(cell.key(rules), [])
        while (done := len(parts) * AT_ONCE) < seeds and time.perf_counter() < self._until:
            parts.append(cell.play(rules, len(parts), min(AT_ONCE, seeds - done)))
            self._keep()

    def sums(self, cell: Cell, rules: str) -> Sums:
        """Add up what was played of a cell under somebody's rules."""
        parts = self._cells.get(cell.key(rules), [])
        return Sums.of(_sums(part) for part in parts)

    def _keep(self) -> None:
        if not self._small:
            content = {"code": code(), "commit": commit(), "seed": 1, "cells": self._cells}
            self._path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def _sums(part: dict[str, Any]) -> Sums:
    columns = {
        name: tuple(value) if isinstance(value, list) else value for name, value in part.items()
    }
    return Sums(**columns | {"reasons": Counter(part.get("reasons", {}))})


def code() -> str:
    """Give a fingerprint of the code that the parts depend on."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> set[Path]:
    """Find what playing reaches in the folders that matter, by its imports."""
    found = set((_ROOT / "optimizer/simulate/rivals").glob("*.py"))
    waiting = [_ROOT / "tests/benchmarks/gates/cells.py"]
    while waiting:
        path = waiting.pop()
        if path.exists() and path not in found:
            found.add(path)
            names = _IMPORT.findall(path.read_text())
            reached = [_ROOT / f"{name.replace('.', '/')}.py" for name in names]
            waiting += reached
    return found
