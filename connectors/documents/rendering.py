"""A document as a flag file of flagd: its only form, byte for byte.

The route is the flag, its arms are the variants, the incumbent is the default variant. Targeting
deals units to slots as `optimizer.slots` does, so whoever evaluates the flag and whoever looks the
slot up in the document find the same arm. Prompts stand in files of their own and are referred to
by hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC
from typing import TYPE_CHECKING, Any

from connectors.documents.rules import MOST_BYTES, faults_of
from optimizer.errors import DocumentInvalid
from optimizer.models import Arm, ModelConfig

if TYPE_CHECKING:
    from optimizer.documents import Document

FORM = 1
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")
CONFIG_FIELDS = tuple(field.name for field in fields(ModelConfig))
ARM_FIELDS = tuple(field.name for field in fields(Arm) if field.name != "config")


def body_of(document: Document) -> bytes:
    """Write a document.

    Returns:
        JSON in ASCII: what is hashed and signed.

    Raises:
        DocumentInvalid: It has faults; the message lists all of them.
    """
    try:
        faults = faults_of(document)
        content = {"$schema": SCHEMA, "flags": {document.route: _flag(document)}}
        body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentInvalid([f"an arm holds what JSON cannot hold: {error}"]) from error
    if faults:
        raise DocumentInvalid(faults)
    if len(body) > MOST_BYTES // 2:  # the other half is for its signature, and for good measure
        raise DocumentInvalid([f"it has {len(body)} bytes: must be at most {MOST_BYTES // 2}"])
    return body


def prompts_of(document: Document) -> dict[str, str]:
    """Give the texts that a document refers to, by their reference."""
    prompts = (arm.config.system_prompt for arm in document.arms)
    return {reference(text): text for text in prompts if text and not REFERENCE.fullmatch(text)}


def reference(text: str) -> str:
    """Give what stands for a prompt in a document."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def targeting(document: Document) -> dict[str, Any]:
    """Give the rule by which flagd finds the arm of a unit.

    Its schema wants two shares at least, so that of an only arm is followed by one of no slot.
    """
    shares = [[allotment.arm, allotment.slots] for allotment in document.allotments]
    if len(shares) == 1:
        shares.append([document.incumbent, 0])
    return {"fractional": [{"cat": [document.salt, {"var": "targetingKey"}]}, *shares]}


def _flag(document: Document) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "variants": {arm.id: _variant(arm) for arm in document.arms},
        "defaultVariant": document.incumbent,
        "targeting": targeting(document),
        "metadata": {
            "form": FORM,
            "revision": document.revision,
            "decision_id": document.decision_id,
            "unit": str(document.unit),
            "leased": document.leased,
            **({"patience_ms": document.patience_ms} if document.patience_ms else {}),
            "created_at": document.created_at.astimezone(UTC).isoformat(),
            "reason": document.reason,
        },
    }


def _variant(arm: Arm) -> dict[str, Any]:
    """Give an arm's settings; what is None, and so left to the provider, is left out."""
    told = {name: getattr(arm.config, name) for name in CONFIG_FIELDS}
    told |= {name: getattr(arm, name) for name in ARM_FIELDS}
    prompt = told["system_prompt"]
    if prompt and not REFERENCE.fullmatch(prompt):
        told["system_prompt"] = reference(prompt)
    return {name: _ordered(value) for name, value in told.items() if value is not None}


def _ordered(value: Any) -> Any:
    """Give a value with the keys of all mappings in it in order."""
    match value:
        case Mapping():
            return {name: _ordered(value[name]) for name in sorted(value)}
        case list() | tuple():
            return [_ordered(item) for item in value]
    return value
