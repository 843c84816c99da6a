"""The usual calls, with each client."""

# ruff: noqa: PLC0415 - each library is imported only where it is asked for

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from pathlib import Path

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
MESSAGES = [
    {"role": "system", "content": "You are a weather bot."},
    {"role": "user", "content": "What is the weather in Paris?"},
]
PARAMETERS = {"temperature": 0.2, "top_p": 0.9, "max_tokens": 256, "seed": 7}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
EXPORT_S = 3  # LiteLLM logs and exports behind its calls


def call_openai(base: str) -> None:
    """Make the usual calls with OpenAI's client."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{base}/v1", api_key="sk-none", max_retries=0)
    chat = client.chat.completions.create
    chat(model="gpt-4o-mini", messages=MESSAGES, **PARAMETERS)
    list(chat(model="gpt-4o-mini", messages=MESSAGES, **STREAMED))
    chat(model="gpt-4o-mini", messages=MESSAGES, tools=[TOOL])
    with contextlib.suppress(Exception):
        chat(model="gpt-4o-ratelimited", messages=[{"role": "user", "content": "will fail"}])
    client.embeddings.create(model="text-embedding-3-small", input="hello")
    if hasattr(client, "responses"):
        client.responses.create(model="gpt-4.1-mini", input="hello", max_output_tokens=64)


def call_anthropic(base: str) -> None:
    """Make the usual calls with Anthropic's client."""
    from anthropic import Anthropic

    create = Anthropic(base_url=base, api_key="sk-none", max_retries=0).messages.create
    asked = {"max_tokens": 256, "messages": MESSAGES[1:]}
    create(model="claude-haiku-4-5", **asked)
    list(create(model="claude-haiku-4-5", stream=True, **asked))
    with contextlib.suppress(Exception):
        create(model="claude-ratelimited", **asked)


def call_bedrock(base: str) -> None:
    """Make a call with Amazon's client."""
    import boto3

    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    client = boto3.client("bedrock-runtime", endpoint_url=base, region_name="eu-west-1", **keys)
    client.converse(
        modelId="anthropic.claude-haiku-4-5-20251001-v1:0",
        messages=[{"role": "user", "content": [{"text": "hello"}]}],
        inferenceConfig={"maxTokens": 256, "temperature": 0.2},
    )


def call_google(base: str) -> None:
    """Make a call with Google's client."""
    from google import genai

    client = genai.Client(api_key="none", http_options={"base_url": base})
    asked = {"temperature": 0.2, "max_output_tokens": 256}
    client.models.generate_content(model="gemini-2.5-flash", contents="hello", config=asked)


def call_langchain(base: str) -> None:
    """Make a chain of a prompt and a model."""
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4o-mini", base_url=f"{base}/v1", api_key="sk-none", max_retries=0)
    prompt = ChatPromptTemplate.from_messages([("user", "What is the weather in {city}?")])
    (prompt | model).invoke({"city": "Paris"})
    list((prompt | model).stream({"city": "Paris"}))


def exporting(base: str) -> dict[str, str]:
    """Give the environment in which LiteLLM exports to a sink, and looks for no prices."""
    to = {"OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": base, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return to | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def call_litellm(base: str) -> None:
    """Make the usual calls with LiteLLM, which exports by itself."""
    os.environ |= exporting(base)
    asyncio.run(calls_of_litellm(base))


async def calls_of_litellm(base: str) -> None:
    import litellm

    litellm.callbacks = ["otel"]
    to = {"api_base": f"{base}/v1", "api_key": "sk-none", "num_retries": 0}
    chat = litellm.acompletion
    await chat("openai/gpt-4o-mini", MESSAGES, **PARAMETERS, **to)
    async for _ in await chat("openai/gpt-4o-mini", MESSAGES, **STREAMED, **to):
        pass
    await chat("openai/gpt-4o-mini", MESSAGES, tools=[TOOL], **to)
    with contextlib.suppress(litellm.RateLimitError):
        said = [{"role": "user", "content": "will fail"}]
        await chat("openai/gpt-4o-ratelimited", said, **to)
    await litellm.aembedding("openai/text-embedding-3-small", ["hello"], **to)
    await litellm.aresponses(model="openai/gpt-4.1-mini", input="hello", **to)
    await chat("anthropic/claude-haiku-4-5", MESSAGES, **{**to, "api_base": base})
    await asyncio.sleep(EXPORT_S)


def call_openlit(base: str) -> None:
    """Make the usual calls under OpenLIT, which sets up its own export."""
    import openlit

    openlit.init(application_name="chat", otlp_endpoint=base, disable_batch=True)
    call_openai(base)
    call_anthropic(base)


def call_vercel_ai(base: str) -> None:
    """Make the usual calls with Vercel's AI SDK, installed where this is run."""
    program = Path(__file__).with_name("vercel_ai.mjs").read_bytes()
    subprocess.run(["node", "--input-type=module", "-", base], input=program, check=True)
