"""What a request to a LiteLLM proxy says of itself, as its hooks get it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple

from optimizer.documents import Unit

ROUTE_HEADER = "x-llm-optimizer-route"
ROUTE_FIELD = "llm_optimizer_route"
CALL_HEADER = "x-litellm-call-id"
CALL_FIELD = "llm_optimizer_call"
_METADATA = ("litellm_metadata", "metadata")
_PROXY_S = "user_api_key"  # LiteLLM writes it beside what a caller tells, and lets no caller
_MOST_UNIT = 1024
# LiteLLM's own administrator, whom all calls with the master key are of.
_NOBODY = frozenset({"default_user_id"})


class Request(NamedTuple):
    """A call that a proxy was asked for.

    Attributes:
        group: The model group, as the caller names it.
        kind: LiteLLM's name of what is called, such as `acompletion`.
        call: What tells it from any other call; no caller chooses it.
        conversation: The id of its conversation; `""` when it tells none.
        user: The id of whom it is for; `""` when it tells none.
        owner: The id of whose key it came with; `""` for the proxy's administrator.
        route: What it says its route's last part is; `""` for nothing.
        trace: Its `traceparent` and `tracestate`, by name.
        is_streamed: The answer is asked for in pieces.
        logged: The id that LiteLLM logs it under; `""` for that of `call`.
    """

    group: str
    kind: str
    call: str
    conversation: str = ""
    user: str = ""
    owner: str = ""
    route: str = ""
    trace: Mapping[str, str] = {}
    is_streamed: bool = False
    logged: str = ""

    def unit(self, unit: Unit) -> str:
        """Give what an assignment sticks to: the unit of a route, or the next that is told.

        A conversation that is not told of is not replaced by a key's owner: where one application
        calls with one key, all of its calls would be one unit.
        """
        if unit is Unit.CONVERSATION:
            return self.conversation or self.user or self.call
        if unit is Unit.USER:
            return self.user or self.owner or self.conversation or self.call
        return self.call


def read(data: Mapping[str, Any], kind: str, key: object = None) -> Request:
    """Read a request.

    Args:
        data: What the proxy would call LiteLLM with.
        kind: LiteLLM's name of what is called.
        key: The key it came with.
    """
    metadata = _metadata(data)
    headers = _headers(data)
    return Request(
        group=_text(data.get("model")),
        kind=kind,
        call=call_in(data),
        logged=_text(data.get("litellm_call_id")),
        conversation=_conversation(data, metadata),
        user=_text(data.get("user")) or _text(getattr(key, "end_user_id", None)),
        owner=_owner(key),
        route=_text(headers.get(ROUTE_HEADER)) or _text(metadata.get(ROUTE_FIELD)),
        trace={name: headers[name] for name in ("traceparent", "tracestate") if name in headers},
        is_streamed=data.get("stream") is True,
    )


def name_call(data: MutableMapping[str, Any], own: str) -> None:
    """Give a call an id of its own where its caller chose the one that LiteLLM logs it under.

    Callers give several calls one id, also at once, or one that falls to the arm they like.

    Args:
        data: What the proxy would call LiteLLM with; its metadata tell the id from here on.
        own: The id.
    """
    given = _headers(data).get(CALL_HEADER)
    is_chosen = bool(given) and given == data.get("litellm_call_id")
    for metadata in _all_metadata(data):
        if is_chosen and _PROXY_S in metadata:
            metadata[CALL_FIELD] = own
        else:
            metadata.pop(CALL_FIELD, None)


def call_in(data: Mapping[str, Any]) -> str:
    """Give what tells a call from any other one; `""` where it has no id.

    Args:
        data: What a hook is told of it.
    """
    params = data.get("litellm_params")
    told = [_metadata(one) for one in (params, data) if isinstance(one, Mapping)]
    own = next((one[CALL_FIELD] for one in told if CALL_FIELD in one), None)
    return _text(own) or _text(data.get("litellm_call_id"))


def _conversation(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Give the session; one that the proxy made up for a call that has none is no conversation."""
    if metadata.get("litellm_session_id_generated"):
        return ""
    return _text(data.get("litellm_session_id")) or _text(metadata.get("session_id"))


def _owner(key: object) -> str:
    owner = _text(getattr(key, "user_id", None))
    return "" if owner in _NOBODY else owner


def _metadata(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the metadata of both names: under which a caller's stands differs by what is called."""
    both: dict[str, Any] = {}
    for metadata in _all_metadata(data):
        both |= metadata
    return both


def _all_metadata(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _METADATA:
        if isinstance(given := data.get(name), dict):
            yield given


def _headers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}


def _text(value: object) -> str:
    return value[:_MOST_UNIT] if isinstance(value, str) else ""
