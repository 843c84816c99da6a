"""What an API server makes of an object by its CRD: its faults, and the defaults it adds.

Of a CRD's rules those are checked that say what one member may be, that a list holds nothing twice
by its keys and that a header filter stands once; other rules in CEL are not.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[1] / "samples" / "gateway_api"
SPECS = {
    "HTTPRoute": json.loads((SAMPLES / "httproute_v1.4.1.spec.json").read_text()),
    "AIGatewayRoute": json.loads((SAMPLES / "aigatewayroute_v1alpha1.spec.json").read_text()),
}
MOST_ANNOTATIONS = 262_144
_ONCE = {"RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "RequestRedirect"}
_GREATEST = {"int32": 2**31 - 1}


def faults_of(kind: str, found: dict[str, Any]) -> list[str]:
    """Give what an API server would refuse an object for."""
    validator = jsonschema.Draft202012Validator(SPECS[kind])
    faults = [
        f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(found["spec"])
    ]
    faults += _inside(SPECS[kind], found["spec"], "spec")
    annotations = found["metadata"].get("annotations", {})
    if not all(isinstance(value, str) for value in annotations.values()):
        faults.append("metadata.annotations: must be text")
    elif (
        sum(len(f"{name}{text}".encode()) for name, text in annotations.items()) > MOST_ANNOTATIONS
    ):
        faults.append(f"metadata.annotations: Too long: may not be more than {MOST_ANNOTATIONS}")
    return faults


def unknown_in(kind: str, found: dict[str, Any]) -> list[str]:
    """Give the members that a CRD does not know, which are dropped or, strictly, refused."""
    return list(_unknown(SPECS[kind], found["spec"], "spec"))


def with_defaults(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """Give an object with the defaults of its CRD."""
    return {**found, "spec": _filled(SPECS[kind], found["spec"])}


def _inside(schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _inside(schema.get("properties", {}).get(name, {}), each, f"{at}.{name}")
    elif isinstance(value, list):
        yield from _repeated(schema, value, at)
        for number, each in enumerate(value):
            yield from _inside(schema.get("items", {}), each, f"{at}[{number}]")
    elif isinstance(value, int) and value > _GREATEST.get(schema.get("format", ""), value):
        yield f"{at}: {value} is more than {schema['format']} holds"


def _repeated(schema: dict[str, Any], value: list[Any], at: str) -> Iterator[str]:
    if keys := schema.get("x-kubernetes-list-map-keys"):
        counts = Counter(tuple(each.get(key) for key in keys) for each in value)
        yield from (f"{at}: Duplicate value: {key}" for key, many in counts.items() if many > 1)
    if schema.get("x-kubernetes-list-type") == "set" and len({*value}) < len(value):
        yield f"{at}: Duplicate value"
    kinds = Counter(each.get("type") for each in value if isinstance(each, dict))
    if at.endswith(".filters"):
        twice = sorted(kind for kind in _ONCE if kinds[kind] > 1)
        yield from (f"{at}: {kind} filter cannot be repeated" for kind in twice)


def _unknown(schema: dict[str, Any], value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, each in value.items():
            if name not in known:
                yield f"{at}.{name}"
            else:
                yield from _unknown(known[name], each, f"{at}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _unknown(schema.get("items", {}), each, f"{at}[{number}]")


def _filled(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(schema.get("items", {}), each) for each in value]
    if not isinstance(value, dict):
        return value
    members = schema.get("properties", {})
    usual = {name: each["default"] for name, each in members.items() if "default" in each}
    return {name: _filled(members.get(name, {}), each) for name, each in (usual | value).items()}
