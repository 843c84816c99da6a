"""The demo: what a person sees who has just come."""

from __future__ import annotations

import json

import pytest

from connectors.api.recording import SHIPPED
from connectors.worlds import read
from tests.connectors.api.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch: pytest.MonkeyPatch, capfd) -> Shell:
    return Shell(tmp_path, monkeypatch, capfd)


@pytest.mark.slow
def test_a_better_model_is_promoted_a_worse_one_taken_back_and_a_replay_agrees(
    shell: Shell,
) -> None:
    done = shell("simulate", "closed-loop", "--loop", "--out", "demo", "--verify")
    assert done.code == 0, done.errors
    told = [line.split(maxsplit=2)[1:] for line in done.output.splitlines() if line[2:3] == ":"]
    story = {(route, words.split("  ")[0]) for route, words in told}
    assert ("chat/support", "PROMOTED") in story
    assert ("chat/support", "KEPT") in story
    assert ("chat/support", "ROLLED BACK") not in story
    assert ("search/summaries", "ROLLED BACK") in story
    assert ("search/summaries", "PROMOTED") not in story
    assert "the same byte for byte" in done.output
    (report,) = json.loads((shell.folder / "demo" / "loop.json").read_bytes())
    ways = {
        (route["route"], way["name"]): way for route in report["routes"] for way in route["ways"]
    }
    ours = ways["acme/search/summaries", "optimizer"]
    rivals = [
        way
        for (route, name), way in ways.items()
        if route == "acme/search/summaries" and "rules" in name
    ]
    assert all(ours["bad_calls"] * 10 < rival["bad_calls"] for rival in rivals)


def test_the_demo_signs_its_stamps_scores_every_call_and_acts_alone() -> None:
    file = read(SHIPPED["closed-loop"], loop=True)
    assert file.settings["stamps"]["check"] == "required"
    assert file.stamp_key
    assert file.settings["autonomy"] == "auto"
    assert {route.scores.share for route in file.world.routes} == {1.0}
