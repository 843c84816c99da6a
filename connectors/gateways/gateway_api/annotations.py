"""What we keep of a route in the annotations of the object that deals its calls.

One annotation holds the document, as it is published everywhere; another what its backendRefs were
before us, what we made of them, and the prompts that the document refers to.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.checked import Checked, parsed
from connectors.documents.parsing import document_of
from connectors.documents.rendering import body_of, prompts_of
from connectors.gateways.gateway_api.serving import told
from optimizer.errors import DocumentInvalid, GatewayRefused, UnknownVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.gateways.gateway_api.references import Reference
    from optimizer.documents import Document
    from optimizer.settings import RouteObject

PREFIX = "llm.optimizer/"
MOST_BYTES = 262_144  # names and values of all annotations of an object, by Kubernetes
_FORM = 1
_DIGITS = 10


class Kept(NamedTuple):
    """What annotations hold of a route.

    Attributes:
        document: What was brought there.
        before: The rule's backendRefs before the first of our writes.
        written: What we made of them last.
        returned: The incumbent was let take over.
    """

    document: Document
    before: list[Reference]
    written: list[Reference]
    returned: bool = False


def names_of(route: str) -> tuple[str, str]:
    """Give the annotations of a route: of its document, and of what else is kept."""
    digest = hashlib.sha256(route.encode()).hexdigest()[:_DIGITS]
    return f"{PREFIX}document-{digest}", f"{PREFIX}state-{digest}"


def annotations_in(found: Mapping[str, Any]) -> dict[str, str]:
    """Give the annotations of an object."""
    annotations: dict[str, str] = found.get("metadata", {}).get("annotations") or {}
    return annotations


def kept_in(found: Mapping[str, Any], route: str) -> Kept | None:
    """Read what an object keeps of a route; None where it keeps nothing.

    Raises:
        DocumentInvalid: It is damaged.
        UnknownVersion: A later version of this product wrote it.
    """
    annotations = annotations_in(found)
    body, state = (annotations.get(name) for name in names_of(route))
    if body is None and state is None:
        return None
    faults: list[str] = []
    content = Checked(parsed((state or "null").encode()), "state", faults)
    if (form := content.take("form", int)) > _FORM:
        raise UnknownVersion(f"{route} is kept in form {form}: this version knows up to {_FORM}")
    prompts = content.take("prompts", dict)
    before, written = (content.take(name, list) for name in ("before", "written"))
    is_returned = content.take("returned", bool)
    content.end()
    if faults:
        raise DocumentInvalid(faults)
    document = document_of((body or "").encode(), prompts.get)
    if document.route != route:
        raise DocumentInvalid([f"it holds a document of {document.route}, not of {route}"])
    return Kept(document, before, written, is_returned)


def kept_as(kept: Kept) -> dict[str, str]:
    """Write what is to be kept, by annotation."""
    document, state = names_of(kept.document.route)
    content = {
        "form": _FORM,
        "prompts": prompts_of(kept.document),
        "before": kept.before,
        "written": kept.written,
        "returned": kept.returned,
    }
    told_state = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return {document: body_of(kept.document).decode(), state: told_state}


def check_size(found: Mapping[str, Any], new: Mapping[str, str], place: RouteObject) -> None:
    """Find that an object can hold what is to be kept beside its other annotations.

    Raises:
        GatewayRefused: It cannot.
    """
    annotations = {**annotations_in(found), **new}
    many = sum(len(name.encode()) + len(text.encode()) for name, text in annotations.items())
    if many > MOST_BYTES:
        raise GatewayRefused(
            f"the annotations of {told(place)} would have {many} bytes, and Kubernetes allows "
            f"{MOST_BYTES}: refer to long prompts by their hash, sha256: and 64 digits"
        )
