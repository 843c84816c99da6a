"""How many of an arm's calls are scored, by what and by whom: what a mean of scores is worth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimizer.judgements import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Arm = tuple[str, str]  # route, arm
MOST_ARMS = 1 << 16  # more are not told
MOST_NAMES = 64  # of scores of one arm; the others are told together
OTHER = "~other"


@dataclass(frozen=True, slots=True, order=True)
class Scored:
    """How many scores of one name a kind of judge gave."""

    name: str
    judge: str
    scores: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the calls of an arm are scored, since they were first seen.

    Attributes:
        route: The route.
        arm: The arm.
        calls: How many calls it had.
        scored: Its scores, sorted by name and judge.
    """

    route: str
    arm: str
    calls: int
    scored: tuple[Scored, ...]

    @property
    def most(self) -> Scored:
        """Give the most frequent score; one of nothing where there is none."""
        return max(self.scored, key=lambda each: each.scores, default=Scored("", "", 0))

    @property
    def share(self) -> float:
        """Share of its calls that the most frequent score covers, at most 1; 0 without calls."""
        return min(self.most.scores / self.calls, 1.0) if self.calls else 0.0


class Covered:
    """Calls and scores of arms; told of the routes that have any scores."""

    def __init__(self) -> None:
        self._calls: Counter[Arm] = Counter()
        self._scores: dict[Arm, Counter[tuple[str, int]]] = {}
        self._newest: dict[Arm, int] = {}
        self._scored: set[str] = set()  # routes
        self._changed: set[Arm] = set()

    def see(self, pane: int, calls: Iterable[tuple[str, str, int]]) -> None:
        """Count calls of arms in a pane."""
        for route, arm, count in calls:
            if self._knows((route, arm), pane):
                self._calls[route, arm] += count

    def score(self, pane: int, arm: Arm, name: str, judge: int, count: int) -> None:
        """Count scores of an arm."""
        if not self._knows(arm, pane):
            return
        scores = self._scores.setdefault(arm, Counter())
        if (name, judge) not in scores and len(scores) >= MOST_NAMES:
            name = OTHER
        scores[name, judge] += count
        self._scored.add(arm[0])

    def _knows(self, arm: Arm, pane: int) -> bool:
        if arm not in self._newest and len(self._newest) >= MOST_ARMS:
            return False
        self._newest[arm] = pane
        self._changed.add(arm)
        return True

    def told(self) -> Iterator[Coverage]:
        """Give the arms of scored routes that have changed since this was asked last."""
        for arm in sorted(self._changed):
            if arm[0] in self._scored:
                scores = sorted(self._scores.get(arm, Counter()).items())
                scored = tuple(Scored(n, Judge(j).name.lower(), count) for (n, j), count in scores)
                yield Coverage(*arm, self._calls[arm], scored)
        self._changed = {arm for arm in self._changed if arm[0] not in self._scored}

    def forget(self, before: int) -> None:
        """Let go of arms that had neither calls nor scores since a pane."""
        for arm in [arm for arm, pane in self._newest.items() if pane < before]:
            del self._newest[arm]
            self._calls.pop(arm, None)
            self._scores.pop(arm, None)
            self._changed.discard(arm)
        self._scored = {route for route, _ in self._scores}

    def dump(self) -> list[Any]:
        """Give the state as plain values."""
        return [
            (
                arm,
                pane,
                self._calls[arm],
                [(*which, count) for which, count in self._scores.get(arm, Counter()).items()],
                arm in self._changed,
            )
            for arm, pane in self._newest.items()
        ]

    @classmethod
    def load(cls, state: list[Any]) -> Covered:
        """Read what `dump` gave."""
        covered = cls()
        for (route, name), pane, calls, scores, changed in state:
            arm = (route, name)
            covered._newest[arm], covered._calls[arm] = pane, calls
            if scores:
                counts = Counter({(what, judge): count for what, judge, count in scores})
                covered._scores[arm] = counts
                covered._scored.add(route)
            if changed:
                covered._changed.add(arm)
        return covered
