"""The loop closed: documents steer the calls, and what becomes of each call is told once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.codecs import to_json
from connectors.pages.loop_page import loop_page
from connectors.worlds import read
from dataflows.loop import Loop
from dataflows.playing import job_of, play, report_of
from dataflows.verifying import NotRepeated, verify
from optimizer.documents import SLOTS, Allotment, Document
from optimizer.windows import WindowKind, WindowSummary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connectors.worlds import WorldFile
    from connectors.worlds.loop_report import LoopReport
    from optimizer.observe.columns import Record

WORLD = """
start: 2026-03-02T06:00:00Z
length: 30m
heartbeat: 5s
seed: 5
partitions: 2
gateway: {delay: 3s, replicas: 2}
routes:
  - route: acme/chat/support
    arms:
      - {model: gpt-4o, share: 1, provider: openai, latency_ms: {median: 900, sigma: 0.3},
         quality: {mean: 0.8, sd: 0.2}, errors: 0.02}
      - {model: gpt-4o-mini, provider: openai, latency_ms: {median: 800, sigma: 0.3},
         quality: {mean: 0.8, sd: 0.2}, errors: 0.02}
    arrivals: {calls_per_minute: 40}
    users: {count: 300, turns: 3}
    tokens_in: {median: 900, sigma: 0.4}
    tokens_out: {median: 200, sigma: 0.4}
    scores: {share: 0.5, delay: 20s}
incidents:
  - {kind: hang, route: acme/chat/support, arm: gpt-4o-mini, start: 14m, length: 3m}
settings:
  stamps: {check: required, key: "a key that the gateways hold"}
"""
PLAN = ((8, 10), (12, 100), (20, 190))  # minute of the world, slots of the second arm


@pytest.fixture
def world(tmp_path: Path) -> WorldFile:
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    return read(path, loop=True)


class Planned:
    """A job whose documents come by a plan, whatever its telemetry says; it counts the calls."""

    def __init__(self, file: WorldFile, folder: Path) -> None:
        self.world = file.world
        self.counted: Counter[tuple[str, int]] = Counter()
        self.settings, self._job = job_of(file, folder)
        self._waiting = list(enumerate(PLAN, 1))

    def take(self, record: Record) -> Iterator[Any]:
        for said in self._job.take(record):
            if isinstance(said, WindowSummary) and said.kind is WindowKind.MINUTE:
                self.counted[said.arm, said.revision] += said.calls
            yield said
        while self._waiting and record.stamp_ns >= self._at_ns(self._waiting[0][1][0]):
            yield self._document(*self._waiting.pop(0))

    def finish(self) -> Iterator[Any]:
        for said in self._job.finish():
            if isinstance(said, WindowSummary) and said.kind is WindowKind.MINUTE:
                self.counted[said.arm, said.revision] += said.calls
            yield said

    def _at_ns(self, minute: int) -> int:
        return int((self.world.start + timedelta(minutes=minute)).timestamp()) * 10**9

    def _document(self, revision: int, step: tuple[int, int]) -> Document:
        route = self.world.routes[0]
        large, small = (arm.arm for arm in route.arms)
        owners = ((small, step[1]), (large, SLOTS - step[1]))
        return Document(
            route=route.route,
            revision=revision,
            arms=(large, small),
            allotments=tuple(Allotment(arm=arm.id, slots=slots) for arm, slots in owners),
            incumbent=large.id,
            salt="salt",
            created_at=self.world.start + timedelta(minutes=step[0]),
        )


def planned(file: WorldFile, folder: Path) -> tuple[Planned, Loop, LoopReport, list[Record]]:
    folder.mkdir()
    job, kept = Planned(file, folder), []
    loop = Loop(file, job.take, kept.append)
    loop.run()
    loop.finish(job.finish())
    return job, loop, report_of(file, job.settings, loop), kept


def test_every_call_is_counted_in_exactly_one_arm_here_and_in_telemetry(
    world: WorldFile, tmp_path: Path
) -> None:
    job, loop, report, _ = planned(world, tmp_path / "made")
    (drawn,) = loop.drawn
    assigned = loop.steering[drawn.route.route].assigned.take(drawn.made)
    ids = [arm.arm.id for arm in drawn.route.arms]
    arms = [ids[arm] for arm in assigned.arm.tolist()]
    commanded = Counter(zip(arms, assigned.revision.tolist(), strict=True))
    ours = report.routes[0].ways[0]
    assert {revision for _, revision in commanded} == {0, 1, 2, 3}
    assert not job.counted - commanded
    assert ours.total.hung > 0
    assert commanded - job.counted == {(ids[1], 2): ours.total.hung}
    assert {arm: one.calls for arm, one in ours.by_arm.items()} == Counter(arms)


def test_the_same_world_and_seed_give_the_same_report_page_and_telemetry(
    world: WorldFile, tmp_path: Path
) -> None:
    _, _, first, records = planned(world, tmp_path / "first")
    _, _, second, others = planned(world, tmp_path / "second")
    assert to_json(first) == to_json(second)
    assert loop_page([first]) == loop_page([second])
    assert records == others
    differing = replace(world, world=replace(world.world, seed=6))
    assert to_json(planned(differing, tmp_path / "third")[2]) != to_json(first)


def test_the_recording_of_a_loop_leads_to_the_same_and_another_is_told(
    world: WorldFile, tmp_path: Path
) -> None:
    played = play(world, tmp_path / "made")
    windows = [one for one in played.loop.said if isinstance(one.output, WindowSummary)]
    assert verify(tmp_path / "made", played) == len(windows) > 50
    played.loop.said.remove(windows[7])
    with pytest.raises(NotRepeated, match="the replay says 1 things that the loop did not"):
        verify(tmp_path / "made", played)
