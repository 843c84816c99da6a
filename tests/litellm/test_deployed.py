"""What stands beside a deployment becomes stamps, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.gateways.litellm_plugin.deployed import stamps_beside
from optimizer.observe.stamps import Stamp, sign

NOTE = {"route": "a/b/c", "arm": "old-1", "revision": 3, "weight": 10.0}
STAMPS = {"llm.optimizer.route": "a/b/c", "llm.optimizer.arm": "old-1"}


def a_try(note: Any, name: str = "metadata") -> dict[str, Any]:
    return {"litellm_params": {name: {"model_info": {"id": "x", "llm_optimizer": note}}}}


@pytest.mark.parametrize(
    ("told", "stamps"),
    [
        pytest.param(a_try(NOTE), STAMPS | {"llm.optimizer.revision": 3}, id="ours"),
        pytest.param(
            a_try(NOTE, "litellm_metadata"), STAMPS | {"llm.optimizer.revision": 3}, id="elsewhere"
        ),
        pytest.param(a_try(NOTE | {"reverted": True}), STAMPS, id="the incumbent took over"),
        pytest.param(a_try(NOTE | {"revision": "3"}), STAMPS, id="no revision"),
        pytest.param(a_try(NOTE | {"route": "a"}), {}, id="no route"),
        pytest.param(a_try(NOTE | {"arm": ""}), {}, id="no arm"),
        pytest.param(a_try("junk"), {}, id="no note"),
        pytest.param({"litellm_params": None}, {}, id="no settings"),
        pytest.param({}, {}, id="nothing"),
    ],
)
def test_only_a_whole_note_becomes_stamps(told: dict[str, Any], stamps: dict[str, Any]) -> None:
    assert dict(stamps_beside(told, None)) == stamps


def test_stamps_are_signed_where_there_is_a_key() -> None:
    signed = stamps_beside(a_try(NOTE), "key")["llm.optimizer.signature"]
    assert signed == sign("key", Stamp("a", "a/b/c", "old-1", revision=3))
