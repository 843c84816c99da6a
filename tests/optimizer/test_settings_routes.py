"""Routes in the settings: their names, their arms, their thresholds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from optimizer.models import PRESETS, TaskType
from optimizer.settings import validate
from tests.optimizer.settings_strategies import faults_of, without_variables


def an_arm(model: str = "gpt-4o", **parameters: Any) -> dict[str, Any]:
    return {"model": model, **parameters}


def a_route(**members: Any) -> dict[str, Any]:
    return {"route": "acme/support/answer", **members}


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        pytest.param(
            {"routes": [a_route(), a_route()]},
            "routes[1].route is 'acme/support/answer': must differ from routes[0].route",
            id="a route stands once",
        ),
        pytest.param(
            {"routes": [a_route(candidates=[an_arm(), an_arm("b"), an_arm()])]},
            "routes[0].candidates[2] is 'gpt-4o-ID': must differ from routes[0].candidates[0]",
            id="a candidate stands once",
        ),
        pytest.param(
            {"routes": [a_route(incumbent=an_arm(), candidates=[an_arm(temperature=0.7)])]},
            "routes[0].candidates[0] is 'gpt-4o-ID': must differ from routes[0].incumbent",
            id="the incumbent in other words is no candidate",
        ),
        pytest.param(
            {"routes": [a_route(incumbent={"temperature": 0.5})]},
            "routes[0].incumbent.model is not given: must be one line of text",
            id="an arm has a model",
        ),
    ],
)
def test_a_repetition_is_one_fault(mapping: object, fault: str) -> None:
    [told] = without_variables(faults_of(mapping))
    assert re.sub(r"-[0-9a-f]{8}'", "-ID'", told) == fault


def test_a_contradiction_is_told_beside_a_fault_elsewhere() -> None:
    routes = [a_route(candidates=[an_arm(), an_arm(top_k=0), an_arm()]), a_route(cells=[1])]
    keys = [
        fault.split(" is ")[0]
        for fault in faults_of({"routes": routes, "stream": {"dedupe_secs": 3}})
    ]
    assert keys == [
        "routes[0].candidates[1].top_k",
        "routes[1].cells",
        "stream.dedupe_secs",
        "routes[0].candidates[2]",
        "routes[1].route",
    ]


@pytest.mark.parametrize(
    "name", ["", "a", "a/b", "a/b/c/d", "/b/c", "a//c", "a/b/", "a/ /c", " a/b/c"]
)
def test_a_route_has_three_parts_and_none_is_empty(name: str) -> None:
    [fault] = faults_of({"routes": [{"route": name}]})
    assert "must be tenant/service/route, no part empty" in fault


@pytest.mark.parametrize("task", list(TaskType))
def test_an_arm_takes_what_it_does_not_say_from_the_tasks_preset(task: TaskType) -> None:
    arm = an_arm(top_p=0.33, prompt="greeting", latency_p95_ms=800)
    made = validate({"routes": [a_route(task=task.value, incumbent=arm)]}).routes[0].incumbent
    usual = {"temperature": 0.7, "max_tokens": 1024, "presence_penalty": None} | PRESETS[task]
    assert made is not None
    assert (made.config.model, made.config.top_p, made.prompt) == ("gpt-4o", 0.33, "greeting")
    assert {name: getattr(made.config, name) for name in usual if name != "top_p"} == {
        name: value for name, value in usual.items() if name != "top_p"
    }
    assert made.declared == ("top_p", "prompt")
    assert made.latency_p95_ms == 800


def test_null_takes_a_presets_penalty_away() -> None:
    arm = an_arm(presence_penalty=None)
    made = validate({"routes": [a_route(task="creative_generation", candidates=[arm])]})
    assert made.routes[0].candidates[0].config.presence_penalty is None
    assert made.routes[0].candidates[0].declared == ("presence_penalty",)


def test_a_route_follows_the_thresholds_it_does_not_override() -> None:
    made = validate(
        {
            "strategies": {"thresholds": {"latency_p95_ms": 1, "error_rate_pct": 2}},
            "routes": [a_route(thresholds={"error_rate_pct": 3})],
        }
    )
    known, other = made.route("acme/support/answer"), made.route("acme/support/other")
    assert (known.thresholds.latency_p95_ms, known.thresholds.error_rate_pct) == (1, 3)
    assert (other.thresholds.latency_p95_ms, other.thresholds.error_rate_pct) == (1, 2)
    assert (other.route, other.incumbent, other.candidates) == ("acme/support/other", None, ())


def test_extra_parameters_are_a_copy() -> None:
    extra = {"stop": ["\n"]}
    made = validate({"routes": [a_route(incumbent=an_arm(extra_params=extra))]}).routes[0].incumbent
    extra["stop"].append("END")
    assert made is not None
    assert made.config.extra_params == {"stop": ["\n"]}
