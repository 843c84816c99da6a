"""Objects that deal calls, and the settings under which we steer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.settings import validate

if TYPE_CHECKING:
    from optimizer.settings import Settings

ROUTE = "default/gateway-check/scratch"
NEW, OLD = "check-new", "check-old"
_API = {
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "AIGatewayRoute": "aigateway.envoyproxy.io/v1alpha1",
}
KINDS = tuple(_API)


def an_object(kind: str = "HTTPRoute", name: str = "chat", **metadata: Any) -> dict[str, Any]:
    """An object with two rules; the second deals to the old and the new model."""
    references = _backends() if kind == "HTTPRoute" else _services()
    other = [{"name": "embeddings", **({"port": 80} if kind == "HTTPRoute" else {})}]
    rules: list[dict[str, Any]] = [{"backendRefs": other}, {"backendRefs": references}]
    if kind == "HTTPRoute":
        rules[1]["name"] = "chat"
    return {
        "apiVersion": _API[kind],
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": rules},
    }


def _backends() -> list[dict[str, Any]]:
    own = {"set": [{"name": "x-team", "value": "chat"}]}
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": own}]
    return [
        {"name": "old-model", "port": 8000, "weight": 9, "filters": filters},
        {"name": "new-model", "port": 8000, "weight": 0},
        {"name": "spare", "port": 8000, "weight": 1},
    ]


def _services() -> list[dict[str, Any]]:
    return [
        {"name": "old-model", "headerMutation": {"set": [{"name": "x-team", "value": "chat"}]}},
        {"name": "new-model", "weight": 0},
        {"name": "spare", "priority": 1},
    ]


def a_place(kind: str = "HTTPRoute", name: str = "chat", **changes: Any) -> dict[str, Any]:
    """Where the calls of the route are dealt, as settings say it."""
    backends = [{"arm": NEW, "name": "new-model"}, {"arm": OLD, "name": "old-model"}]
    rule = {"rule": "chat" if kind == "HTTPRoute" else "1"}
    return {"route": ROUTE, "resource": kind, "name": name, "backends": backends, **rule, **changes}


def settings_of(url: str, *places: dict[str, Any], **more: Any) -> Settings:
    """Settings of a gateway at an address."""
    told = {"kind": "gateway_api", "url": url, "gateway_api": {"routes": list(places)}, **more}
    return validate({"gateway": told})
