"""The optimizer steers a world: what is better is promoted, what is worse is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.pages.loop_words import fates
from connectors.worlds import read
from dataflows.playing import play
from dataflows.verifying import verify
from optimizer.documents import SLOTS, Document
from optimizer.simulate.ways import INCUMBENT, OPTIMIZER
from optimizer.simulate.worlds import Following, Stale

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.worlds import WorldFile
    from connectors.worlds.loop_report import RouteReport
    from dataflows.playing import Played

# The owner wants calls to be cheaper, and a cheaper model is at hand.
WORLD = """
start: 2026-03-02T06:00:00Z
length: {length}
heartbeat: 5s
exporter: {{processes: 1}}
routes:
  - route: acme/chat/support
    thresholds: {{cost_per_request: 0.002}}
    arms:
      - {{model: gpt-4o, extra_params: {{provider: openai}}, provider: openai, share: 1,
         latency_ms: {{median: 1500, sigma: 0.45}}, errors: 0.01,
         quality: {{mean: 0.86, sd: 0.18}}}}
      - {{model: gpt-4.1-mini, extra_params: {{provider: openai}}, provider: openai,
         latency_ms: {{median: 1300, sigma: 0.45}}, errors: 0.01,
         quality: {{mean: {quality}, sd: 0.18}}}}
    arrivals: {{calls_per_minute: {rate}}}
    users: {{count: 2000, turns: 2}}
    tokens_in: {{median: 900, sigma: 0.5}}
    tokens_out: {{median: 220, sigma: 0.5}}
    scores: {{share: 1, delay: 20s, delay_sigma: 0.5}}
incidents: {incidents}
settings:
  autonomy: auto
  service: {{optimization_interval_secs: 300}}
  decisions: {{risk_profile: {profile}, cooldown_secs: 86400}}
  constraints: {{approval_above_daily_usd: 100000}}
  stamps: {{check: required, key: a key of the gateways alone}}
"""
AS_GOOD, WORSE = 0.865, 0.66


def a_world(folder: Path, quality: float, **changes) -> WorldFile:
    """Forty minutes of a busy route, under the boldest profile."""
    given = {"length": "40m", "rate": 90, "incidents": "[]", "profile": "aggressive"} | changes
    path = folder / "world.yaml"
    path.write_text(WORLD.format(quality=quality, **given))
    return read(path, loop=True)


def route_of(played: Played) -> RouteReport:
    (route,) = played.report.routes
    return route


def outcome(route: RouteReport) -> str:
    """Say what became of the one candidate there is."""
    counts = fates(route)
    assert counts["tried"] == 1
    if counts["rolled_back"]:
        return "rolled back"
    return "promoted" if counts["promoted"] else "open"


def last_share(route: RouteReport) -> float:
    """Give what the last document gave the candidate."""
    return route.documents[-1].shares.get(route.arms[1].id, 0.0)


def test_an_arm_that_is_as_good_and_cheaper_is_found_and_promoted(tmp_path: Path) -> None:
    file = a_world(tmp_path, AS_GOOD)
    played = play(file, tmp_path / "made")
    route = route_of(played)
    assert outcome(route) == "promoted"
    assert last_share(route) >= 0.95
    shares = [one.shares.get(route.arms[1].id, 0.0) for one in route.documents]
    assert shares == sorted(shares)
    ours, usual = (
        next(one for one in route.ways if one.name == name) for name in (OPTIMIZER, INCUMBENT)
    )
    assert ours.saved_usd > 0.2 * usual.total.cost_usd
    assert ours.bad_calls == 0
    documents = [one.output for one in played.loop.said if isinstance(one.output, Document)]
    assert all(sum(one.slots for one in each.allotments) == SLOTS for each in documents)
    assert verify(tmp_path / "made", played) > 100


def test_an_arm_that_answers_worse_is_found_caught_and_taken_back(tmp_path: Path) -> None:
    route = route_of(play(a_world(tmp_path, WORSE)))
    assert outcome(route) == "rolled back"
    assert last_share(route) == 0
    ours = next(one for one in route.ways if one.name == OPTIMIZER)
    (episode,) = ours.episodes
    assert episode.undone
    assert 0 < ours.bad_calls == episode.calls < 400


def test_an_arm_that_begins_to_fail_is_taken_back_at_once(tmp_path: Path) -> None:
    failing = (
        "[{kind: errors, route: acme/chat/support, arm: gpt-4.1-mini, start: 12m, value: 0.5}]"
    )
    route = route_of(play(a_world(tmp_path, AS_GOOD, incidents=failing)))
    assert outcome(route) == "rolled back"
    undone = next(one for one in route.decisions if one.status == "rolled_back")
    assert "hard" in undone.reason or "errors" in undone.reason


def test_an_arm_that_hangs_is_taken_back(tmp_path: Path) -> None:
    hanging = "[{kind: hang, route: acme/chat/support, arm: gpt-4.1-mini, start: 12m}]"
    route = route_of(play(a_world(tmp_path, AS_GOOD, incidents=hanging)))
    assert outcome(route) == "rolled back"
    assert last_share(route) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("quality", "wanted"), [(AS_GOOD, "promoted"), (WORSE, "rolled back")])
def test_over_seeds_the_right_arm_serves_at_the_end(
    quality: float, wanted: str, tmp_path: Path
) -> None:
    file = a_world(tmp_path, quality, length="150m", rate=60, profile="balanced")
    worlds = [replace(file, world=replace(file.world, seed=seed)) for seed in range(1, 11)]
    found = [outcome(route_of(play(each))) for each in worlds]
    assert found.count(wanted) >= 9, found
    assert found.count("rolled back" if wanted == "promoted" else "promoted") == 0, found


def test_while_a_replica_is_stale_no_step_passes_and_it_is_told(tmp_path: Path) -> None:
    file = a_world(tmp_path, AS_GOOD)
    stale = Stale(replicas=1, start=timedelta(minutes=3), length=timedelta(minutes=37))
    following = Following(replicas=4, stale=stale)
    world = replace(file.world, following=following)
    route = route_of(play(replace(file, world=world)))
    assert max(one.shares.get(route.arms[1].id, 0.0) for one in route.documents) == 0.1
    assert {look.kind for look in route.looks} >= {"invalid"}
    assert "pass" not in {look.kind for look in route.looks}
