"""What a request to a LiteLLM proxy says of itself, as its hooks get it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from optimizer.documents import Unit

ROUTE_HEADER = "x-llm-optimizer-route"
ROUTE_FIELD = "llm_optimizer_route"
_MOST_UNIT = 1024
# LiteLLM's own administrator, whom all calls with the master key are of.
_NOBODY = frozenset({"default_user_id"})


class Request(NamedTuple):
    """A call that a proxy was asked for.

    Attributes:
        group: The model group, as the caller names it.
        kind: LiteLLM's name of what is called, such as `acompletion`.
        call: The call's id, this proxy's own.
        conversation: The id of its conversation; `""` when it tells none.
        user: The id of whom it is for; `""` when it tells none.
        owner: The id of whose key it came with; `""` for the proxy's administrator.
        route: What it says its route's last part is; `""` for nothing.
        trace: Its `traceparent` and `tracestate`, by name.
        is_streamed: The answer is asked for in pieces.
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
        call=_text(data.get("litellm_call_id")),
        conversation=_conversation(data, metadata),
        user=_text(data.get("user")) or _text(getattr(key, "end_user_id", None)),
        owner=_owner(key),
        route=_text(headers.get(ROUTE_HEADER)) or _text(metadata.get(ROUTE_FIELD)),
        trace={name: headers[name] for name in ("traceparent", "tracestate") if name in headers},
        is_streamed=data.get("stream") is True,
    )


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
    for name in ("litellm_metadata", "metadata"):
        if isinstance(given := data.get(name), Mapping):
            both |= given
    return both


def _headers(data: Mapping[str, Any]) -> Mapping[str, Any]:
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    return headers if isinstance(headers, Mapping) else {}


def _text(value: object) -> str:
    return value[:_MOST_UNIT] if isinstance(value, str) else ""
