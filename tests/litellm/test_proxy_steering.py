"""What becomes of calls: by the document, in the caller's words where it says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.client import Client
from connectors.gateways.litellm_plugin.groups import Groups
from connectors.gateways.litellm_plugin.requests import Request
from connectors.gateways.litellm_plugin.steering import Steering
from optimizer.documents import Unit
from optimizer.models import Arm, ModelConfig
from tests.litellm.proxy import MODELS
from tests.litellm.steering import NEW, OLD, PAIR, ROUTE, a_step, publish

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = {"chat": ROUTE, "team": "acme/team/*", "*": "acme/any/*"}
ASKED = Request("chat", "acompletion", "call-1", conversation="a conversation")


def an_arm(**config: Any) -> Arm:
    """An arm of the small model that says what is given."""
    rest = {name: config.pop(name) for name in ("prompt", "prompt_version") if name in config}
    told = ModelConfig(model="gpt-4o-mini", **config)
    return Arm(config=told, declared=("model", *config, *rest), **rest)


def steering(folder: Path, **changes: Any) -> Steering:
    """Steer by a document that gives all calls to one arm."""
    publish(folder, a_step(1, 200, changes.pop("arm", NEW), **changes))
    return opened(folder)


def opened(folder: Path) -> Steering:
    client = Client(folder, PAIR.public, routes=[ROUTE])
    return Steering(client, ROUTES, Groups(lambda: MODELS, {}, lambda: 0))


def rewritten(steered: Steering, request: Request = ASKED, **data: Any) -> dict[str, Any]:
    data = {"model": request.group, **data}
    steered.rewrite(steered.assign(request), request, data)
    return data


@pytest.mark.parametrize(
    ("group", "named", "route"),
    [
        ("chat", "", ROUTE),
        ("chat", "other", ROUTE),
        ("team", "summary", "acme/team/summary"),
        ("team", "", "acme/team/team"),
        ("team", "two/parts", "acme/team/team"),
        ("small", "", "acme/any/small"),
        ("openai/gpt-4o", "", ""),
    ],
)
def test_a_route_is_found_by_group_and_by_what_the_request_says(
    tmp_path: Path, group: str, named: str, route: str
) -> None:
    request = ASKED._replace(group=group, route=named)
    assert opened(tmp_path).route_of(request) == route


def test_without_a_document_a_call_stays_as_it_is_and_names_its_route(tmp_path: Path) -> None:
    assigned = opened(tmp_path).assign(ASKED)
    assert assigned.group == "chat"
    assert dict(assigned.choice.stamps) == {"llm.optimizer.route": ROUTE}
    assert rewritten(opened(tmp_path), temperature=1) == {"model": "chat", "temperature": 1}


def test_an_arm_s_words_replace_the_caller_s_and_nothing_else(tmp_path: Path) -> None:
    data = rewritten(steering(tmp_path), temperature=1, max_completion_tokens=9, top_p=0.5)
    assert data == {"model": "small", "temperature": 0.2, "max_tokens": 64, "top_p": 0.5}


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("anthropic_messages", {"temperature": 0.2, "max_tokens": 64}),
        ("aresponses", {"temperature": 0.2, "max_output_tokens": 64}),
        ("atext_completion", {"temperature": 0.2, "max_tokens": 64}),
    ],
)
def test_parameters_are_called_as_the_kind_of_call_does(
    tmp_path: Path, kind: str, written: dict[str, Any]
) -> None:
    data = rewritten(steering(tmp_path), ASKED._replace(kind=kind))
    assert data == {"model": "small", **written}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (
            "acompletion",
            {"messages": [{"role": "user", "content": "Hi"}]},
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hi"},
                ]
            },
        ),
        (
            "acompletion",
            {"messages": [{"role": "developer", "content": "Be long."}]},
            {"messages": [{"role": "developer", "content": "Be brief."}]},
        ),
        ("anthropic_messages", {"system": "Be long."}, {"system": "Be brief."}),
        ("aresponses", {}, {"instructions": "Be brief."}),
    ],
)
def test_an_arm_s_prompt_takes_the_place_of_the_caller_s(
    tmp_path: Path, kind: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    steered = steering(tmp_path, arm=an_arm(system_prompt="Be brief."))
    assert rewritten(steered, ASKED._replace(kind=kind), **before) == {"model": "small", **after}


@pytest.mark.parametrize(
    ("arm", "kind", "told"),
    [
        pytest.param(
            replace(NEW, config=ModelConfig(model="gpt-5")),
            "acompletion",
            "no model group serves gpt-5",
            id="no group",
        ),
        pytest.param(NEW, "aembedding", "no temperature, max_tokens", id="no such parameter"),
        pytest.param(
            an_arm(system_prompt="Be brief."), "atext_completion", "no system prompt", id="no place"
        ),
        pytest.param(
            an_arm(prompt="answer", prompt_version="4"), "acompletion", "not in the", id="no text"
        ),
        pytest.param(
            an_arm(extra_params={"api_base": "http://elsewhere"}),
            "acompletion",
            "api_base, which no arm may",
            id="an arm that would call elsewhere",
        ),
    ],
)
def test_an_arm_that_cannot_be_carried_out_leaves_its_calls_to_the_incumbent(
    tmp_path: Path, arm: Arm, kind: str, told: str
) -> None:
    steered = steering(tmp_path, arm=arm)
    assigned = steered.assign(ASKED._replace(kind=kind))
    assert (assigned.choice.arm, assigned.group) == (OLD.id, "chat")
    assert (assigned.choice.revision, assigned.choice.slot) == (0, -1)
    (obstacle,) = steered.obstacles(ROUTE).values()
    assert told in obstacle


def test_where_the_incumbent_cannot_be_carried_out_either_calls_stay_as_they_are(
    tmp_path: Path,
) -> None:
    gone = [Arm(config=ModelConfig(model=model)) for model in ("gpt-5", "gpt-6")]
    publish(tmp_path, a_step(1, 200, gone[0], arms=tuple(gone), incumbent=gone[1].id))
    steered = opened(tmp_path)
    assigned = steered.assign(ASKED)
    assert assigned.group == "chat"
    assert dict(assigned.choice.stamps) == {"llm.optimizer.route": ROUTE}
    assert set(steered.obstacles(ROUTE)) == {arm.id for arm in gone}


def test_an_obstacle_that_is_gone_is_told_no_more(tmp_path: Path) -> None:
    publish(tmp_path, a_step(1, 200, replace(NEW, config=ModelConfig(model="gpt-5"))))
    models, now = list(MODELS), [0]
    client = Client(tmp_path, PAIR.public, routes=[ROUTE])
    steered = Steering(client, ROUTES, Groups(lambda: models, {}, lambda: now[0]))
    steered.assign(ASKED)
    assert steered.obstacles(ROUTE)
    models.append({"model_name": "gpt-5", "litellm_params": {"model": "openai/gpt-5"}})
    now[0] = 2_000_000_000
    assert steered.assign(ASKED).group == "gpt-5"
    assert not steered.obstacles(ROUTE)


def test_a_unit_s_arm_is_the_client_s(tmp_path: Path) -> None:
    publish(tmp_path, a_step(1, 60, unit=Unit.USER))
    steered = opened(tmp_path)
    client = Client(tmp_path, PAIR.public, routes=[ROUTE])
    for number in range(500):
        request = ASKED._replace(user=f"user-{number}")
        assert steered.assign(request).choice == client.choose(ROUTE, f"user-{number}")


def test_kinds_of_calls_that_no_document_speaks_of_are_left_alone(tmp_path: Path) -> None:
    request = ASKED._replace(kind="arerank")
    steered = steering(tmp_path)
    assert steered.assign(request) == (None, "chat")
    assert rewritten(steered, request) == {"model": "chat"}
