"""One JSON patch for all weights, headers and annotations of a route at once.

A patch names the resourceVersion it was made for, so that a server refuses it with a conflict where
anybody wrote in between.

Source: JSON Patch, RFC 6902.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.annotations import (
    Kept,
    annotations_in,
    check_size,
    kept_as,
    names_of,
)
from connectors.gateways.gateway_api.owners import check_alone
from connectors.gateways.gateway_api.references import (
    arm_in,
    is_within,
    steered,
    unstamped,
)
from connectors.gateways.gateway_api.serving import served, told
from connectors.mixes import reverted
from optimizer.errors import GatewayRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.gateways.gateway_api.references import Reference
    from optimizer.documents import Document
    from optimizer.settings import RouteObject

Patch = list[dict[str, Any]]


def bringing(
    found: Mapping[str, Any],
    place: RouteObject,
    document: Document,
    kept: Kept | None = None,
    *,
    key: str | None = None,
    returned: bool = False,
) -> Patch:
    """Give the patch that brings a document to an object.

    Args:
        found: The object as it is.
        place: Which it is, and what serves the arms.
        document: What shall be in force.
        kept: What the object keeps of an earlier document; None where there is none.
        key: Signs stamps; None leaves them unsigned.
        returned: Its incumbent serves all.

    Raises:
        GatewayRefused: The object cannot be dealt so, or somebody else deals it.
        ModelGone: A backend is not there.
        DocumentInvalid: The document has faults.
    """
    check_alone(found, place)
    number, there = rule_in(found, place)
    if there is None:
        raise GatewayRefused(f"{told(place)} has no rule {place.rule}: it has {number}")
    base = _base(kept, there, place)
    acting = reverted(document) if returned else document
    written = steered(base, served(acting, place, key, returned=returned), place)
    before = kept.before if kept else base
    new = kept_as(Kept(document, before, written, returned))
    check_size(found, new, place)
    return [
        *_unchanged(found),
        *([] if annotations_in(found) else [_add("/metadata/annotations", {})]),
        *(_add(f"/metadata/annotations/{_escaped(name)}", text) for name, text in new.items()),
        _replace(number, written),
    ]


def removing(found: Mapping[str, Any], place: RouteObject, kept: Kept) -> Patch:
    """Give the patch that leaves an object as it was before us.

    Raises:
        GatewayRefused: Somebody else deals it.
    """
    check_alone(found, place)
    number, _ = rule_in(found, place)
    names = [name for name in names_of(kept.document.route) if name in annotations_in(found)]
    return [
        *_unchanged(found),
        *({"op": "remove", "path": f"/metadata/annotations/{_escaped(name)}"} for name in names),
        _replace(number, kept.before),
    ]


def rule_in(found: Mapping[str, Any], place: RouteObject) -> tuple[int, list[Reference] | None]:
    """Give the number and the backendRefs of the rule that a place names.

    Returns:
        Where there is no such rule: how many there are, and None.
    """
    rules = found.get("spec", {}).get("rules") or []
    for number, rule in enumerate(rules):
        if place.rule in (str(number), rule.get("name")):
            return number, rule.get("backendRefs") or []
    return len(rules), None


def _base(kept: Kept | None, there: list[Reference], place: RouteObject) -> list[Reference]:
    """Give the backendRefs of a rule as they are without us."""
    if kept and is_within(kept.written, there):
        return kept.before
    return unstamped(there, place) if kept or any(map(arm_in, there)) else there


def _unchanged(found: Mapping[str, Any]) -> Patch:
    """Let a server refuse the patch where the object is not as it was read."""
    version = found.get("metadata", {}).get("resourceVersion")
    path = "/metadata/resourceVersion"
    return [{"op": "replace", "path": path, "value": version}] if version else []


def _add(path: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _replace(rule: int, references: list[Reference]) -> dict[str, Any]:
    return _add(f"/spec/rules/{rule}/backendRefs", references)


def _escaped(name: str) -> str:
    """Write a member's name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
