"""`plan`: what a rollout would take is told beforehand, and what cannot be shown is said."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.codecs import to_json
from connectors.stores.sqlite import SqliteStore
from optimizer.ports import Row
from optimizer.windows import WindowKind, WindowSummary
from tests.builders import ROUTE, a_summary
from tests.connectors.api.shell import Shell

SETTINGS = f"""
routes:
  - route: {ROUTE}
    candidates: [{{model: gpt-4o, cache: true}}, {{model: gpt-4o-mini}}]
"""


def stored(folder: Path, **lately: object) -> Path:
    """A database that knows an hour of the route: 3,600 calls, 2 % failed, one in five scored."""
    hour = a_summary(**{"kind": WindowKind.HOUR, "errors": 72, "billed": 3528, **lately})
    return keeping(folder / "views.db", hour)


def keeping(path: Path, *windows: WindowSummary) -> Path:
    """Put windows into a database, as the job does."""
    rows = [
        Row(f"{one.route}|{one.arm}|{one.revision}|{one.kind}", one.end.isoformat(), to_json(one))
        for one in windows
    ]
    with closing(SqliteStore(path, 1.0)) as store:
        store.put("windows", rows)
    return path


def told(shell: Shell, database: Path, *options: object) -> dict[str, Any]:
    done = shell("plan", ROUTE, "--db", database, "--output", "json", *options)
    assert (done.code, done.errors) == (0, "")
    plan: dict[str, Any] = json.loads(done.output)
    return plan


def test_each_step_and_metric_has_its_calls_and_time(shell: Shell, tmp_path: Path) -> None:
    plan = told(shell, stored(tmp_path))
    assert (plan["type"], plan["calls_per_hour"], plan["impossible"]) == ("plan", 3600, [])
    assert [step["share"] for step in plan["steps"]] == [0.05, 0.25, 0.5]
    assert [step["next_share"] for step in plan["steps"]] == [0.25, 0.5, 0.95]
    metrics = {each["metric"] for each in plan["steps"][0]["metrics"]}
    assert metrics == {"latency", "cost", "quality", "errors", "slow"}


def test_a_change_of_the_cache_alone_needs_no_quality(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "optimizer.yaml").write_text(
        SETTINGS.replace("candidates", "incumbent: {model: gpt-4o}\n    candidates")
    )
    database, given = stored(tmp_path), ("--config", tmp_path / "optimizer.yaml")
    cached = told(shell, database, *given)
    other = told(shell, database, *given, "--candidate", "gpt-4o-mini")
    assert "quality" not in {each["metric"] for each in cached["steps"][0]["metrics"]}
    assert "quality" in {each["metric"] for each in other["steps"][0]["metrics"]}
    assert cached["candidate"].startswith("gpt-4o-")
    assert sum(step["minutes"] for step in other["steps"]) > sum(
        step["minutes"] for step in cached["steps"]
    )


def test_what_is_never_scored_cannot_be_shown(shell: Shell, tmp_path: Path) -> None:
    plan = told(shell, stored(tmp_path, scores=0))
    assert plan["impossible"] == ["quality: no call is scored, and answers may change"]
    assert plan["steps"][0]["minutes"] is None


def test_little_traffic_is_told_to_prove_nothing_in_time(shell: Shell, tmp_path: Path) -> None:
    plan = told(shell, stored(tmp_path, calls=20, errors=0, billed=20))
    assert any("not within 24 h at 5.0%" in each for each in plan["impossible"])


def test_all_calls_of_the_route_are_its_traffic_and_old_windows_none(
    shell: Shell, tmp_path: Path
) -> None:
    hour = a_summary(kind=WindowKind.HOUR, calls=3000)
    other = replace(hour, arm="other", calls=600)
    gone = replace(hour, arm="gone", calls=9000, end=hour.end - timedelta(hours=3))
    plan = told(shell, keeping(tmp_path / "views.db", hour, other, gone))
    assert (plan["calls_per_hour"], plan["incumbent"]) == (3600, hour.arm)


@pytest.mark.parametrize(
    ("calls", "rate"),
    [
        # Of each kind of window, longest first: at true 7,200 an hour, begun ...
        pytest.param((7200, 1800, 600, 120), 7200, id="long ago"),
        pytest.param((1500, 1500, 600, 120), 6000, id="12 minutes ago"),
        pytest.param((600, 600, 600, 120), 7200, id="5 minutes ago"),
        pytest.param((360, 360, 360, 120), 4320, id="3 minutes ago"),
        pytest.param((0, 0, 600, 120), 7200, id="5 minutes ago, no quarter over yet"),
        pytest.param((20, 6, 4, 3), 20, id="few calls, which say little of a rate"),
    ],
)
def test_a_route_whose_traffic_has_only_begun_is_planned_by_what_was_seen(
    shell: Shell, tmp_path: Path, calls: tuple[int, ...], rate: float
) -> None:
    kinds = (WindowKind.HOUR, WindowKind.QUARTER, WindowKind.SLIDING, WindowKind.MINUTE)
    windows = [a_summary(kind=kind, calls=n) for kind, n in zip(kinds, calls, strict=True)]
    assert told(shell, keeping(tmp_path / "views.db", *windows))["calls_per_hour"] == rate


@pytest.mark.parametrize("calls", [120, 6], ids=str)
def test_the_first_minute_of_traffic_is_too_early(shell: Shell, tmp_path: Path, calls: int) -> None:
    windows = [
        a_summary(kind=kind, calls=calls) for kind in (WindowKind.SLIDING, WindowKind.MINUTE)
    ]
    done = shell("plan", ROUTE, "--db", keeping(tmp_path / "views.db", *windows))
    assert done.code == 1
    again = windows[0].end + timedelta(minutes=5)
    assert f"ask again at {again:%H:%M} UTC" in done.errors


def test_a_window_that_a_replay_cut_short_counts_for_what_was_replayed(
    shell: Shell, tmp_path: Path
) -> None:
    minute = a_summary(kind=WindowKind.MINUTE, calls=60, partial=True)
    hour = a_summary(kind=WindowKind.HOUR, calls=1200, partial=True)
    hour = replace(
        hour, start=minute.end - timedelta(minutes=20), end=minute.end + timedelta(minutes=40)
    )
    assert told(shell, keeping(tmp_path / "views.db", hour, minute))["calls_per_hour"] == 3600


def test_what_is_never_shown_is_said_in_its_place(shell: Shell, tmp_path: Path) -> None:
    done = shell("plan", ROUTE, "--db", stored(tmp_path, scores=0))
    assert " cannot be shown\n" in done.output
    assert "in never" not in done.output


def test_the_plan_is_read_as_tables(shell: Shell, tmp_path: Path) -> None:
    done = shell("plan", ROUTE, "--db", stored(tmp_path))
    assert (done.code, done.errors) == (0, "")
    assert "at 3,600 calls an hour, for a candidate that is no worse" in done.output
    assert "+8.0 points in" in done.output
    assert "together" in done.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("acme/none/such",), "no window of 'acme/none/such' is known"),
        ((ROUTE, "--candidate", "nope"), "no candidate of the route is called 'nope'"),
    ],
    ids=["route", "candidate"],
)
def test_what_is_not_known_is_said(shell: Shell, tmp_path: Path, arguments, complaint) -> None:
    done = shell("plan", *arguments, "--db", stored(tmp_path))
    assert done.code == 1
    assert complaint in done.errors


def test_a_replayed_route_can_be_planned(shell: Shell, replayed: Path) -> None:
    done = shell("plan", "acme/chat/support", "--db", replayed / "optimizer.db")
    assert (done.code, done.errors) == (0, "")
