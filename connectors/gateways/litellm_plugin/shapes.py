"""How an arm's parameters are written into a request, by what is called."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.rendering import REFERENCE

if TYPE_CHECKING:
    from connectors.documents.choices import Choice

_SAMPLING = ("temperature", "top_p", "top_k", "max_tokens")
_CHAT = (*_SAMPLING, "presence_penalty", "frequency_penalty")
_INSTRUCTORS = ("system", "developer")


class Shape(NamedTuple):
    """How requests of one kind are written.

    Attributes:
        names: What they call the parameters that they have, by our names.
        prompt: Where the system prompt stands; `""` where there is none.
        takes_more: Whatever else an arm says of its provider may stand beside them.
    """

    names: Mapping[str, str]
    prompt: str = ""
    takes_more: bool = True


_EMBEDDING = Shape({}, takes_more=False)
_TEXT = Shape({name: name for name in _CHAT})
# By LiteLLM's name of what is called; calls of other kinds are left alone.
SHAPES: Mapping[str, Shape] = {
    "acompletion": Shape({name: name for name in _CHAT}, "messages"),
    "completion": Shape({name: name for name in _CHAT}, "messages"),
    "atext_completion": _TEXT,
    "text_completion": _TEXT,
    "anthropic_messages": Shape({name: name for name in _SAMPLING}, "system"),
    "aresponses": Shape(
        {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_output_tokens"},
        "instructions",
    ),
    "aembedding": _EMBEDDING,
    "embeddings": _EMBEDDING,
}
# What a request is addressed by, and what goes with it: no arm may say these.
_RESERVED = frozenset({
    "model", "messages", "input", "prompt", "stream", "user", "metadata", "litellm_metadata",
    "api_key", "api_base", "base_url", "headers", "extra_headers", "fallbacks",
    "custom_llm_provider", "mock_response", "proxy_server_request",
})  # fmt: skip


def obstacle(shape: Shape, choice: Choice, incumbent: Choice) -> str:
    """Say what keeps a choice from being written into a request; `""` when nothing does."""
    more = [name for name in choice.written if name not in shape.names]
    if refused := sorted(name for name in more if name in _RESERVED or "litellm" in name):
        return f"it says {', '.join(refused)}, which no arm may"
    if more and not shape.takes_more:
        return f"calls of this kind have no {', '.join(more)}"
    if _text_of(choice) is not None:
        return "" if shape.prompt else "calls of this kind have no system prompt"
    if _callers_prompt(choice) != _callers_prompt(incumbent):
        return "its prompt is not in the document: give the arm the text as system_prompt"
    return ""


def write(shape: Shape, choice: Choice, data: MutableMapping[str, Any]) -> None:
    """Write an arm's parameters and prompt into a request, in place of the caller's."""
    for name, value in choice.written.items():
        if name == "max_tokens":
            data.pop("max_completion_tokens", None)  # newer name of the same
        data[shape.names.get(name, name)] = value
    if (prompt := _text_of(choice)) is not None:
        _instruct(shape, prompt, data)


def _text_of(choice: Choice) -> str | None:
    """Give the prompt to write; None where the caller brings it, as named or by its hash."""
    told = choice.system_prompt
    return None if told is None or REFERENCE.fullmatch(told) else told


def _callers_prompt(choice: Choice) -> tuple[str | None, str, str]:
    reference = choice.system_prompt if _text_of(choice) is None else None
    return reference, choice.prompt, choice.prompt_version


def _instruct(shape: Shape, prompt: str, data: MutableMapping[str, Any]) -> None:
    if shape.prompt != "messages":
        data[shape.prompt] = prompt
        return
    messages = data.get("messages")
    given = list(messages) if isinstance(messages, list) else []
    role = "system"
    if given and isinstance(given[0], Mapping) and given[0].get("role") in _INSTRUCTORS:
        role = given.pop(0)["role"]
    data["messages"] = [{"role": role, "content": prompt}, *given]
