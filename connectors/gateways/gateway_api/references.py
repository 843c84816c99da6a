"""The backendRefs of a rule under which it serves calls as a document says.

Weights are the slots: whole numbers that sum to 200, so each share is exact, and one above 0 is
never rounded to 0.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.serving import HEADER, namespace_of, told
from optimizer.errors import GatewayRefused, ModelGone
from optimizer.settings import RouteResource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.gateways.gateway_api.serving import Headers, Served
    from optimizer.settings import RouteObject

Reference = dict[str, Any]
Identity = tuple[str, str, str]
MOST_SET = 16  # entries of one header or body mutation, by both schemas
_REQUEST, _RESPONSE = "requestHeaderModifier", "responseHeaderModifier"


def steered(
    base: Sequence[Reference], arms: Sequence[Served], place: RouteObject
) -> list[Reference]:
    """Give the backendRefs of a rule.

    Backends of no arm get no calls; of an AIGatewayRoute those of a lower priority stay as they
    are, for they take over only where others fail.

    Args:
        base: The backendRefs as they are without us.
        arms: What serves each arm.
        place: The object.

    Raises:
        ModelGone: An arm's backend is not among them.
        GatewayRefused: They leave no room for stamps, or an arm's backend is there twice.
    """
    if place.resource is RouteResource.AI_GATEWAY_ROUTE:
        made = [_of_ai_gateway(_only(base, one, place), one, place) for one in arms]
        names = {_named(reference, place) for reference in made}
        rest = [reference for reference in base if _named(reference, place) not in names]
        return made + [_drained(reference) for reference in rest]
    chosen = {id(_only(base, one, place)): one for one in arms}
    return [
        _of_http_route(reference, chosen[id(reference)], place)
        if id(reference) in chosen
        else {**reference, "weight": 0}
        for reference in base
    ]


def unstamped(references: Iterable[Reference], place: RouteObject) -> list[Reference]:
    """Give backendRefs without what we wrote into them, weights apart, each backend once."""
    found: dict[Identity, Reference] = {}
    for number, reference in enumerate(references):
        plain = {**reference}
        for name in ("filters", "headerMutation"):
            if name in plain:
                plain[name] = _without_stamps(plain[name])
        is_ours = plain != reference and place.resource is RouteResource.AI_GATEWAY_ROUTE
        key = (*_named(reference, place), "" if is_ours else str(number))
        found.setdefault(key, {name: value for name, value in plain.items() if value})
    return [{"weight": 0, **reference} for reference in found.values()]


def identity(reference: Reference, place: RouteObject) -> Identity:
    """Tell backendRefs apart, whatever their weight."""
    return (*_named(reference, place), reference.get("modelNameOverride", ""))


def arm_in(reference: Reference) -> str:
    """Give the arm that a backendRef is stamped with; `""` for none."""
    modifiers = [each.get(_REQUEST, {}) for each in reference.get("filters", ())]
    for modifier in (*modifiers, reference.get("headerMutation", {})):
        for header in modifier.get("set", ()):
            if header["name"] == f"{HEADER}arm":
                return str(header["value"])
    return ""


def is_within(written: Any, there: Any) -> bool:
    """Tell whether what was written is there still; a server adds defaults to it."""
    match written, there:
        case dict(), dict():
            return all(name in there and is_within(written[name], there[name]) for name in written)
        case list(), list():
            return len(written) == len(there) and all(map(is_within, written, there))
    return bool(written == there)


def _named(reference: Reference, place: RouteObject) -> tuple[str, str]:
    return reference.get("namespace") or place.namespace, reference["name"]


def _drained(reference: Reference) -> Reference:
    return reference if reference.get("priority") else {**reference, "weight": 0}


def _only(base: Sequence[Reference], one: Served, place: RouteObject) -> Reference:
    """Give the backendRef of an arm's backend."""
    name = namespace_of(one.backend, place), one.backend.name
    found = [reference for reference in base if _named(reference, place) == name]
    is_many = len(found) > 1 and place.resource is RouteResource.HTTP_ROUTE
    if not found or is_many:
        many = f"{len(found)} backendRefs" if found else "no backendRef"
        message = f"rule {place.rule} of {told(place)} has {many} {'/'.join(name)}"
        if is_many:
            raise GatewayRefused(f"{message}: leave one of them")
        raise ModelGone(f"{message}: add it, with weight 0", one.arm.id)
    if found[0].get("group") and place.resource is RouteResource.AI_GATEWAY_ROUTE:
        raise GatewayRefused(f"{'/'.join(name)} is an {found[0].get('kind')}: it has no shares")
    return found[0]


def _of_http_route(reference: Reference, one: Served, place: RouteObject) -> Reference:
    filters = _modified(reference.get("filters", []), _REQUEST, one.headers, place)
    if place.stamp_responses:
        filters = _modified(filters, _RESPONSE, one.headers, place)
    return {**reference, "weight": one.weight, "filters": filters}


def _modified(
    filters: Sequence[Mapping[str, Any]], name: str, headers: Headers, place: RouteObject
) -> list[Mapping[str, Any]]:
    """Add headers to the one filter of a kind that a backendRef may have."""
    kind = f"{name[0].upper()}{name[1:]}"
    entries = [{"name": header, "value": value} for header, value in headers]
    if not any(each["type"] == kind for each in filters):
        return [*filters, {"type": kind, name: {"set": entries}}]
    return [
        {**each, name: _with_entries(each.get(name, {}), entries, "name", place)}
        if each["type"] == kind
        else each
        for each in filters
    ]


def _of_ai_gateway(reference: Reference, one: Served, place: RouteObject) -> Reference:
    headers = [{"name": header, "value": value} for header, value in one.headers]
    mutation = _with_entries(reference.get("headerMutation", {}), headers, "name", place)
    made = {
        **reference,
        "weight": one.weight,
        "modelNameOverride": one.arm.config.model,
        "headerMutation": mutation,
    }
    if one.parameters:
        fields = [
            {"path": name, "value": json.dumps(value)} for name, value in one.parameters.items()
        ]
        made["bodyMutation"] = _with_entries(
            reference.get("bodyMutation", {}), fields, "path", place
        )
    return made


def _with_entries(
    mutation: Mapping[str, Any], entries: Sequence[Mapping[str, str]], by: str, place: RouteObject
) -> dict[str, Any]:
    """Add entries to what a mutation sets; ours win."""
    names = {entry[by].lower() for entry in entries}
    own = [each for each in mutation.get("set", ()) if each[by].lower() not in names]
    if len(own) + len(entries) > MOST_SET:
        told_names = ", ".join(sorted(names))
        raise GatewayRefused(
            f"a backendRef of {told(place)} sets {len(own)} entries already: {told_names} are "
            f"more than the {MOST_SET} it may have"
        )
    return {**mutation, "set": [*own, *entries]}


def _without_stamps(part: Any) -> Any:
    """Give filters or a mutation without our headers, and without what then is empty."""
    if isinstance(part, list):
        plain = [_filter_without(each) for each in part]
        return [each for each in plain if len(each) > 1]
    kept = [each for each in part.get("set", ()) if not each["name"].startswith(HEADER)]
    rest = {name: value for name, value in part.items() if name != "set"}
    return rest | {"set": kept} if kept else rest


def _filter_without(each: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(each)
    for name in (_REQUEST, _RESPONSE):
        if name in plain:
            plain[name] = _without_stamps(plain[name])
            if not plain[name]:
                del plain[name]
    return plain
