"""What a span's attributes say a call is, apart from its numbers, in canonical terms."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.observe.aliases import (
    ALIASES,
    CALL_TYPES,
    OPEN_CALL_TYPES,
    OPERATIONS,
    PROVIDERS,
    SERVICE,
    STREAMS,
)
from optimizer.observe.values import Value, first, real, text, truth, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INVOCATION = 16_384  # characters of invocation parameters that are worth parsing
MAX_REVISION = 1 << 31
SLOTS = 200
_DATE = re.compile(r"[-@]20\d\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")


class Words(NamedTuple):
    """A call as named by its producer; `""` and None where nothing was said.

    Attributes:
        operation: One of the values of `OPERATIONS`.
        provider: Who served it, canonical.
        request_model: What was asked for.
        response_model: What answered.
        streamed: The answer came in pieces.
        from_cache: A gateway answered out of its own cache; no model was asked.
        error_type: The error's class name, without its module.
        service: The service that made it.
        route: Its stamped route.
        arm: Its stamped arm.
        cell: Its stamped cell.
        revision: Its stamped revision; 0 without a stamp.
        slot: The slot its resource is stamped with; -1 without a stamp.
        prompt: Name of its prompt.
        prompt_version: Version of its prompt.
        temperature: Sampling temperature asked for.
        top_p: Nucleus share asked for.
        max_tokens: Most output tokens asked for.
    """

    operation: str
    provider: str
    request_model: str
    response_model: str
    streamed: bool
    from_cache: bool
    error_type: str
    service: str
    route: str
    arm: str
    cell: str
    revision: int
    slot: int
    prompt: str
    prompt_version: str
    temperature: float | None
    top_p: float | None
    max_tokens: int | None


def read_words(
    attributes: Mapping[str, Value], resource: Mapping[str, Value], *, assigns: bool = False
) -> Words | None:
    """Read what a span says it is.

    Args:
        attributes: The span's attributes.
        resource: Its resource's attributes; stamps there hold where the span has none.
        assigns: It tells of a request that has not ended, so it need not say that it is one.

    Returns:
        None for a span that is no request to a model.
    """
    operation = "" if assigns else _operation(attributes)
    if operation is None:
        return None
    provider = _provider(attributes)
    invocation = _invocation(attributes)
    request_model, response_model = _models(attributes, invocation, provider)
    revision = _stamp(attributes, resource, "revision", whole) or 0
    return Words(
        operation=operation,
        provider=provider,
        request_model=request_model,
        response_model=response_model,
        streamed=_streamed(attributes, invocation),
        from_cache=bool(first(attributes, ALIASES["from_cache"], truth)),
        error_type=without_module(_name(attributes, "error_type")),
        service=text(resource.get(SERVICE)) or "",
        route=_stamp(attributes, resource, "route", text) or "",
        arm=_stamp(attributes, resource, "arm", text) or "",
        cell=_stamp(attributes, resource, "cell", text) or "",
        revision=revision if 0 <= revision < MAX_REVISION else 0,
        slot=as_slot(first(resource, ALIASES["slot"], whole)),
        prompt=_name(attributes, "prompt"),
        prompt_version=_name(attributes, "prompt_version"),
        temperature=_parameter(attributes, invocation, "temperature", real),
        top_p=_parameter(attributes, invocation, "top_p", real),
        max_tokens=_parameter(attributes, invocation, "max_tokens", whole),
    )


def undated(model: str) -> str:
    """Give a model's name without the date of its version."""
    return _DATE.sub("", model)


def without_module(error_type: str) -> str:
    """Give an error's class name: `openai.RateLimitError` is `RateLimitError`."""
    return error_type.rstrip(".").rpartition(".")[2]


def as_slot(value: int | None) -> int:
    """Give a slot of 200; -1 for what is none."""
    return value if value is not None and 0 <= value < SLOTS else -1


def _name(attributes: Mapping[str, Value], slot: str) -> str:
    return first(attributes, ALIASES[slot], text) or ""


def _operation(attributes: Mapping[str, Value]) -> str | None:
    """Give the operation, None for what is no request to a model."""
    call_type = (first(attributes, CALL_TYPES, text) or "").lower()
    if call_type and call_type not in OPERATIONS and call_type not in OPEN_CALL_TYPES:
        return None
    return OPERATIONS.get(_name(attributes, "operation").lower())


def _streamed(attributes: Mapping[str, Value], invocation: Mapping[str, Any]) -> bool:
    told = first(attributes, ALIASES["streamed"], truth)
    if told is None:
        told = truth(invocation.get("stream"))
    if told is None:
        return _name(attributes, "operation").lower() in STREAMS
    return told


def _provider(attributes: Mapping[str, Value]) -> str:
    """Give who served it; a gateway may tell it only before its model."""
    before, slash, _ = _name(attributes, "gateway_model").partition("/")
    return _canonical(_name(attributes, "provider") or (before if slash else ""))


def _canonical(provider: str) -> str:
    return PROVIDERS.get(provider.lower(), provider.lower())


def _stamp(
    attributes: Mapping[str, Value], resource: Mapping[str, Value], slot: str, read: Any
) -> Any:
    found = first(attributes, ALIASES[slot], read)
    return first(resource, ALIASES[slot], read) if found is None else found


def _parameter(
    attributes: Mapping[str, Value], invocation: Mapping[str, Any], slot: str, read: Any
) -> Any:
    found = first(attributes, ALIASES[slot], read)
    if found is not None or not invocation:
        return found
    names = (
        (slot, "max_completion_tokens", "max_output_tokens") if slot == "max_tokens" else (slot,)
    )
    return first(invocation, names, read)


def _invocation(attributes: Mapping[str, Value]) -> Mapping[str, Any]:
    """Parse the invocation parameters, scalars only; empty when they are no JSON object."""
    value = first(attributes, ALIASES["invocation"], lambda given: given)
    if not isinstance(value, str) or len(value) > MAX_INVOCATION:
        return {}
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    scalars = (str, bool, int, float)
    return {name: item for name, item in content.items() if isinstance(item, scalars)}


def _models(
    attributes: Mapping[str, Value], invocation: Mapping[str, Any], provider: str
) -> tuple[str, str]:
    """Give the model asked for and the model that answered."""
    response = _name(attributes, "response_model")
    request = _name(attributes, "request_model") or text(invocation.get("model")) or ""
    gateway = _name(attributes, "gateway_model")
    if not gateway:
        return request or _name(attributes, "old_request_model"), response
    # What its client asked for, and what it answers with, may be a name of the gateway's own, or
    # even another model's: what counts is the model it asked in its turn.
    asked = _without_provider(gateway, provider, request)
    is_its = f"/{undated(asked)}".endswith(f"/{undated(response)}")
    return asked, response if is_its else ""


def _without_provider(model: str, provider: str, request: str) -> str:
    """Give a gateway's model without the provider before it; other parts of its name stay."""
    prefix, _, rest = model.partition("/")
    is_provider = _canonical(prefix) == provider or rest == request
    return rest if rest and is_provider else model
