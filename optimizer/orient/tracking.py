"""Keeping the usual levels of all arms of a route, for any metric that has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimizer.orient.baselines import (
    WARM_WINDOWS,
    departure,
    learn,
    learn_rhythm,
    renewed,
)
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from optimizer.orient.baselines import Baseline, Departure, Sample, Scale
    from optimizer.orient.signs import Scene
    from optimizer.windows import WindowSummary

MINUTES = {
    WindowKind.MINUTE: 1,
    WindowKind.SLIDING: 5,
    WindowKind.QUARTER: 15,
    WindowKind.HOUR: 60,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A metric with a usual level.

    Attributes:
        rule: The rule that compares it; while a finding of that rule is open nothing is learnt.
        scale: What is assumed of it at first.
        read: Gives a window's sample; None when the window tells nothing.
        teacher: Disjoint windows of this kind teach the level.
        kinds: Windows that are compared with it.
        least: Calls or scores a window must hold to be compared.
    """

    rule: str
    scale: Scale
    read: Callable[[WindowSummary], Sample | None]
    teacher: WindowKind
    kinds: tuple[WindowKind, ...]
    least: int

    def learn(self, baselines: dict[str, Baseline], scene: Scene) -> dict[str, Baseline]:
        """Learn from the windows of this minute; the same mapping when there are none."""
        minutes = MINUTES[self.teacher]
        if scene.minute % minutes:
            return baselines
        learnt = dict(baselines)
        for arm, sample in self._samples(self.teacher, scene):
            known = self._renewed_if_stale(learnt.get(arm), arm, scene)
            learnt[arm] = learn(known, self.scale, sample, scene.minute - minutes, scene.minute)
        for arm, sample in self._samples(WindowKind.HOUR, scene):
            if arm in learnt and learnt[arm].windows >= WARM_WINDOWS:
                learnt[arm] = learn_rhythm(learnt[arm], self.scale, sample, scene.minute)
        return learnt

    def departures(
        self, baselines: Mapping[str, Baseline], scene: Scene
    ) -> Iterator[tuple[WindowSummary, Sample, Departure]]:
        """Give how far each window that is large enough is from what is usual."""
        for kind in self.kinds:
            for arm, summary in scene.windows.get(kind, {}).items():
                sample = self.read(summary)
                if sample is None or sample.n < self.least or arm not in baselines:
                    continue
                start = scene.minute - MINUTES[kind]
                found = departure(baselines[arm], self.scale, sample, start, scene.minute)
                if found is not None:
                    yield summary, sample, found

    def _samples(self, kind: WindowKind, scene: Scene) -> Iterator[tuple[str, Sample]]:
        for arm, summary in scene.windows.get(kind, {}).items():
            sample = self.read(summary)
            if sample is not None and not scene.freezes(self.rule, arm):
                yield arm, sample

    def _renewed_if_stale(
        self, baseline: Baseline | None, arm: str, scene: Scene
    ) -> Baseline | None:
        """Begin afresh after a finding that froze the baseline for as long as it may."""
        finding = scene.open.get((self.rule, arm))
        if baseline is None or finding is None:
            return baseline
        frozen = baseline.minute <= finding.since.timestamp() // 60
        return renewed(baseline, self.scale) if frozen else baseline
