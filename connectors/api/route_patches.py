"""`llm-optimizer documents show --patch`: what a document comes to in a manifest of Kubernetes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from connectors.configuration import load
from connectors.gateways.gateway_api.annotations import kept_in
from connectors.gateways.gateway_api.patches import bringing
from connectors.gateways.gateway_api.serving import told
from optimizer.errors import NotFound

if TYPE_CHECKING:
    import argparse

    from optimizer.documents import Document
    from optimizer.settings import RouteObject, Settings

STANDARD_INPUT = "-"


def patch_of(options: argparse.Namespace, document: Document) -> str:
    """Write the JSON patch (RFC 6902) that brings a document to a manifest, as YAML or JSON.

    Raises:
        NotFound: The settings name no object for the route, or the manifest does not hold it.
        GatewayRefused: The object cannot be dealt so.
    """
    settings = load(options.config, os.environ)
    place = _place(settings, document.route)
    found = _manifest(options.patch, place)
    kept = kept_in(found, document.route)
    patch = bringing(found, place, document, kept, key=settings.stamps.key)
    if options.output == "json":
        return json.dumps(patch)
    return yaml.safe_dump(patch, sort_keys=False, allow_unicode=True, width=100).rstrip()


def _place(settings: Settings, route: str) -> RouteObject:
    for place in settings.gateway.gateway_api.routes:
        if place.route == route:
            return place
    raise NotFound(f"nothing says which object deals {route}: see gateway.gateway_api.routes")


def _manifest(path: str, place: RouteObject) -> dict[str, Any]:
    """Find an object in a file of manifests; one without a namespace is in the wanted one."""
    for found in _manifests(path):
        metadata = found.get("metadata")
        if not isinstance(metadata, dict) or found.get("kind") != place.resource:
            continue
        where = metadata.get("namespace", place.namespace), metadata.get("name")
        if where == (place.namespace, place.name):
            return found
    raise NotFound(f"{path} holds no {told(place)}")


def _manifests(path: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text("utf-8")
        return [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise NotFound(f"{path} cannot be read: {' '.join(str(error).split())}") from error
