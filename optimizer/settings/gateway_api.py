"""The section `gateway.gateway_api`: which objects of Kubernetes deal the calls of which routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from optimizer.settings.kinds import PART, Choice, Switch, Text
from optimizer.settings.knobs import Items, Knob, declared, knob, members

if TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE = Text(pattern=_LABEL, rule="a name of Kubernetes", most=63)
_NAME = Text(pattern=rf"{_LABEL}(?:\.{_LABEL}){{0,9}}", rule="a name of Kubernetes", most=253)


class RouteResource(StrEnum):
    """Which kind of object deals the calls to backends."""

    HTTP_ROUTE = "HTTPRoute"
    AI_GATEWAY_ROUTE = "AIGatewayRoute"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingBackend:
    """Which backend serves an arm.

    Attributes:
        arm: The arm's model or, where one model has several arms, its id.
        name: The backend's name, as a backendRef of the rule spells it.
        namespace: Where it is; None for that of the route's object.
    """

    arm: str = field(
        metadata=declared(
            Knob(
                doc="The arm's model or, where its parameters or prompt are the backend's, its id",
                kind=Text(),
                required=True,
            )
        )
    )
    name: str = field(
        metadata=declared(
            Knob(doc="Name of the backend, as a backendRef has it", kind=_NAME, required=True)
        )
    )
    namespace: str | None = field(
        default=None,
        metadata=knob("Namespace of the backend; null for the object's", _NAMESPACE, null=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteObject:
    """The object of Kubernetes that deals the calls of a route.

    Attributes:
        route: `tenant/service/route`.
        resource: Its kind.
        namespace: Where it is.
        name: Its name.
        rule: Which of its rules: a name, or a number from 0.
        stamp_responses: Answers carry the stamps in headers too.
        backends: Which backend serves which arm.
    """

    route: str = field(
        metadata=declared(
            Knob(
                doc="The route whose calls it deals",
                kind=Text(
                    pattern=f"{PART}/{PART}/{PART}", rule="tenant/service/route, no part empty"
                ),
                required=True,
            )
        )
    )
    resource: RouteResource = field(
        default=RouteResource.HTTP_ROUTE,
        metadata=knob("Kind of the object", Choice(RouteResource)),
    )
    namespace: str = field(default="default", metadata=knob("Where the object is", _NAMESPACE))
    name: str = field(
        metadata=declared(Knob(doc="Name of the object", kind=_NAME, required=True)),
    )
    rule: str = field(
        default="0",
        metadata=knob("Which of its rules: the name of one, or a number from 0", _NAME),
    )
    stamp_responses: bool = field(
        default=False,
        metadata=knob(
            "Whether an HTTPRoute tells arm and revision in headers of answers too, for callers "
            "that stamp their own spans; not every implementation of it can",
            Switch(),
        ),
    )
    backends: tuple[ServingBackend, ...] = field(
        default=(),
        metadata=declared(
            Items(doc="Which backend serves which arm.", members=members(ServingBackend))
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayApiSettings:
    """How documents become weights of the Kubernetes Gateway API; for `kind: gateway_api`."""

    ca_file: str | None = field(
        default=None,
        metadata=knob(
            "Certificates, PEM, that the API server is known by; null for ca.crt in "
            "service_account_dir where it is there, else those of the system",
            Text(),
            null=True,
        ),
    )
    service_account_dir: str = field(
        default="/var/run/secrets/kubernetes.io/serviceaccount",
        metadata=knob(
            "Folder with the token and ca.crt of a pod's service account; its token, read anew for "
            "each request, is sent where gateway.token is null",
            Text(),
        ),
    )
    routes: tuple[RouteObject, ...] = field(
        default=(),
        metadata=declared(
            Items(doc="Which object deals the calls of which route.", members=members(RouteObject))
        ),
    )


def route_objects(given: list[dict[str, Any]]) -> tuple[RouteObject, ...]:
    """Make the objects of the values given for them."""
    return tuple(RouteObject(**{**each, "backends": _backends(each)}) for each in given)


def _backends(given: Mapping[str, Any]) -> tuple[ServingBackend, ...]:
    return tuple(ServingBackend(**each) for each in given.get("backends", ()))
