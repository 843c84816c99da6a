"""One span for each call, whatever the proxy tells of it and in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from connectors.documents.choices import Choice
from connectors.gateways.litellm_plugin.attributes import of_failure
from connectors.gateways.litellm_plugin.requests import Request
from connectors.gateways.litellm_plugin.spans import Spans
from connectors.gateways.litellm_plugin.steering import Assignment
from optimizer.observe.aliases import ASSIGNMENT, PATIENCE

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
STAMPS = {"llm.optimizer.route": "a/b/c", "llm.optimizer.arm": "small-1"}
ARM = Choice("a/b/c", "small-1", "gpt-4o-mini", revision=3, stamps=STAMPS)
ASKED = Request("chat", "acompletion", "call-1", conversation="talk")
LIMITED = of_failure("RateLimitError", 429)
PAYLOAD: dict[str, Any] = {
    "custom_llm_provider": "azure",
    "model": "azure/gpt-4o-eu",
    "model_group": "small",
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "response_cost": 0.5,
    "endTime": (START + 2 * SECOND) / SECOND,
    "completionStartTime": (START + SECOND) / SECOND,
    "metadata": {
        "usage_object": {
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 7},
            "cache_creation_input_tokens": 3,
        }
    },
}


class Stage:
    """Spans that are kept, and a clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.spans = Spans(provider, lambda: self.now)

    def begin(self, choice: Choice | None = ARM, asked: Request = ASKED, **data: Any) -> Stage:
        group = "small" if choice and choice.arm else asked.group
        self.spans.begin(asked, Assignment(choice, group), "gpt-4o-mini", data)
        return self

    def ended(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())

    def only(self) -> ReadableSpan:
        (span,) = self.ended()
        return span


def test_an_answered_call_says_all_that_is_known_of_it() -> None:
    stage = Stage().begin(temperature=0.2, max_completion_tokens=9, top_p=True)
    answer = {"id": "chatcmpl-1", "model": "gpt-4o-mini-2024-07-18"}
    stage.spans.succeed("call-1", PAYLOAD, answer)
    span = stage.only()
    assert dict(span.attributes) == {
        **STAMPS,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.stream": False,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.conversation.id": "talk",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 7,
        "gen_ai.usage.cost": 0.5,
        "litellm.call_id": "call-1",
    }
    assert (span.name, span.start_time, span.end_time) == (
        "chat gpt-4o-mini",
        START,
        START + 2 * SECOND,
    )
    assert span.status.status_code is StatusCode.UNSET


def test_a_stream_tells_when_its_first_chunk_came() -> None:
    stage = Stage().begin(asked=ASKED._replace(is_streamed=True))
    stage.spans.succeed("call-1", PAYLOAD, None)
    assert stage.only().attributes["gen_ai.response.time_to_first_chunk"] == 1.0


def test_the_name_of_a_group_is_not_taken_for_a_model_that_answered() -> None:
    stage = Stage().begin()
    stage.spans.succeed("call-1", PAYLOAD, {"model": "chat"})
    assert "gen_ai.response.model" not in stage.only().attributes


def test_a_call_of_no_arm_names_the_model_that_was_asked() -> None:
    stage = Stage().begin(None)
    stage.spans.succeed("call-1", PAYLOAD | {"model_group": "chat"}, None)
    assert stage.only().attributes["gen_ai.request.model"] == "gpt-4o-eu"


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        ({"response_cost": 0.0}, 0.0),
        ({"response_cost": 0.0, "response_cost_failure_debug_info": {"error": "?"}}, None),
        ({"response_cost": 0.0, "zero_cost_diagnostic": {"why": "?"}}, None),
        ({"response_cost": None}, None),
        ({"response_cost": 0.0, "cache_hit": True, "zero_cost_diagnostic": {"why": "?"}}, 0.0),
    ],
)
def test_no_price_is_no_cost_of_nothing(more: dict[str, Any], cost: float | None) -> None:
    stage = Stage().begin()
    stage.spans.succeed("call-1", PAYLOAD | more, None)
    assert stage.only().attributes.get("gen_ai.usage.cost") == cost


def test_a_call_that_failed_is_told_once_and_ends_when_its_caller_is_told() -> None:
    stage = Stage().begin()
    stage.spans.failed_once("call-1", of_failure("Timeout", 408))
    stage.now += 5 * SECOND
    assert stage.spans.fail("call-1", LIMITED)
    assert not stage.spans.fail("call-1", LIMITED)
    stage.spans.succeed("call-1", PAYLOAD, None)
    span = stage.only()
    assert span.attributes["error.type"] == "RateLimitError"
    assert span.attributes["http.response.status_code"] == 429
    assert (span.status.status_code, span.end_time) == (StatusCode.ERROR, stage.now)


def test_a_try_that_another_one_made_good_is_no_failure() -> None:
    stage = Stage().begin()
    stage.spans.failed_once("call-1", LIMITED)
    stage.spans.succeed("call-1", PAYLOAD, None)
    assert stage.only().status.status_code is StatusCode.UNSET


def test_an_arm_that_another_group_had_to_answer_for_failed() -> None:
    stage = Stage().begin()
    stage.spans.failed_once("call-1", LIMITED)
    stage.spans.succeed("call-1", PAYLOAD | {"model_group": "spare"}, {"model": "gpt-4o"})
    span = stage.only()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "RateLimitError"
    assert span.attributes["gen_ai.request.model"] == "gpt-4o-mini"


def test_a_call_that_is_waited_for_is_told_of_when_it_starts() -> None:
    stage = Stage().begin(ARM._replace(patience_ms=900))
    told = stage.only()
    stage.now += SECOND
    stage.spans.fail("call-1", LIMITED)
    call = stage.ended()[1]
    assert told.name == ASSIGNMENT
    assert dict(told.attributes) == {**STAMPS, PATIENCE: 900}
    assert (told.start_time, told.end_time) == (START, START)
    assert told.parent.span_id == call.context.span_id
    assert told.context.trace_id == call.context.trace_id


def test_a_caller_s_trace_goes_on_whether_it_is_sampled_or_not() -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    stage = Stage()
    for number, sampled in enumerate(("00", "01")):
        asked = ASKED._replace(
            call=f"call-{number}", trace={"traceparent": f"00-{trace}-{parent}-{sampled}"}
        )
        stage.begin(asked=asked)
        stage.spans.fail(asked.call, LIMITED)
    for span in stage.ended():
        assert f"{span.context.trace_id:032x}" == trace
        assert f"{span.parent.span_id:016x}" == parent


def test_an_answer_that_is_never_logged_ends_when_it_was_given() -> None:
    stage = Stage().begin()
    stage.now += SECOND
    stage.spans.answered("call-1")
    stage.now += 61 * SECOND
    stage.begin(asked=ASKED._replace(call="call-2"))
    span = stage.only()
    assert (span.end_time, span.status.status_code) == (START + SECOND, StatusCode.UNSET)


def test_what_nothing_more_is_heard_of_ends_as_unfinished_and_only_then() -> None:
    stage = Stage().begin()
    stage.now += 3600 * SECOND
    stage.begin(asked=ASKED._replace(call="call-2"))
    assert not stage.ended()
    stage.now += 1
    stage.begin(asked=ASKED._replace(call="call-3"))
    assert stage.only().attributes["error.type"] == "unfinished"


def test_a_call_without_an_id_hides_no_other() -> None:
    stage = Stage().begin(asked=ASKED._replace(call="")).begin()
    stage.spans.succeed("call-1", PAYLOAD, None)
    stage.now += 3601 * SECOND
    stage.begin(asked=ASKED._replace(call="call-2"))
    assert stage.only().attributes["litellm.call_id"] == "call-1"


def test_a_refused_call_is_told_at_once_and_is_of_no_route() -> None:
    stage = Stage()
    stage.spans.refuse(ASKED, "gpt-4o", {}, of_failure("BudgetExceededError", "400"))
    span = stage.only()
    assert span.attributes["error.type"] == "BudgetExceededError"
    assert "llm.optimizer.route" not in span.attributes


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("litellm.exceptions.Timeout", 408, {"error.type": "Timeout", "status": 408}),
        ("", None, {"error.type": "_OTHER"}),
        ("Broken", "no number", {"error.type": "Broken"}),
        ("Broken", 99, {"error.type": "Broken"}),
    ],
)
def test_a_failure_is_its_class_and_its_status(
    kind: str, status: object, told: dict[str, object]
) -> None:
    if "status" in told:
        told = {"error.type": told["error.type"], "http.response.status_code": told["status"]}
    assert of_failure(kind, status) == told


DEALT = {"llm.optimizer.route": "a/b/c", "llm.optimizer.arm": "old-1", "llm.optimizer.revision": 3}
OTHER = DEALT | {"llm.optimizer.arm": "new-1"}


@pytest.mark.parametrize(
    ("tries", "is_failed"),
    [
        pytest.param([DEALT], False, id="one that answers"),
        pytest.param([DEALT, DEALT], False, id="the same again"),
        pytest.param([DEALT, OTHER], True, id="another arm comes to the rescue"),
        pytest.param([DEALT, {}], True, id="somebody else's comes to the rescue"),
    ],
)
def test_what_litellm_deals_itself_is_stamped_as_what_it_tried_first(
    tries: list[dict[str, str | int]], *, is_failed: bool
) -> None:
    stage = Stage().begin(None)
    for stamps in tries[:-1]:
        stage.spans.dealt("call-1", stamps)
        stage.spans.failed_once("call-1", LIMITED)
    stage.spans.dealt("call-1", tries[-1])
    stage.spans.succeed("call-1", PAYLOAD | {"model_group": "chat"}, {})
    span = stage.only()
    assert {name: span.attributes[name] for name in DEALT} == DEALT
    assert (span.status.status_code is StatusCode.ERROR) == is_failed


def test_what_the_plugin_assigned_keeps_its_stamps() -> None:
    stage = Stage().begin()
    stage.spans.dealt("call-1", OTHER)
    stage.spans.succeed("call-1", PAYLOAD, {})
    assert {name: stage.only().attributes[name] for name in STAMPS} == STAMPS
