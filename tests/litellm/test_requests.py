"""What a request to the proxy says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors.gateways.litellm_plugin.requests import Request, call_in, name_call, read
from optimizer.documents import Unit

KEY = SimpleNamespace(user_id="default_user_id", end_user_id=None)


def asked(key: object = KEY, **data: Any) -> Request:
    return read({"model": "chat", "litellm_call_id": "call-1", **data}, "acompletion", key)


def test_a_request_that_tells_nothing_is_its_own_unit() -> None:
    assert [asked().unit(unit) for unit in Unit] == ["call-1"] * 3


@pytest.mark.parametrize(
    ("data", "conversation"),
    [
        pytest.param({"litellm_session_id": "s"}, "s", id="in the body or a header"),
        pytest.param({"metadata": {"session_id": "s"}}, "s", id="in the metadata"),
        pytest.param({"litellm_metadata": {"session_id": "s"}}, "s", id="in those of a response"),
        pytest.param(
            {
                "litellm_session_id": "s",
                "metadata": {"session_id": "s", "litellm_session_id_generated": True},
            },
            "",
            id="made up by the proxy",
        ),
        pytest.param({"litellm_trace_id": "t"}, "", id="a trace is none"),
        pytest.param({"litellm_session_id": 7}, "", id="no text"),
    ],
)
def test_a_conversation_is_what_the_caller_calls_one(
    data: dict[str, Any], conversation: str
) -> None:
    assert asked(**data).conversation == conversation
    assert asked(**data).unit(Unit.CONVERSATION) == (conversation or "call-1")


@pytest.mark.parametrize(
    ("unit", "told", "found"),
    [
        (Unit.CONVERSATION, {"litellm_session_id": "s", "user": "u"}, "s"),
        (Unit.CONVERSATION, {"user": "u"}, "u"),
        (Unit.USER, {"litellm_session_id": "s", "user": "u"}, "u"),
        (Unit.USER, {"litellm_session_id": "s"}, "owner"),
        (Unit.CALL, {"litellm_session_id": "s", "user": "u"}, "call-1"),
    ],
)
def test_a_unit_that_is_not_told_is_replaced_by_the_next(
    unit: Unit, told: dict[str, str], found: str
) -> None:
    assert asked(SimpleNamespace(user_id="owner"), **told).unit(unit) == found


def test_calls_of_one_application_s_key_are_not_one_conversation() -> None:
    assert asked(SimpleNamespace(user_id="owner")).unit(Unit.CONVERSATION) == "call-1"


def test_headers_tell_route_and_trace() -> None:
    headers = {"x-llm-optimizer-route": "answer", "traceparent": "00-1-2-01", "x-other": "y"}
    request = asked(proxy_server_request={"headers": headers}, stream=True)
    assert (request.route, request.trace) == ("answer", {"traceparent": "00-1-2-01"})
    assert request.is_streamed
    assert asked(metadata={"llm_optimizer_route": "answer"}).route == "answer"


OWN = {"user_api_key": "hash"}
CHOSEN = {"proxy_server_request": {"headers": {"x-litellm-call-id": "call-1"}}}


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata"])
def test_a_call_whose_caller_chose_its_id_is_known_by_one_of_its_own(place: str) -> None:
    data: dict[str, Any] = {"litellm_call_id": "call-1", place: dict(OWN), **CHOSEN}
    name_call(data, "own")
    assert asked(**data).unit(Unit.CALL) == "own"
    assert asked(**data).logged == "call-1"
    logged = {"litellm_call_id": "call-1", "litellm_params": {place: data[place]}}
    assert call_in(data) == call_in(logged) == "own"


@pytest.mark.parametrize(
    "headers", [{}, {"x-litellm-call-id": ""}, {"x-litellm-call-id": "x" * 300}]
)
def test_a_call_keeps_the_id_that_the_proxy_made_whatever_its_caller_says(
    headers: dict[str, str],
) -> None:
    theirs = {"llm_optimizer_call": "of another call"}
    data: dict[str, Any] = {
        "litellm_call_id": "made",
        "metadata": {**OWN, **theirs},
        "litellm_metadata": dict(theirs),
        "proxy_server_request": {"headers": headers},
    }
    name_call(data, "own")
    assert call_in(data) == "made"


def test_a_caller_cannot_say_which_call_it_is() -> None:
    theirs = {"llm_optimizer_call": "of another call"}
    data: dict[str, Any] = {
        "litellm_call_id": "call-1",
        "litellm_metadata": dict(OWN),
        "metadata": theirs,
        **CHOSEN,
    }
    name_call(data, "own")
    assert call_in(data) == "own"
    assert not data["metadata"]
