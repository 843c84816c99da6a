"""The plugin's variables: what they come to, and what each fault says."""

from __future__ import annotations

import re

import pytest

from connectors.gateways.litellm_plugin.options import VARIABLES, options_of
from optimizer.errors import SettingsInvalid
from tests.litellm.environment import ROOT

GIVEN = {"LLM_OPTIMIZER_DOCUMENTS": "/documents", "LLM_OPTIMIZER_ROUTES": "chat=acme/shop/answer"}


def test_what_is_not_set_has_a_default() -> None:
    options = options_of(GIVEN)
    assert options.routes == {"chat": "acme/shop/answer"}
    assert (options.models, options.public_keys, options.stamp_key) == ({}, (), None)
    assert (options.keep, options.poll_secs, options.status_token) == (None, 0.5, "")


def test_lists_are_parted_by_commas_or_lines() -> None:
    routes = "chat = acme/shop/answer,\n small=acme/shop/small\n*=acme/shop/*"
    models = "gpt-4o=large,team=x/llama=local"
    options = options_of(GIVEN | {"LLM_OPTIMIZER_ROUTES": routes, "LLM_OPTIMIZER_MODELS": models})
    assert options.routes == {
        "chat": "acme/shop/answer",
        "small": "acme/shop/small",
        "*": "acme/shop/*",
    }
    assert options.models == {"gpt-4o": "large", "team=x/llama": "local"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DOCUMENTS", "", "LLM_OPTIMIZER_DOCUMENTS is not set"),
        ("ROUTES", "", "LLM_OPTIMIZER_ROUTES is not set"),
        ("ROUTES", "chat", "must be model group=tenant/service/route"),
        ("ROUTES", "chat=answer", "'answer': must be tenant/service/route"),
        ("ROUTES", "*=acme/shop/answer", "must end in /*"),
        ("MODELS", "gpt-4o", "must be model=group"),
        ("POLL_SECS", "soon", "must be 0.05 to 60 seconds"),
        ("POLL_SECS", "0.01", "must be 0.05 to 60 seconds"),
        ("PUBLIC_KEYS", "abc", "must be 64 hexadecimal digits"),
        ("ROUTE", "chat=acme/shop/answer", "LLM_OPTIMIZER_ROUTE is no variable of the plugin"),
    ],
)
def test_a_fault_names_the_variable_and_the_way_out(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsInvalid, match=re.escape(told)):
        options_of(GIVEN | {f"LLM_OPTIMIZER_{name}": value})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        options_of({"LLM_OPTIMIZER_POLL_SECS": "0"})
    assert len(raised.value.faults) == 3


def test_the_page_names_each_variable() -> None:
    page = (ROOT / "connectors" / "gateways" / "litellm.md").read_text()
    assert set(re.findall(r"LLM_OPTIMIZER_[A-Z_]+[A-Z]", page)) == set(VARIABLES)
