"""An application that evaluates flags is steered from finding to end, each change approved."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataflows.live_demo.repeating import repeat
from dataflows.live_demo.stage import Stage
from dataflows.live_demo.watching import Watching
from tests.command_line import llm_optimizer
from tests.dataflows.actuating import wait_until
from tests.flagged_app import App, Call, Models

PROPOSED_S, ENDED_S = 180, 480
FOLLOWED_S = 2  # the provider looks at its file twice a second
SUPPORT, SEARCH = "acme/shop/support", "acme/shop/search"
LATENCY_S = {"gpt-4o": 0.2, "gpt-4.1-mini": 0.2, "gpt-4.1": 0.2, "o4-mini": 0.4}
# People rate within the span around the call, which is no call's own.
ASKING = {"autonomy": "approve", "attribution": {"span_wait_secs": 5}}


def settings(stage: Stage) -> None:
    """Let the demo's optimizer ask before it acts, and read what the application tells."""
    path = stage.out / "optimizer.yaml"
    given: dict[str, Any] = yaml.safe_load(path.read_text())
    del given["telemetry"]
    path.write_text(yaml.safe_dump({**given, **ASKING}))


def ask(stage: Stage, *words: object) -> str:
    done = llm_optimizer(*words, "--config", "optimizer.yaml", cwd=stage.out, **stage.variables())
    assert done.returncode == 0, done.stderr
    return done.stdout


def pending(stage: Stage) -> dict[str, str]:
    """Give the ids of what waits for leave, by route."""
    listed = ask(stage, "decisions", "list", "--status", "pending", "--output", "json")
    return {one["route"]: one["id"] for one in map(json.loads, listed.splitlines())}


def models_of(calls: list[Call], route: str) -> set[tuple[str, ...]]:
    """Give the models that conversations met one after the other."""
    found: dict[str, list[str]] = {}
    for call in calls:
        if call.route == route and found.setdefault(call.conversation, [])[-1:] != [call.model]:
            found[call.conversation].append(call.model)
    return set(map(tuple, found.values()))


@pytest.mark.slow
def test_a_cheaper_model_is_kept_and_a_slower_one_taken_back_through_flags(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "optimizer", litellm=tmp_path)
    settings(stage)
    with ExitStack() as stack:
        models = stack.enter_context(closing(Models(LATENCY_S)))
        run = stage.start_optimizer()
        stack.callback(run.stdout.close)
        stack.callback(stage.end)
        watching = Watching(run)
        flags = stage.out / "documents" / "flags.json"
        wait_until(flags.exists)
        with App(flags, stage, models.address, {SUPPORT: "gpt-4o", SEARCH: "gpt-4.1"}) as app:
            wait_until(lambda: len(pending(stage)) == 2, PROPOSED_S, 5)
            assert {call.model for call in app.calls} == {"gpt-4o", "gpt-4.1"}
            for id_ in pending(stage).values():
                ask(stage, "orders", "approve", id_, "--author", "ada")
            wait_until(lambda: len(watching.ended) == 2, ENDED_S, 1)
            time.sleep(FOLLOWED_S)
            decided = len(app.calls)
            time.sleep(2 * FOLLOWED_S)
        watched = ask(stage, "rollouts", "watch", "--no-follow")
        stage.end()
        watching.close()
    assert not app.faults
    assert watching.ended == {SUPPORT: "completed", SEARCH: "rolled_back"}
    assert "harm latency" in watched
    after = {(call.route, call.model) for call in app.calls[decided:]}
    assert after == {(SUPPORT, "gpt-4.1-mini"), (SEARCH, "gpt-4.1")}
    # Nobody is asked back while a cohort grows.
    assert models_of(app.calls, SUPPORT) == {
        ("gpt-4o",), ("gpt-4o", "gpt-4.1-mini"), ("gpt-4.1-mini",)
    }  # fmt: skip
    assert models_of(app.calls, SEARCH) <= {
        ("gpt-4.1",), ("gpt-4.1", "o4-mini"), ("o4-mini", "gpt-4.1"), ("o4-mini",),
        ("gpt-4.1", "o4-mini", "gpt-4.1"),
    }  # fmt: skip
    assert " outputs, the same byte for byte" in repeat(stage)
