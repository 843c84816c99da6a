"""What the samples say, call by call, as a person reads them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from connectors.prices import TablePrices, per_million
from tests.otlp_oracle import as_json, from_json

SAMPLES = Path(__file__).parent
PRICES = TablePrices(
    {
        "gpt-4o": [per_million("2.5", 10, "1.25")],
        "gpt-4o-mini": [per_million("0.15", "0.6", "0.075")],
        "gpt-4o-mini-2024-07-18": [per_million("0.15", "0.6", "0.075")],
        "gpt-4.1-mini-2025-04-14": [per_million("0.4", "1.6", "0.1")],
        "gemini-2.5-flash": [per_million("0.3", "2.5", "0.03")],
        "text-embedding-3-small": [per_million("0.02")],
        "claude-haiku-4-5-20251001": [per_million(1, 5, "0.1", "1.25")],
        "claude-haiku-4-5-20251001-v1:0": [per_million(1, 5, "0.1", "1.25")],
    }
)


class Expected(NamedTuple):
    """What matters of a call."""

    operation: str
    model: str
    tokens_in: int
    tokens_out: int
    cached: int
    cost_nusd: int
    error: str = ""
    streamed: bool = False
    has_ttft: bool = False
    provider: str = "openai"


class Sample(NamedTuple):
    """What a sample holds.

    Attributes:
        service: Who sent it.
        others: How many of its spans are no calls.
        calls: Its calls, in order.
    """

    service: str
    others: int
    calls: list[Expected]


DATED = "gpt-4o-mini-2024-07-18"
LIMITED = Expected("chat", "gpt-4o-ratelimited", -1, -1, 0, 0, "RateLimitError")
EMBEDDED = Expected("embeddings", "text-embedding-3-small", 5, 0, 0, 100)
RESPONSES = Expected("chat", "gpt-4.1-mini-2025-04-14", 36, 12, 16, 28_800)


def chat(model=DATED, cached=1024, cost=117_600, **more) -> Expected:
    return Expected("chat", model, 1200, 24, cached, cost, **more)


def claude(cached=1024, cost=2_042_400, tokens_out=24, **more) -> Expected:
    model = "claude-haiku-4-5-20251001"
    return Expected("chat", model, 2780, tokens_out, cached, cost, provider="anthropic", **more)


def limited_claude(error: str) -> Expected:
    return LIMITED._replace(model="claude-ratelimited", error=error, provider="anthropic")


STREAMED, UNTIMED = chat(streamed=True, has_ttft=True), chat(streamed=True)
PLAIN = chat(cached=0, cost=194_400)  # cached tokens are not told
SILENT = PLAIN._replace(tokens_in=-1, tokens_out=-1, cost_nusd=-1)
OFFICIAL = [chat(), STREAMED, chat(), LIMITED, EMBEDDED, RESPONSES]
# Its streams answer with the name that was asked for.
LITELLM = [chat(), UNTIMED._replace(model="gpt-4o-mini"), chat(), LIMITED, EMBEDDED]
FAILED_AT_ZERO = LIMITED._replace(tokens_in=0, tokens_out=0)
# Anthropic's client traces itself, and whatever watches it traces the same calls.
OF_CLIENT = [
    claude(),
    claude(streamed=True, has_ttft=True),
    limited_claude("rate_limit_error"),
]
PROXIED = Expected("chat", "gpt-4o", 10, 20, 0, 225_000)
PROXIED_MINI = Expected("chat", "gpt-4o-mini", 10, 20, 0, 13_500)
PROXIED_LIMITED = Expected("chat", "gpt-4o", -1, -1, 0, 0, "RateLimitError")
# An embedding asked of a chat model, as the proxy was told to.
PROXIED_EMBEDDING = Expected("embeddings", "gpt-4o-mini", 5, 0, 0, 750)


def of_both(*found: Expected) -> list[Expected]:
    """Give what Anthropic's client says of each call, and what its observer says then."""
    return [call for pair in zip(OF_CLIENT, found, strict=True) for call in pair]


EXPECTED = {
    "litellm_1.106.2": Sample("demo-chatbot", 4, LITELLM),
    "litellm_1.109.1_default": Sample("chat", 6, [*LITELLM, RESPONSES, claude()]),
    "litellm_1.109.1_no_content": Sample("chat", 0, [*LITELLM, RESPONSES, claude()]),
    "litellm_1.109.1_semconv_optin": Sample("chat", 0, [*LITELLM, RESPONSES, claude()]),
    "litellm_1.109.1_v2": Sample(
        "chat",
        0,
        [
            chat(),
            STREAMED._replace(model="gpt-4o-mini"),
            chat(),
            FAILED_AT_ZERO,
            EMBEDDED,
            RESPONSES,
            claude(),
        ],
    ),
    "litellm_1.109.1_proxy": Sample(
        "gateway",
        43,
        [
            chat("gpt-4o-mini"),
            UNTIMED._replace(model="gpt-4o-mini"),
            LIMITED,
            PROXIED_EMBEDDING,
        ],
    ),
    "litellm_1.109.1_proxy_v2": Sample(
        "gateway",
        26,
        [
            chat("gpt-4o-mini"),
            STREAMED._replace(model="gpt-4o-mini"),
            FAILED_AT_ZERO,
            PROXIED_EMBEDDING,
        ],
    ),
    "openinference_anthropic_3.1.0": Sample(
        "chat",
        0,
        of_both(claude(), claude(streamed=True), limited_claude("RateLimitError")),
    ),
    "openinference_langchain_0.1.80": Sample(
        "chat",
        4,
        [chat(), chat("gpt-4o-mini")],  # a stream told to be none
    ),
    "openinference_openai_0.1.66": Sample("chat", 0, OFFICIAL),
    # Two failed calls that say nothing of themselves.
    "openlit_1.33.10": Sample("chat", 2, [PLAIN, PLAIN, EMBEDDED]),
    # Beside each call an HTTP request, and a failed call that says nothing of itself.
    "openlit_1.45.0": Sample(
        "chat", 10, [*OFFICIAL, claude(), claude(streamed=True, has_ttft=True)]
    ),
    "openllmetry_anthropic_0.62.4": Sample(
        "chat",
        0,
        # It adds up the output tokens of all events of a stream.
        of_both(
            claude(),
            claude(streamed=True, tokens_out=25, cost=2_047_400),
            limited_claude("RateLimitError"),
        ),
    ),
    "openllmetry_bedrock_0.62.4": Sample(
        "chat",
        0,
        [claude()._replace(provider="aws.bedrock", model="claude-haiku-4-5-20251001-v1:0")],
    ),
    "openllmetry_langchain_0.62.4": Sample("chat", 4, [chat(), chat("gpt-4o-mini")]),
    # Failed calls have no span, streams no tokens.
    "openllmetry_openai_0.10.0": Sample(
        "chat", 0, [PLAIN, SILENT._replace(model="gpt-4o-mini"), PLAIN, EMBEDDED]
    ),
    "openllmetry_openai_0.30.0": Sample(
        "chat", 0, [PLAIN, SILENT._replace(streamed=True), PLAIN, EMBEDDED]
    ),
    "openllmetry_openai_0.62.4": Sample("demo-chatbot", 0, OFFICIAL),
    "otel_genai_anthropic_1.3b0": Sample(
        "chat",
        0,
        of_both(claude(), claude(streamed=True, has_ttft=True), limited_claude("RateLimitError")),
    ),
    "otel_genai_langchain_1.3b0": Sample("chat", 2, [chat(), STREAMED]),
    "otel_google_genai_1.3b0": Sample(
        "chat",
        0,
        # 176 tokens at 0.3 $, 1,024 at 0.03 $ and 24 at 2.5 $ a million.
        [
            chat("gemini-2.5-flash", cost=143_520)._replace(
                operation="generate_content", provider="gcp.gemini"
            )
        ],
    ),
    "otel_genai_openai_1.3b0_content": Sample("demo-chatbot", 0, OFFICIAL),
    "otel_genai_openai_1.3b0_default": Sample("demo-chatbot", 0, OFFICIAL),
    "otel_openai_v2_2.4b0_default": Sample(
        "demo-chatbot", 0, [PLAIN, PLAIN, PLAIN, LIMITED, EMBEDDED]
    ),
    "otel_openai_v2_2.4b0_experimental": Sample(
        "demo-chatbot", 0, [PLAIN, PLAIN, PLAIN, LIMITED, EMBEDDED]
    ),
    # Around each call stands the function that was called.
    "vercel_ai_6.0.326": Sample(
        "chat",
        5,
        [chat(), STREAMED, LIMITED._replace(error="AI_APICallError"), EMBEDDED, RESPONSES],
    ),
    "synthetic_gen_ai_dev": Sample(
        "agent",
        5,
        [STREAMED, LIMITED._replace(model="gpt-4o-mini", error="timeout"), EMBEDDED],
    ),
    "litellm_proxy_arm_stamped": Sample("litellm-sample", 6, [PROXIED]),
    "litellm_proxy_default_chat": Sample("litellm-sample", 10, [PROXIED]),
    "litellm_proxy_default_error": Sample("litellm-sample", 8, [PROXIED_LIMITED]),
    "litellm_proxy_default_remote_parent": Sample("litellm-sample", 10, [PROXIED]),
    "litellm_proxy_default_stream": Sample(
        "litellm-sample", 9, [Expected("chat", "gpt-4o", 9, 2, 0, 42_500, streamed=True)]
    ),
    "litellm_proxy_semconv_optin_chat": Sample("litellm-sample", 9, [PROXIED]),
    "litellm_proxy_semconv_optin_error": Sample("litellm-sample", 8, [PROXIED_LIMITED]),
    "litellm_proxy_semconv_optin_remote_parent": Sample("litellm-sample", 9, [PROXIED_MINI]),
    "litellm_proxy_semconv_optin_stream": Sample(
        "litellm-sample", 8, [Expected("chat", "gpt-4o-mini", 9, 3, 0, 3_150, streamed=True)]
    ),
}


def bodies(name: str) -> list[bytes]:
    """Give a sample in protobuf and in JSON, as captured where it was captured so."""
    found = {path.suffix: path.read_bytes() for path in SAMPLES.glob(f"{name}.*")}
    return [
        found.get(".pb") or from_json(found[".json"]),
        found.get(".json") or as_json(found[".pb"]),
    ]
