"""What a request to the proxy says of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connectors.gateways.litellm_plugin.requests import Request, read
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
