"""A real LiteLLM proxy tells of each call in one span, however the call ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from optimizer.observe.aliases import ASSIGNMENT, PATIENCE
from optimizer.producers import Producer
from tests.dataflows.actuating import wait_until
from tests.litellm.stage import Stage
from tests.litellm.steering import OLD, ROUTE, STAMP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.litellm.sink import Seen

pytestmark = pytest.mark.slow
QUESTION = "What is a canary?"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PATIENCE_MS = 1500
SLOW_NS = 2_000_000_000  # what its model takes


class Told(NamedTuple):
    """What is asked, and what its one span must say.

    Attributes:
        model: The group that is asked.
        more: What else the request says.
        error: Its error's type; `""` when it went well.
        says: Attributes that its span must have.
    """

    model: str
    more: dict[str, Any]
    error: str = ""
    says: dict[str, object] = {}  # noqa: RUF012 - never changed


CASES = {
    "an answer": Told("chat", {}, says={"gen_ai.usage.output_tokens": 20, f"{STAMP}arm": OLD.id}),
    "a stream": Told("chat", {"stream": True}, says={"gen_ai.request.stream": True}),
    "an error": Told("limited", {}, "RateLimitError", {"http.response.status_code": 429}),
    "an error of a stream": Told("limited", {"stream": True}, "RateLimitError"),
    "a timeout": Told("late", {}, "Timeout", {"http.response.status_code": 408}),
    "an answer of another group": Told("rescued", {}, "InternalServerError"),
    "a group that is not there": Told("nobody", {}, "ProxyModelNotFoundError"),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A proxy that tries again once, and elsewhere; all its calls stay with the incumbent."""
    settings = {"num_retries": 1, "fallbacks": [{"rescued": ["small"]}]}
    stage = Stage(tmp_path_factory.mktemp("telling"), **settings)
    stage.proxy.start()
    stage.steer(1, 0, patience_ms=PATIENCE_MS)
    yield stage
    stage.close()


@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, told in CASES.items()])
def test_a_call_has_one_span(stage: Stage, told: Told) -> None:
    stage.sink.clear()
    stage.proxy.chat(told.model, "a-conversation", **told.more)
    call = only_call_before_another(stage)
    assert (call.failed, call.attributes.get("error.type", "")) == (bool(told.error), told.error)
    assert told.says.items() <= call.attributes.items()
    assert call.attributes["gen_ai.conversation.id"] == "a-conversation"
    if told.more:
        first = call.attributes.get("gen_ai.response.time_to_first_chunk", 0)
        assert told.error or 0 < first <= (call.end_ns - call.begin_ns) / 1e9


def only_call_before_another(stage: Stage) -> Seen:
    """Give the only call that is told of before another one, made now, is."""
    stage.proxy.chat("small", "the-next-one")
    wait_until(lambda: any(is_next(call) for call in stage.sink.calls()))
    (call,) = [call for call in stage.sink.calls() if not is_next(call)]
    assert Producer(call.scope.partition(".")[0]) is Producer.OPTIMIZER
    assert call.service == "litellm"
    return call


def is_next(call: Seen) -> bool:
    return call.attributes.get("gen_ai.conversation.id") == "the-next-one"


def test_calls_to_which_their_callers_give_one_id_are_told_of_each(stage: Stage) -> None:
    stage.sink.clear()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(stage.proxy.chat, "slow", "slow", "one-id")
        while not slow.done():
            stage.proxy.chat("chat", "quick", "one-id")
    sent = stage.proxy.chat("limited", "limited", "one-id")[0]
    assert sent == 429
    wait_until(lambda: any(call.failed for call in stage.sink.calls()))
    told = {call.attributes["gen_ai.conversation.id"]: call for call in stage.sink.calls()}
    assert set(told) == {"slow", "quick", "limited"}
    assert {call.attributes["litellm.call_id"] for call in told.values()} == {"one-id"}
    assert told["slow"].end_ns - told["slow"].begin_ns >= SLOW_NS


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_call_whose_caller_goes_away_is_told_of_once(stage: Stage, is_streamed: bool) -> None:  # noqa: FBT001 - a case
    stage.sink.clear()
    body = {"model": "slow", "messages": [{"role": "user", "content": QUESTION}]}
    with pytest.raises(TimeoutError):
        stage.proxy.ask("/v1/chat/completions", body | {"stream": is_streamed}, secs=0.5)
    stage.sink.wait_for(1)
    call = only_call_before_another(stage)
    assert call.attributes["gen_ai.request.stream"] is is_streamed


@pytest.mark.parametrize(
    ("path", "body", "operation"),
    [
        ("/v1/embeddings", {"model": "vectors", "input": QUESTION}, "embeddings"),
        ("/v1/responses", {"model": "chat", "input": QUESTION}, "chat"),
        ("/v1/completions", {"model": "chat", "prompt": QUESTION}, "text_completion"),
        (
            "/v1/messages",
            {
                "model": "chat",
                "max_tokens": 9,
                "messages": [{"role": "user", "content": QUESTION}],
            },
            "chat",
        ),
    ],
)
def test_other_kinds_of_calls_are_told_of_too(
    stage: Stage, path: str, body: dict[str, Any], operation: str
) -> None:
    stage.sink.clear()
    assert stage.proxy.ask(path, body)[0] == 200
    call = only_call_before_another(stage)
    assert call.attributes["gen_ai.operation.name"] == operation
    assert (f"{STAMP}arm" in call.attributes) == (body["model"] == "chat")


def test_a_caller_s_trace_goes_on_and_an_assignment_tells_of_the_call_when_it_starts(
    stage: Stage,
) -> None:
    stage.sink.clear()
    question = [{"role": "user", "content": QUESTION}]
    stage.proxy.ask(
        "/v1/chat/completions",
        {"model": "chat", "messages": question},
        traceparent=f"00-{TRACE}-{PARENT}-00",
    )
    (call,) = stage.sink.wait_for(1)
    assert (call.ids[0], call.ids[2]) == (TRACE, PARENT)
    wait_until(lambda: any(span.name == ASSIGNMENT for span in stage.sink.spans()))
    (assignment,) = [span for span in stage.sink.spans() if span.name == ASSIGNMENT]
    assert assignment.ids[0] == TRACE
    assert assignment.ids[2] == call.ids[1]
    assert assignment.attributes[PATIENCE] == PATIENCE_MS
    assert assignment.attributes[f"{STAMP}route"] == ROUTE
    assert assignment.begin_ns == assignment.end_ns == call.begin_ns


def test_nothing_that_was_said_is_told(stage: Stage) -> None:
    stage.sink.clear()
    stage.proxy.chat("limited")
    stage.proxy.chat("chat")
    stage.sink.wait_for(2)
    content = b"".join(stage.sink.payloads)
    assert QUESTION.encode() not in content
    assert b"from chat" not in content
