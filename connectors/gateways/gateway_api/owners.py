"""Who else writes the weights of an object: two writers undo one another without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.serving import told
from optimizer.errors import GatewayRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.settings import RouteObject

_ARGO_LABEL = "rollouts.argoproj.io/gatewayapi-canary"
_ARGO_ANNOTATION = "rollouts.argoproj.io/gatewayapi-active-rollouts"


def check_alone(found: Mapping[str, Any], place: RouteObject) -> None:
    """Find that nobody else deals the calls of an object.

    Flagger makes the object itself, owned by its `Canary` unless it was told to own nothing, and
    writes it as the field manager `flagger`. Argo Rollouts marks it as long as a canary of its own
    goes on.

    Raises:
        GatewayRefused: Somebody does; the message says how that ends.
    """
    metadata = found.get("metadata", {})
    if way_out := _flagger(metadata) or _argo(metadata) or _generated(metadata):
        raise GatewayRefused(f"{told(place)} {way_out}")


def _flagger(metadata: Mapping[str, Any]) -> str:
    owners = metadata.get("ownerReferences") or ()
    canaries = [
        str(owner.get("name"))
        for owner in owners
        if owner.get("kind") == "Canary" and str(owner.get("apiVersion")).startswith("flagger.app/")
    ]
    managers = {each.get("manager") for each in metadata.get("managedFields") or ()}
    if not canaries and "flagger" not in managers:
        return ""
    name = f"its Canary {canaries[0]}" if canaries else "one of its Canaries"
    return (
        f"is written by Flagger for {name}, which would undo our weights: name an object that "
        "Flagger does not know, or delete the Canary and make the object anew"
    )


def _argo(metadata: Mapping[str, Any]) -> str:
    label = (metadata.get("labels") or {}).get(_ARGO_LABEL)
    if label is None and _ARGO_ANNOTATION not in (metadata.get("annotations") or {}):
        return ""
    return (
        "is being dealt by Argo Rollouts: wait until its canary has ended, or name an object that "
        "no Rollout names"
    )


def _generated(metadata: Mapping[str, Any]) -> str:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            made_of = f"{owner.get('kind')} {owner.get('name')}"
            return (
                f"is made by a controller from the {made_of}, which would undo our weights: name "
                "that one instead"
            )
    return ""
