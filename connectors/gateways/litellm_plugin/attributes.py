"""What a call's span says, by OpenTelemetry's conventions for generative AI; never any content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from optimizer.observe.aliases import OPERATIONS, PROVIDERS
from optimizer.observe.words import without_module

if TYPE_CHECKING:
    from connectors.gateways.litellm_plugin.requests import Request

Attributes = dict[str, str | int | float | bool]
_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
}
_LEAST_STATUS, _MOST_STATUS = 100, 599
UNKNOWN_ERROR = "_OTHER"  # the conventions' own


def operation_of(kind: str) -> str:
    """Give the conventions' operation; what they have none for keeps LiteLLM's name."""
    return OPERATIONS.get(kind, kind)


def of_request(request: Request, model: str, data: Mapping[str, Any]) -> Attributes:
    """Say what was asked for.

    Args:
        request: The call.
        model: The model it goes to.
        data: The request as it goes to LiteLLM.
    """
    told: Attributes = {
        "gen_ai.operation.name": operation_of(request.kind),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": request.is_streamed,
        "litellm.call_id": request.logged or request.call,
    }
    if request.conversation:
        told["gen_ai.conversation.id"] = request.conversation
    for name, attribute in _PARAMETERS.items():
        value = data.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            told[attribute] = value
    return told


def of_answer(payload: Mapping[str, Any], answer: object, group: str) -> Attributes:
    """Say what was answered.

    Args:
        payload: LiteLLM's standard logging payload.
        answer: What it answered with.
        group: The model group that was asked for: the proxy answers in its name.
    """
    told: Attributes = {}
    if provider := model_asked(payload)[1]:
        told["gen_ai.provider.name"] = PROVIDERS.get(provider.lower(), provider.lower())
    model, answer_id = _field(answer, "model"), _field(answer, "id")
    if isinstance(model, str) and model not in ("", group):
        told["gen_ai.response.model"] = model
    if isinstance(answer_id, str) and answer_id:
        told["gen_ai.response.id"] = answer_id
    told |= _usage(payload)
    cost, is_cached = payload.get("response_cost"), payload.get("cache_hit") is True
    # LiteLLM says 0 for what it has no price for, too, and then why.
    reasons = ("response_cost_failure_debug_info", "zero_cost_diagnostic")
    if isinstance(cost, int | float) and (cost or is_cached or not any(map(payload.get, reasons))):
        told["gen_ai.usage.cost"] = float(cost)
    if is_cached:
        told["litellm.cache_hit"] = True
    return told


def of_failure(kind: str, status: object) -> Attributes:
    """Say what went wrong.

    Args:
        kind: The error's class.
        status: The HTTP status the caller gets, as a number or a text; anything else says nothing.
    """
    told: Attributes = {"error.type": without_module(kind) or UNKNOWN_ERROR}
    text = str(status)
    if text.isdecimal() and _LEAST_STATUS <= int(text) <= _MOST_STATUS:
        told["http.response.status_code"] = int(text)
    return told


def model_asked(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Give the model that LiteLLM asked, as its provider calls it, and that; `""` for none."""
    model, provider = payload.get("model"), payload.get("custom_llm_provider")
    if not isinstance(model, str) or not model:
        return "", ""
    before, slash, rest = model.partition("/")
    if isinstance(provider, str) and provider:
        return rest if slash and before == provider else model, provider
    return (rest, before) if slash else (model, "")


def _usage(payload: Mapping[str, Any]) -> Attributes:
    """Give tokens: those of the input include those of caches, as the conventions have it."""
    metadata = payload.get("metadata")
    usage = metadata.get("usage_object") if isinstance(metadata, Mapping) else None
    usage = usage if isinstance(usage, Mapping) else {}
    read, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    prompt = "prompt_tokens_details"
    told = {
        "gen_ai.usage.input_tokens": payload.get("prompt_tokens"),
        "gen_ai.usage.output_tokens": payload.get("completion_tokens"),
        "gen_ai.usage.cache_read.input_tokens": read or _detail(usage, prompt, "cached_tokens"),
        "gen_ai.usage.cache_creation.input_tokens": written
        or _detail(usage, prompt, "cache_creation_tokens"),
        "gen_ai.usage.reasoning.output_tokens": _detail(
            usage, "completion_tokens_details", "reasoning_tokens"
        ),
    }
    counts: Attributes = {name: value for name, value in told.items() if _is_count(value)}
    return counts if any(counts.values()) else {}


def _detail(usage: Mapping[str, Any], part: str, name: str) -> object:
    details = usage.get(part)
    return details.get(name) if isinstance(details, Mapping) else None


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
