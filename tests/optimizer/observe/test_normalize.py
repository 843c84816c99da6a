"""What a span means, name by name and value by value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from connectors.prices import TablePrices, per_million
from optimizer.errors import DecodeFailed
from optimizer.models import Arm, ModelConfig
from optimizer.observe.aliases import ALIASES, CALL_TYPES, PROVIDERS
from optimizer.observe.call_ids import call_ids
from optimizer.observe.identify import Identities
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.observe.readings import Span
from optimizer.observe.values import clean, real, text, truth, whole
from optimizer.observe.words import undated
from optimizer.settings import RouteSettings

PRICES = TablePrices({"gpt-4o": [per_million("2.5", 10, "1.25", 5)]})
SPAN = Span(
    trace_id=bytes(range(16)),
    span_id=bytes(range(8)),
    start_ns=1_000_000_000_000,
    end_ns=1_002_000_000_000,
    failed=False,
    attributes={
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 100,
    },
    resource={"service.name": "chat"},
)
COST = 3_500_000  # 1,000 x 2.5 $ and 100 x 10 $ per million


def reader(*routes: RouteSettings, **options) -> Normalizer:
    return Normalizer(Identities(routes, "acme"), PriceTable(PRICES), **options)


def call(attributes=None, without=(), routes=(), options=None, **facts):
    """Read the usual span without some of its attributes and with others."""
    kept = {name: value for name, value in SPAN.attributes.items() if name not in without}
    span = replace(SPAN, attributes={**kept, **(attributes or {})}, **facts)
    return reader(*routes, **(options or {})).normalize(span)


def test_a_call_is_read_whole():
    found = call()
    inferred = Arm(config=ModelConfig(model="gpt-4o")).id
    assert (found.route, found.arm, found.cell, found.revision) == (
        "acme/chat/default",
        inferred,
        "",
        0,
    )
    assert (found.model, found.provider) == ("gpt-4o-2024-08-06", "openai")
    assert (found.end_ns, found.latency_ns) == (1_002_000_000_000, 2_000_000_000)
    assert (found.tokens_in, found.tokens_out, found.tokens_cached) == (1_000, 100, 0)
    assert found.cost_nusd == COST
    assert (found.streamed, found.failed, found.error_type) == (False, False, "")
    assert (found.ttft_ns, found.slot) == (-1, -1)
    assert 0 < found.call_id < 2**64


@pytest.mark.parametrize(
    ("operation", "counts"),
    [
        *((name, True) for name in ("chat", "generate_content", "text_completion", "embeddings")),
        *((name, True) for name in ("acompletion", "atext_completion", "aembedding", "aresponses")),
        *((name, False) for name in ("invoke_agent", "create_agent", "execute_tool", "plan")),
        *((name, False) for name in ("invoke_workflow", "retrieval", "search_memory", "rerank")),
        ("fetch_response", False),
        ("", False),
        (None, False),
        (5, False),
        (True, False),
    ],
)
def test_only_requests_to_models_are_calls(operation, counts):
    assert (call({"gen_ai.operation.name": operation}) is not None) == counts
    assert call(without=("gen_ai.operation.name",)) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("llm.request.type", "completion"), ("openinference.span.kind", "LLM")],
)
def test_older_conventions_name_the_operation_otherwise(key, value):
    assert call({key: value}, without=("gen_ai.operation.name",)) is not None
    assert call({key: value, "gen_ai.operation.name": "execute_tool"}) is None


@pytest.mark.parametrize("key", CALL_TYPES)
@pytest.mark.parametrize(
    ("call_type", "counts"),
    [
        *((name, True) for name in ("acompletion", "aresponses", "Embedding", "unknown", "")),
        *((name, True) for name in ("pass_through_endpoint", "allm_passthrough_route", True)),
        *((name, False) for name in ("arerank", "amoderation", "afile_content", "aimage_edit")),
    ],
)
def test_what_a_gateway_calls_chat_is_none_if_it_was_something_else(key, call_type, counts):
    assert (call({key: call_type}) is not None) == counts


@pytest.mark.parametrize(("hit", "cost"), [(True, 0), ("True", 0), (False, COST), ("?", COST)])
@pytest.mark.parametrize("options", [{}, {"trust_reported": True}])
def test_an_answer_out_of_a_gateways_cache_costs_nothing(hit, cost, options):
    found = call({"litellm.cache_hit": hit}, options=options)
    assert (found.cost_nusd, found.tokens_in, found.tokens_out) == (cost, 1_000, 100)
    found = call({"litellm.cache_hit": hit, "litellm.cost.total": 0.25}, options=options)
    assert found.cost_nusd == (250_000_000 if options and cost else cost)


@pytest.mark.parametrize("key", ALIASES["tokens_in"])
def test_every_name_of_input_tokens_is_read(key):
    found = call({key: 7}, without=("gen_ai.usage.input_tokens",))
    assert found.tokens_in == 7


@pytest.mark.parametrize("key", ALIASES["tokens_out"])
def test_every_name_of_output_tokens_is_read(key):
    assert call({key: 7}, without=("gen_ai.usage.output_tokens",)).tokens_out == 7


@pytest.mark.parametrize("key", ALIASES["tokens_cached"])
def test_every_name_of_cached_tokens_is_read(key):
    found = call({key: 400})
    assert (found.tokens_in, found.tokens_cached) == (1_000, 400)
    assert found.cost_nusd == COST - 400 * 1_250


@pytest.mark.parametrize("key", ALIASES["cache_write"])
def test_every_name_of_tokens_written_to_a_cache_is_priced(key):
    assert call({key: 400}).cost_nusd == COST + 400 * 2_500


@pytest.mark.parametrize("slot", ["request_model", "old_request_model", "gateway_model"])
def test_every_name_of_the_model_asked_for_is_read(slot):
    for key in ALIASES[slot]:
        without = ("gen_ai.request.model", "gen_ai.response.model")
        assert call({key: "gpt-4o"}, without).model == "gpt-4o"


def test_the_name_with_the_highest_priority_counts_if_it_has_a_usable_value():
    names = ALIASES["tokens_in"]
    assert call({names[0]: 3, names[1]: 4}).tokens_in == 3
    assert call({names[0]: "many", names[1]: 4}).tokens_in == 4
    assert call({"gen_ai.provider.name": "", "gen_ai.system": "az.ai.openai"}).provider == (
        "azure.ai.openai"
    )


@pytest.mark.parametrize(
    ("value", "provider"), [*PROVIDERS.items(), ("OpenAI", "openai"), (" Cohere ", "cohere")]
)
def test_providers_have_one_name_each(value, provider):
    assert call({"gen_ai.provider.name": value}).provider == provider


@pytest.mark.parametrize("request_model", ["gpt-4o", "gpt-4o-mini", "chat", "openai/gpt-4o", ""])
@pytest.mark.parametrize(
    ("response", "model"),
    [("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"), ("gpt-4o-mini", "gpt-4o"), ("chat", "gpt-4o")],
)
def test_what_a_gateway_asked_counts_in_whatever_name_it_was_asked(request_model, response, model):
    models = {"gen_ai.request.model": request_model, "gen_ai.response.model": response}
    assert call({"litellm.provider.model": "openai/gpt-4o", **models}).model == model


@pytest.mark.parametrize(
    ("gateway", "told", "provider", "model"),
    [
        ("openai/gpt-4o", "openai", "openai", "gpt-4o"),
        ("openai/gpt-4o", "", "openai", "gpt-4o"),
        ("gpt-4o", "openai", "openai", "gpt-4o"),
        ("gpt-4o", "", "", "gpt-4o"),
        ("azure/mine", "azure.ai.openai", "azure.ai.openai", "mine"),
        ("bedrock/converse/a.b-v1:0", "bedrock", "aws.bedrock", "converse/a.b-v1:0"),
        ("meta-llama/Llama-3", "together_ai", "together_ai", "meta-llama/Llama-3"),
        ("openrouter/openai/gpt-4o", "openrouter", "openrouter", "openai/gpt-4o"),
        ("openai/", "openai", "openai", "openai/"),
    ],
)
def test_the_provider_before_a_gateways_model_is_no_part_of_its_name(
    gateway, told, provider, model
):
    models = {"litellm.provider.model": gateway, "gen_ai.response.model": "mine-alone"}
    found = call({**models, "gen_ai.request.model": "fast", "gen_ai.provider.name": told})
    assert (found.provider, found.model) == (provider, model)


def test_the_last_part_of_a_gateways_model_may_answer():
    models = {"litellm.provider.model": "openai/responses/gpt-5"}
    assert call({**models, "gen_ai.response.model": "gpt-5-2025-08-07"}).model == "gpt-5-2025-08-07"


@pytest.mark.parametrize("key", ALIASES["invocation"])
def test_the_model_of_a_call_that_failed_is_told_by_what_it_was_invoked_with(key):
    parameters = '{"model": "gpt-4o", "temperature": 0.2}'
    models = ("gen_ai.request.model", "gen_ai.response.model")
    assert call({key: parameters}, without=models, failed=True).model == "gpt-4o"


@pytest.mark.parametrize("apart", [True, False])
def test_tokens_of_a_cache_that_are_left_out_of_the_input_are_added(apart):
    cached = {"gen_ai.usage.cache_read.input_tokens": 300}
    written = {"gen_ai.usage.cache_write.input_tokens": 200}
    found = call({**cached, **written}, cached_apart=apart)
    assert (found.tokens_in, found.tokens_cached) == (1_500 if apart else 1_000, 300)
    assert call(cached, without=("gen_ai.usage.input_tokens",), cached_apart=apart).tokens_in == -1


@pytest.mark.parametrize(
    ("attributes", "streamed"),
    [
        ({}, False),
        ({"gen_ai.request.stream": True}, True),
        ({"llm.is_streaming": "True"}, True),
        ({"llm.is_streaming": "False"}, False),
        ({"gen_ai.is_streaming": 1}, True),
        ({"gen_ai.request.stream": False, "gen_ai.is_streaming": True}, False),
        ({"gen_ai.request.stream": "perhaps", "gen_ai.is_streaming": True}, True),
        ({"llm.invocation_parameters": '{"stream": true}'}, True),
        ({"gen_ai.operation.name": "generate_content_stream"}, True),
        ({"gen_ai.operation.name": "ai.streamText.doStream"}, True),
        ({"gen_ai.operation.name": "ai.generateText.doGenerate"}, False),
        ({"gen_ai.operation.name": "ai.streamText.doStream", "llm.is_streaming": False}, False),
    ],
)
def test_streams_are_recognised(attributes, streamed):
    assert call(attributes).streamed == streamed


@pytest.mark.parametrize(
    ("value", "ttft_ns"),
    [(0.25, 250_000_000), ("0.25", 250_000_000), (1, 1_000_000_000), (0.0, 0), ("soon", -1)],
)
def test_the_time_to_the_first_token_counts_only_for_streams(value, ttft_ns):
    key = "gen_ai.response.time_to_first_chunk"
    assert call({key: value, "gen_ai.request.stream": True}).ttft_ns == ttft_ns
    assert call({key: value}).ttft_ns == -1
    assert call({key: -5}).ttft_ns == -1


def test_an_event_may_tell_the_first_token():
    stream = {"gen_ai.request.stream": True}
    assert call(stream, first_chunk_ns=SPAN.start_ns + 7).ttft_ns == 7
    assert call(stream, first_chunk_ns=SPAN.start_ns - 7).ttft_ns == -1
    assert call(stream, first_chunk_ns=SPAN.end_ns + 1).ttft_ns == -1
    told = stream | {"gen_ai.response.time_to_first_chunk": 0.5}
    assert call(told, first_chunk_ns=SPAN.start_ns + 7).ttft_ns == 500_000_000


@pytest.mark.parametrize(
    ("facts", "error_type", "expected"),
    [
        ({}, None, ""),
        ({"failed": True}, None, "_OTHER"),
        ({"failed": True}, "openai.RateLimitError", "RateLimitError"),
        ({}, "litellm.exceptions.Timeout", "Timeout"),
        ({}, 429, "429"),
        ({}, "", ""),
        ({"failed": True, "exception_type": "a.b.TimeoutError"}, None, "TimeoutError"),
        ({"exception_type": "a.b.TimeoutError"}, None, ""),
        ({"failed": True}, "...", "_OTHER"),
    ],
)
def test_errors_have_the_name_of_their_class(facts, error_type, expected):
    found = call({"error.type": error_type}, **facts)
    assert (found.failed, found.error_type) == (bool(expected), expected)


def test_a_failed_call_without_tokens_costs_nothing_and_others_what_they_used():
    tokens = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    assert call(without=tokens, failed=True).cost_nusd == 0
    assert call(without=tokens[1:], failed=True).cost_nusd == 2_500_000
    assert call(failed=True).cost_nusd == COST
    assert call(without=tokens).cost_nusd == -1
    assert call(without=tokens[:1]).cost_nusd == -1


def test_embeddings_have_no_output():
    without = ("gen_ai.usage.output_tokens",)
    found = call({"gen_ai.operation.name": "embedding"}, without)
    assert (found.tokens_out, found.cost_nusd) == (0, 2_500_000)
    assert call(without=without).tokens_out == -1


@pytest.mark.parametrize(
    ("cached", "written", "tokens_in"),
    [(600, 400, 1_000), (600, 401, 2_001), (1_001, 0, 2_001), (0, 0, 1_000)],
)
def test_input_that_does_not_hold_its_cached_tokens_is_made_to(cached, written, tokens_in):
    parts = {ALIASES["tokens_cached"][0]: cached, ALIASES["cache_write"][0]: written}
    found = call(parts)
    assert (found.tokens_in, found.tokens_cached) == (tokens_in, cached)
    assert call(parts, without=("gen_ai.usage.input_tokens",)).tokens_cached == 0


@pytest.mark.parametrize(
    ("value", "reported"),
    [(0.002, 2_000_000), ("0.002", 2_000_000), (0, COST), (-1.0, COST), (1e9, COST), ("-", COST)],
)
def test_a_reported_cost_counts_only_where_it_is_trusted(value, reported):
    attributes = {"gen_ai.cost.total_cost": value}
    assert call(attributes).cost_nusd == COST
    assert call(attributes, options={"trust_reported": True}).cost_nusd == reported


@pytest.mark.parametrize(
    ("stamp", "route"),
    [
        (None, "acme/chat/default"),
        ("help", "acme/chat/help"),
        ("support/help", "acme/support/help"),
        ("acme/support/help", "acme/support/help"),
        ("rival/support/help", "acme/support/help"),
        ("acme/support/help/more", "acme/support/help-more"),
        ("/", "acme/unknown/default"),
        ("//", "acme/unknown/default"),
        ("a\nb", "acme/chat/a-b"),
        (7, "acme/chat/7"),
        ("", "acme/chat/default"),
    ],
)
def test_the_tenant_comes_from_the_source_whatever_a_stamp_says(stamp, route):
    assert call({"llm.optimizer.route": stamp}).route == route


@pytest.mark.parametrize(
    ("service", "route"),
    [
        ("chat", "acme/chat/default"),
        ("a/b\tc", "acme/a-b-c/default"),
        ("", "acme/unknown/default"),
        (None, "acme/unknown/default"),
        ("x" * 300, f"acme/{'x' * 128}/default"),
    ],
)
def test_a_service_is_one_part_of_a_route(service, route):
    assert call(resource={"service.name": service}).route == route


def test_stamps_on_the_span_win_over_those_on_its_resource():
    stamps = {
        "llm.optimizer.route": "there",
        "llm.optimizer.arm": "old",
        "llm.optimizer.revision": "3",
        "llm.optimizer.slot": 7,
    }
    resource = {"service.name": "chat", **stamps}
    found = call(resource=resource)
    assert (found.route, found.arm, found.revision, found.slot) == ("acme/chat/there", "old", 3, 7)
    own = {
        "llm.optimizer.route": "here",
        "llm.optimizer.arm": "new",
        "llm.optimizer.revision": 4,
        "llm.optimizer.slot": 8,
    }
    found = call(own, resource=resource)
    assert (found.route, found.arm, found.revision, found.slot) == ("acme/chat/here", "new", 4, 8)


@pytest.mark.parametrize(
    ("value", "slot", "revision"),
    [
        (0, 0, 0),
        (199, 199, 199),
        (200, -1, 200),
        (-1, -1, 0),
        ("5", 5, 5),
        (2**31, -1, 0),
        (True, -1, 0),
        (1.5, -1, 0),
        ("x", -1, 0),
        (10**40, -1, 0),
    ],
)
def test_what_is_no_slot_or_revision_is_none(value, slot, revision):
    found = call({"llm.optimizer.slot": value, "llm.optimizer.revision": value})
    assert (found.slot, found.revision) == (slot, revision)


@pytest.mark.parametrize(
    ("cells", "stamp", "cell"),
    [
        (("short", "long"), "short", "short"),
        (("short", "long"), "middle", "~other"),
        (("short", "long"), None, ""),
        ((), "short", ""),
    ],
)
def test_only_declared_cells_are_told_apart(cells, stamp, cell):
    route = RouteSettings(route="acme/chat/default", cells=cells)
    assert call({"llm.optimizer.cell": stamp}, routes=(route,)).cell == cell
    assert call({"llm.optimizer.cell": "short"}).cell == ""


def arm(model="gpt-4o", declared=(), prompt="", prompt_version="", **parameters) -> Arm:
    config = ModelConfig(model=model, **parameters)
    return Arm(config=config, declared=declared, prompt=prompt, prompt_version=prompt_version)


COLD = arm(declared=("temperature",), temperature=0.2)
WARM = arm(declared=("temperature", "max_tokens"), temperature=0.9, max_tokens=64)
NUCLEUS = arm(declared=("top_p",), top_p=0.5)
PLAIN = arm()
DATED = arm(model="gpt-4o-2024-08-06")
PROMPTED = arm(prompt="brief", prompt_version="2", declared=("prompt", "prompt_version"))
COLD_SPAN = {"gen_ai.request.temperature": 0.2}
PROMPT_SPAN = {"gen_ai.prompt.name": "brief", "gen_ai.prompt.version": "2"}


@pytest.mark.parametrize(
    ("arms", "attributes", "expected"),
    [
        ([COLD, PLAIN], COLD_SPAN, COLD),
        ([COLD, PLAIN], {"gen_ai.request.temperature": 0.200000003}, COLD),
        ([COLD, PLAIN], {"gen_ai.request.temperature": 0.3}, PLAIN),
        ([COLD, PLAIN], {}, PLAIN),
        ([PLAIN, COLD], COLD_SPAN, PLAIN),
        ([WARM, PLAIN], {"gen_ai.request.temperature": 0.9}, PLAIN),
        (
            [WARM, PLAIN],
            {"gen_ai.request.temperature": "0.9", "gen_ai.request.max_tokens": 64.0},
            WARM,
        ),
        ([NUCLEUS, PLAIN], {"gen_ai.request.top_p": 0.5}, NUCLEUS),
        ([PROMPTED, PLAIN], PROMPT_SPAN, PROMPTED),
        ([PROMPTED, PLAIN], PROMPT_SPAN | {"gen_ai.prompt.version": "3"}, PLAIN),
        ([DATED], {}, DATED),
        ([PLAIN, DATED], {"gen_ai.request.model": "gpt-4o-2024-08-06"}, DATED),
        ([PLAIN], {"gen_ai.request.model": "gpt-4o-2024-08-06"}, PLAIN),
        ([PLAIN], {"gen_ai.request.model": "gpt-4o@20240806"}, PLAIN),
        (
            [COLD, PLAIN],
            {"llm.invocation_parameters": '{"temperature": 0.2, "tools": [{}]}'},
            COLD,
        ),
    ],
)
def test_without_a_stamp_the_first_declared_arm_that_fits_is_meant(arms, attributes, expected):
    route = RouteSettings(route="acme/chat/default", incumbent=arms[0], candidates=tuple(arms[1:]))
    assert call(attributes, routes=(route,)).arm == expected.id
    stamped = {**attributes, "llm.optimizer.arm": "what-the-gateway-says"}
    assert call(stamped, routes=(route,)).arm == "what-the-gateway-says"


def test_where_no_declared_arm_fits_one_is_inferred_from_model_and_prompt():
    route = RouteSettings(route="acme/chat/default", incumbent=COLD, candidates=(PROMPTED,))
    assert call(routes=(route,)).arm == Arm(config=ModelConfig(model="gpt-4o")).id
    attributes = {"gen_ai.prompt.name": "long", "gen_ai.prompt.version": 3}
    expected = Arm(config=ModelConfig(model="gpt-4o"), prompt="long", prompt_version="3")
    assert call(attributes, routes=(route,)).arm == expected.id
    without = ("gen_ai.request.model",)
    assert call(without=without).arm == Arm(config=ModelConfig(model="gpt-4o-2024-08-06")).id


def test_the_parameters_that_tell_arms_apart_are_known_beforehand():
    routes = (
        RouteSettings(route="acme/chat/a", incumbent=COLD),
        RouteSettings(route="acme/chat/b", candidates=(PROMPTED,)),
    )
    names = ("temperature", "top_p", "max_tokens", "prompt")
    assert Identities(routes, "acme").declared(names) == ("temperature", "prompt")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-sonnet-20241022", "claude-3-5-sonnet"),
        ("claude-3-5-sonnet@20240620", "claude-3-5-sonnet"),
        ("gpt-4o", "gpt-4o"),
        ("gpt-4-0613", "gpt-4-0613"),
        ("model-2024-13-06", "model-2024-13-06"),
        ("", ""),
    ],
)
def test_a_model_can_be_had_without_the_date_of_its_version(model, expected):
    assert undated(model) == expected


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"trace_id": b"short"}, "bad_ids"),
        ({"span_id": bytes(8)}, "bad_ids"),
        ({"start_ns": 0}, "absurd_time"),
        ({"end_ns": 1 << 63}, "absurd_time"),
        ({"end_ns": 999_000_000_000}, "ends_before_start"),
        ({"end_ns": 10**18}, "absurd_time"),
    ],
)
def test_a_call_that_cannot_be_is_refused_and_another_span_is_none_of_our_business(facts, reason):
    with pytest.raises(DecodeFailed) as refused:
        call(**facts)
    assert refused.value.reason == reason
    assert call({"gen_ai.operation.name": "plan"}, **facts) is None


@pytest.mark.parametrize("slot", ["tokens_in", "tokens_out", "tokens_cached", "cache_write"])
@pytest.mark.parametrize(
    "count", [-1, 10**9 + 1, 2**53 + 1, pytest.param(10**5000, id="huge"), "-3", -2.0]
)
def test_absurd_numbers_of_tokens_are_refused(slot, count):
    with pytest.raises(DecodeFailed, match="absurd_tokens"):
        call({ALIASES[slot][0]: count})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        ("5.0", 5),
        ("-5.", -5),
        ("5.5", None),
        (5.0, 5),
        (5.5, None),
        (True, None),
        (None, None),
        ("", None),
        (float("nan"), None),
        (float("inf"), None),
        ("1e3", None),
        ("٣", None),
        (-(10**40), -(2**64)),
    ],
)
def test_whole_numbers(value, expected):
    assert whole(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        ("0.5", 0.5),
        ("1e3", 1e3),
        (0.5, 0.5),
        (True, None),
        ("x", None),
        (None, None),
        ("inf", None),
        ("nan", None),
        (10**400, float("inf")),
    ],
)
def test_real_numbers(value, expected):
    assert real(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (0, False),
        ("TRUE", True),
        ("false", False),
        ("", None),
        (None, None),
        ("yes", None),
        (1.0, None),
    ],
)
def test_truths(value, expected):
    assert truth(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (" a ", "a"),
        ("", None),
        (None, None),
        (True, None),
        (5, "5"),
        (0.5, "0.5"),
        ("a\x00b\u202ec\ud800", "a-b-c-"),
        ("x" * 200, "x" * 128),
    ],
)
def test_names(value, expected):
    assert text(value) == expected


@given(st.text())
def test_a_name_is_always_short_and_printable(value):
    found = clean(value)
    assert len(found) <= 128
    assert found.isprintable()
    assert clean(found) == found


def test_call_ids_are_spread_and_never_zero():
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 2**64, (20_000, 3), dtype=np.uint64)
    ids[:10_000, :2] = 7  # ten thousand spans of one trace
    ids[:10_000, 2] = np.arange(10_000)
    ids[0] = 0
    found = call_ids(ids)
    assert len(np.unique(found)) == len(found)
    assert found.all()
    ones = np.unpackbits(found.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 0.02
