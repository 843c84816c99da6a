"""The libraries there are, each with the calls that are made under it."""

# ruff: noqa: PLC0415 - each library is imported only where it is asked for

from __future__ import annotations

from typing import TYPE_CHECKING

from clients import (
    call_anthropic,
    call_bedrock,
    call_google,
    call_langchain,
    call_litellm,
    call_openai,
    call_openlit,
    call_vercel_ai,
)
from proxies import call_litellm_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    Scenario = Callable[[str], None]


def instrumented(module: str, name: str, call: Scenario) -> Scenario:
    """Give a scenario under an instrumentation of the usual form."""

    def scenario(base: str) -> None:
        from importlib import import_module

        from opentelemetry import trace

        getattr(import_module(module), name)().instrument(
            tracer_provider=trace.get_tracer_provider()
        )
        call(base)

    return scenario


LIBRARIES = {
    "openinference_openai": instrumented(
        "openinference.instrumentation.openai", "OpenAIInstrumentor", call_openai
    ),
    "openinference_anthropic": instrumented(
        "openinference.instrumentation.anthropic", "AnthropicInstrumentor", call_anthropic
    ),
    "openllmetry_openai": instrumented(
        "opentelemetry.instrumentation.openai", "OpenAIInstrumentor", call_openai
    ),
    "openllmetry_anthropic": instrumented(
        "opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor", call_anthropic
    ),
    "openllmetry_bedrock": instrumented(
        "opentelemetry.instrumentation.bedrock", "BedrockInstrumentor", call_bedrock
    ),
    "openinference_langchain": instrumented(
        "openinference.instrumentation.langchain", "LangChainInstrumentor", call_langchain
    ),
    "openllmetry_langchain": instrumented(
        "opentelemetry.instrumentation.langchain", "LangchainInstrumentor", call_langchain
    ),
    "otel_genai_langchain": instrumented(
        "opentelemetry.instrumentation.genai.langchain", "LangChainInstrumentor", call_langchain
    ),
    "otel_google_genai": instrumented(
        "opentelemetry.instrumentation.google_genai", "GoogleGenAiSdkInstrumentor", call_google
    ),
    "otel_genai_openai": instrumented(
        "opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor", call_openai
    ),
    "otel_genai_anthropic": instrumented(
        "opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor", call_anthropic
    ),
    "otel_openai_v2": instrumented(
        "opentelemetry.instrumentation.openai_v2", "OpenAIInstrumentor", call_openai
    ),
    "vercel_ai": call_vercel_ai,
    "litellm": call_litellm,
    "litellm_proxy": call_litellm_proxy,
    "openlit": call_openlit,
}
OWN_EXPORT = {"litellm", "litellm_proxy", "openlit", "vercel_ai"}
