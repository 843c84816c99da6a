"""Which model group serves an arm's model."""

from __future__ import annotations

import pytest

from connectors.gateways.litellm_plugin.groups import Groups
from tests.litellm.proxy import a_model

LIST = [
    a_model("chat", "openai/gpt-4o"),
    a_model("chat", "azure/gpt-4o-eu"),
    a_model("spare", "openai/gpt-4o"),
    a_model("small", "openai/gpt-4o-mini"),
    a_model("claude-sonnet-4", "bedrock/anthropic.claude-sonnet-4"),
    a_model("local", "together_ai/meta-llama/Llama-3"),
    {"litellm_params": None},
]


def groups(told: dict[str, str] | None = None) -> Groups:
    return Groups(lambda: LIST, told or {}, lambda: 0)


@pytest.mark.parametrize(
    ("model", "own", "group"),
    [
        pytest.param("gpt-4o-mini", "chat", "small", id="by its deployment"),
        pytest.param("openai/gpt-4o-mini", "chat", "small", id="with its provider"),
        pytest.param("gpt-4o", "chat", "chat", id="the own one of several"),
        pytest.param("gpt-4o", "spare", "spare", id="the own one, though it is the later"),
        pytest.param("gpt-4o", "small", "chat", id="else the first"),
        pytest.param("gpt-4o-eu", "chat", "chat", id="any deployment counts"),
        pytest.param("claude-sonnet-4", "chat", "claude-sonnet-4", id="by its own name"),
        pytest.param("meta-llama/Llama-3", "chat", "local", id="a name with a slash"),
        pytest.param("gpt-5", "chat", "", id="none"),
        pytest.param("", "chat", "", id="no model"),
    ],
)
def test_a_model_is_served_by(model: str, own: str, group: str) -> None:
    assert groups().of(model, own) == group


def test_what_an_operator_says_counts_first_and_is_not_guessed_beyond() -> None:
    told = groups({"gpt-4o": "spare", "gpt-4o-mini": "gone"})
    assert told.of("gpt-4o", "chat") == "spare"
    assert told.of("gpt-4o-mini", "chat") == ""


def test_a_group_that_is_added_is_found_within_a_second() -> None:
    now, models = [0], list(LIST)
    found = Groups(lambda: models, {}, lambda: now[0])
    assert found.of("gpt-5", "chat") == ""
    models.append(a_model("five", "openai/gpt-5"))
    now[0] = 1_000_000_000
    assert found.of("gpt-5", "chat") == "five"


def test_a_group_is_of_its_first_model() -> None:
    assert groups().model_of("chat") == "gpt-4o"
    assert groups().model_of("unknown") == "unknown"
