"""Which backend serves each arm of a document, or why the calls cannot be dealt so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.choices import PARAMETERS, stamps_of
from optimizer.documents import Unit
from optimizer.errors import GatewayRefused
from optimizer.settings import RouteResource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.documents import Document
    from optimizer.models import Arm
    from optimizer.settings import RouteObject, ServingBackend

HEADER = "x-llm-optimizer-"
_ATTRIBUTE = "llm.optimizer."
_PARAMETERS = (*PARAMETERS, "extra_params")
Headers = tuple[tuple[str, str], ...]


class Served(NamedTuple):
    """An arm and what serves it.

    Attributes:
        arm: The arm.
        backend: Who serves it.
        weight: Its slots, of 200.
        headers: What its calls are stamped with, by name.
        parameters: What its requests say, by name; an HTTPRoute cannot say it.
    """

    arm: Arm
    backend: ServingBackend
    weight: int
    headers: Headers
    parameters: Mapping[str, Any]


def served(
    document: Document, place: RouteObject, key: str | None = None, *, returned: bool = False
) -> list[Served]:
    """Give what serves the incumbent and every arm that has slots, in the document's order.

    Args:
        document: What shall be in force.
        place: The object that deals the calls.
        key: Signs stamps; None leaves them unsigned.
        returned: The incumbent took over: no call is part of the document any more.

    Raises:
        GatewayRefused: An arm has no backend, or is more than its backend can be told.
    """
    _check_dealing(document, place)
    slots = {one.arm: one.slots for one in document.allotments}
    incumbent = next(arm for arm in document.arms if arm.id == document.incumbent)
    revision = 0 if returned else document.revision
    found = [
        Served(
            arm=arm,
            backend=_backend_of(arm, incumbent, place),
            weight=slots.get(arm.id, 0),
            headers=_headers(stamps_of(document.route, arm.id, revision=revision, key=key)),
            parameters=_parameters(arm, incumbent),
        )
        for arm in document.arms
        if arm.id in slots or arm is incumbent
    ]
    _check_apart(found, place)
    return found


def told(place: RouteObject) -> str:
    """Name an object as people do."""
    return f"{place.resource} {place.namespace}/{place.name}"


def namespace_of(backend: ServingBackend, place: RouteObject) -> str:
    """Give where a backend is."""
    return backend.namespace or place.namespace


def _check_dealing(document: Document, place: RouteObject) -> None:
    """Find that calls may be dealt one by one, and that headers can carry their stamps."""
    if document.unit is not Unit.CALL:
        raise GatewayRefused(
            f"{document.route} sticks to {document.unit}: a {place.resource} deals each call by "
            "chance, so let assignments stick to call (OPTIMIZER_ROLLOUT__UNIT)"
        )
    if not document.route.isascii():
        raise GatewayRefused(f"{document.route} is not ASCII: no header can carry it")


def _backend_of(arm: Arm, incumbent: Arm, place: RouteObject) -> ServingBackend:
    """Give the backend named for an arm: by its id, else by its model."""
    for name in (arm.id, arm.config.model):
        for backend in place.backends:
            if backend.arm == name:
                if name != arm.id:
                    _check_rest(arm, incumbent, place)
                return backend
    raise GatewayRefused(
        f"no backend of {told(place)} serves {arm.config.model} ({arm.id}): name one in backends "
        f"of {place.route} (gateway.gateway_api.routes)"
    )


def _headers(stamps: Mapping[str, str | int]) -> Headers:
    """Give stamps as headers; nobody knows the slot of a call that is dealt by chance."""
    names = {name.removeprefix(_ATTRIBUTE): str(value) for name, value in stamps.items()}
    return tuple((f"{HEADER}{name}", value) for name, value in names.items() if name != "slot")


def _parameters(arm: Arm, incumbent: Arm) -> dict[str, Any]:
    """Give what was written down of an arm, and what else differs from the incumbent."""
    parameters: dict[str, Any] = {}
    for name in _PARAMETERS:
        value = getattr(arm.config, name)
        if name in arm.declared or value != getattr(incumbent.config, name):
            parameters |= value if name == "extra_params" else {name: value}
    return parameters


def _check_rest(arm: Arm, incumbent: Arm, place: RouteObject) -> None:
    """Find that an arm differs from the incumbent in nothing that nobody would carry out."""
    names = ["prompt", "prompt_version", "cache"]
    differing = [name for name in names if getattr(arm, name) != getattr(incumbent, name)]
    names = ["system_prompt"]
    if place.resource is RouteResource.HTTP_ROUTE:
        names += _PARAMETERS
    one, other = arm.config, incumbent.config
    differing += [name for name in names if getattr(one, name) != getattr(other, name)]
    if differing:
        raise GatewayRefused(
            f"{arm.id} differs from {incumbent.id} in {', '.join(differing)}, which {told(place)} "
            f"cannot change: where a backend does, name it for {arm.id} in backends of "
            f"{place.route} (gateway.gateway_api.routes)"
        )


def _check_apart(found: Sequence[Served], place: RouteObject) -> None:
    """Find that no two arms would be served alike."""
    first: dict[str, str] = {}
    for one in found:
        parts: list[Any] = [namespace_of(one.backend, place), one.backend.name]
        if place.resource is RouteResource.AI_GATEWAY_ROUTE:
            parts += [one.arm.config.model, sorted(one.parameters.items(), key=str)]
        other = first.setdefault(str(parts), one.arm.id)
        if other != one.arm.id:
            raise GatewayRefused(
                f"{told(place)} would serve {other} and {one.arm.id} alike: name another backend "
                f"for one of them in backends of {place.route} (gateway.gateway_api.routes)"
            )
