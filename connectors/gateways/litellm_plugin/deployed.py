"""Stamps of calls that LiteLLM itself deals by weights: they stand beside its deployments.

Where a proxy is steered by its admin API, each deployment tells of which route, arm and revision
it is. LiteLLM hands that to its callbacks with each try of a call, as it was when it chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from connectors.documents.choices import stamps_of
from connectors.documents.rules import is_name, is_route
from connectors.gateways.litellm_admin.deployments import OURS

_NONE: Mapping[str, str | int] = MappingProxyType({})


def stamps_beside(kwargs: Mapping[str, Any], key: str | None) -> Mapping[str, str | int]:
    """Give what a try of a call is stamped with; empty where nothing of ours stands there.

    Args:
        kwargs: What LiteLLM tells its callbacks of the try.
        key: Signs stamps; None leaves them unsigned.
    """
    told = _note_in(kwargs)
    route, arm, revision = (told.get(name) for name in ("route", "arm", "revision"))
    if not (isinstance(route, str) and is_route(route) and isinstance(arm, str) and is_name(arm)):
        return _NONE
    if type(revision) is not int or told.get("reverted"):
        revision = 0  # no part of the document any more
    return stamps_of(route, arm, revision=revision, key=key)


def _note_in(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find our note in the settings of the deployment that was chosen."""
    params = _mapping(kwargs, "litellm_params")
    for name in ("metadata", "litellm_metadata"):
        if note := _mapping(_mapping(_mapping(params, name), "model_info"), OURS):
            return note
    return {}


def _mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}
