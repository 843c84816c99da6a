"""Capture what a library exports: `python capture.py LIBRARY FILE.pb`, where it is installed.

An imitation of the models' APIs and a sink for OTLP/HTTP run on this machine; nothing leaves it.
What libraries say of the machine (paths in stack traces, process, host) is taken out.
"""

# ruff: noqa: PLC0415 - each library is imported only where it is asked for

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CREATED = 1_790_000_000
CHAT_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 24,
    "total_tokens": 1224,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 8},
}
RESPONSES_USAGE = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 16},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 48,
}
MESSAGES_USAGE = {  # this API leaves cached tokens out of its input tokens
    "input_tokens": 1500,
    "cache_read_input_tokens": 1024,
    "cache_creation_input_tokens": 256,
    "output_tokens": 24,
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
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
SLOW_S = 0.02  # before the first and between the other pieces of a stream
KEPT_RESOURCE = ("service.", "telemetry.sdk.", "deployment.", "model_id")


class Imitation(BaseHTTPRequestHandler):
    """Answers as OpenAI and Anthropic do, and takes what is exported."""

    exports: list[bytes] = []  # noqa: RUF012 - of all requests
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/v1/traces"):
            self.exports.append(body)
            self._answer(b"")
        elif self.path.endswith(("/v1/metrics", "/v1/logs")):
            self._answer(b"")
        else:
            self._model(json.loads(body))

    def _model(self, asked: dict) -> None:
        if "ratelimited" in asked.get("model", ""):
            error = {"message": "Slow down", "type": "rate_limit_error", "code": "429"}
            self._answer(json.dumps({"type": "error", "error": error}).encode(), status=429)
        elif self.path.endswith("/embeddings"):
            self._answer(json.dumps(embedding(asked)).encode())
        elif self.path.endswith("/responses"):
            self._answer(json.dumps(response()).encode())
        elif self.path.endswith(":generateContent"):
            self._answer(json.dumps(generated()).encode())
        elif self.path.endswith("/converse"):
            self._answer(json.dumps(converse()).encode())
        elif self.path.endswith("/messages"):
            self._pieces(message_events()) if asked.get("stream") else self._answer(
                json.dumps(message()).encode()
            )
        elif asked.get("stream"):
            self._pieces([(None, chunk) for chunk in chunks()] + [(None, None)])
        else:
            self._answer(json.dumps(completion(tools="tools" in asked)).encode())

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pieces(self, events: list[tuple[str | None, dict | None]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, content in events:
            time.sleep(SLOW_S)
            data = "[DONE]" if content is None else json.dumps(content)
            event = f"event: {name}\n" if name else ""
            self.wfile.write(f"{event}data: {data}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def completion(*, tools: bool) -> dict:
    message = {"role": "assistant", "content": None if tools else "hello from standard weather"}
    if tools:
        message["tool_calls"] = [TOOL_CALL]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tools else "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [choice],
        "usage": CHAT_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def chunks() -> list[dict]:
    usual = {
        "id": "chatcmpl-2",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": "gpt-4o-mini-2024-07-18",
    }
    deltas = [{"role": "assistant", "content": ""}, {"content": "hello "}, {"content": "Paris"}, {}]
    found = [
        {**usual, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    found[-1]["choices"][0]["finish_reason"] = "stop"
    return [*found, {**usual, "choices": [], "usage": CHAT_USAGE}]


def embedding(asked: dict) -> dict:
    vector = [0.1, 0.2, 0.3]
    if asked.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
    return {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def response() -> dict:
    text = {"type": "output_text", "text": "hello from standard weather", "annotations": []}
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "model": "gpt-4.1-mini-2025-04-14",
        "output": [{**said, "content": [text]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSES_USAGE,
    }


def message() -> dict:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": "hello from standard weather"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }


def converse() -> dict:
    said = [{"text": "hello from standard weather"}]
    usage = {"inputTokens": 1500, "outputTokens": 24, "totalTokens": 2804}
    cache = {"cacheReadInputTokens": 1024, "cacheWriteInputTokens": 256}
    return {
        "output": {"message": {"role": "assistant", "content": said}},
        "stopReason": "end_turn",
        "usage": usage | cache,
        "metrics": {"latencyMs": 10},
    }


def generated() -> dict:
    said = {"role": "model", "parts": [{"text": "hello from standard weather"}]}
    usage = {"promptTokenCount": 1200, "cachedContentTokenCount": 1024}
    return {
        "candidates": [{"content": said, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage | {"candidatesTokenCount": 24, "totalTokenCount": 1224},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "gen_1",
    }


def message_events() -> list[tuple[str, dict]]:
    begun = {**message(), "content": [], "stop_reason": None}
    begun["usage"] = {**MESSAGES_USAGE, "output_tokens": 1}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"index": 0, "delta": {"type": "text_delta", "text": "hello Paris"}}
    ended = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    events = [
        ("message_start", {"message": begun}),
        ("content_block_start", block),
        ("content_block_delta", delta),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {**ended, "usage": MESSAGES_USAGE}),
        ("message_stop", {}),
    ]
    return [(name, {"type": name, **content}) for name, content in events]


def call_openai(base: str) -> None:
    """Make the usual calls with OpenAI's client."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{base}/v1", api_key="sk-none", max_retries=0)
    chat = client.chat.completions.create
    chat(model="gpt-4o-mini", messages=MESSAGES, **PARAMETERS)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    list(chat(model="gpt-4o-mini", messages=MESSAGES, **asked))
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


def call_litellm(base: str) -> None:
    """Make the usual calls with LiteLLM, which exports by itself."""
    os.environ |= {"OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": base}
    os.environ |= {"OTEL_BSP_SCHEDULE_DELAY": "100", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    asyncio.run(calls_of_litellm(base))


async def calls_of_litellm(base: str) -> None:
    import litellm

    litellm.callbacks = ["otel"]
    to = {"api_base": f"{base}/v1", "api_key": "sk-none", "num_retries": 0}
    chat = litellm.acompletion
    await chat("openai/gpt-4o-mini", MESSAGES, **PARAMETERS, **to)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    async for _ in await chat("openai/gpt-4o-mini", MESSAGES, **asked, **to):
        pass
    await chat("openai/gpt-4o-mini", MESSAGES, tools=[TOOL], **to)
    with contextlib.suppress(litellm.RateLimitError):
        said = [{"role": "user", "content": "will fail"}]
        await chat("openai/gpt-4o-ratelimited", said, **to)
    await litellm.aembedding("openai/text-embedding-3-small", ["hello"], **to)
    await litellm.aresponses(model="openai/gpt-4.1-mini", input="hello", **to)
    await chat("anthropic/claude-haiku-4-5", MESSAGES, **{**to, "api_base": base})
    await asyncio.sleep(2)  # it logs and exports behind its calls


def call_litellm_proxy(base: str) -> None:
    """Make calls through LiteLLM's proxy, whose clients ask for models by names of its own."""
    import httpx

    to = {"api_base": f"{base}/v1", "api_key": "sk-none"}
    models = {"fast": "gpt-4o-mini", "gpt-4o": "gpt-4o-mini", "broken": "gpt-4o-ratelimited"}
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{model}", **to}}
        for name, model in models.items()
    ]
    settings = {
        "model_list": listed,
        "litellm_settings": {"callbacks": ["otel"], "num_retries": 0},
        "general_settings": {"master_key": "sk-none-at-all"},
    }
    exporting = {
        "OTEL_EXPORTER": "otlp_http",
        "OTEL_ENDPOINT": base,
        "OTEL_SERVICE_NAME": "gateway",
    }
    environment = {"OTEL_BSP_SCHEDULE_DELAY": "100", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file, socket.socket() as free:
        json.dump(settings, file)
        file.flush()
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        program = Path(sys.executable).with_name("litellm")
        command = [program, "--config", file.name, "--host", "127.0.0.1", "--port", port]
        proxy = subprocess.Popen(command, env=os.environ | exporting | environment)
        key = {"authorization": "Bearer sk-none-at-all"}
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=key, timeout=60)
        while proxy.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                client.get("/health/liveliness")
                break
            time.sleep(1)
        chat, said = "/v1/chat/completions", {"messages": MESSAGES}
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        client.post(chat, json={"model": "fast", "temperature": 0.2, **said})
        client.post(chat, json={"model": "gpt-4o", **streamed, **said})
        client.post(chat, json={"model": "broken", **said})
        client.post("/v1/embeddings", json={"model": "fast", "input": "hello"})
        time.sleep(3)  # it exports behind its calls
        proxy.terminate()
        proxy.wait()


def call_openlit(base: str) -> None:
    """Make the usual calls under OpenLIT, which sets up its own export."""
    import openlit

    openlit.init(application_name="chat", otlp_endpoint=base, disable_batch=True)
    call_openai(base)
    call_anthropic(base)


def instrumented(module: str, name: str, call: object) -> object:
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
    "litellm": call_litellm,
    "litellm_proxy": call_litellm_proxy,
    "openlit": call_openlit,
}
OWN_EXPORT = {"litellm", "litellm_proxy", "openlit"}


def set_up(base: str) -> None:
    """Export spans one by one, as they end."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "chat"}))
    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def joined(exports: list[bytes]) -> bytes:
    """Put exports into one request, without what they say of this machine."""
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    data = TracesData.FromString(b"".join(exports))
    for resource_spans in data.resource_spans:
        pairs = resource_spans.resource.attributes
        kept = [pair for pair in pairs if pair.key.startswith(KEPT_RESOURCE)]
        del pairs[:]
        pairs.extend(kept)
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            for holder in (span, *span.events):
                for pair in holder.attributes:
                    if "stack" in pair.key:
                        pair.value.string_value = "Traceback (taken out)"
    return data.SerializeToString()


def main(library: str, path: str) -> None:
    """Capture a library."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Imitation)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    os.environ.setdefault("OTEL_SERVICE_NAME", "chat")
    if library not in OWN_EXPORT:
        set_up(base)
    LIBRARIES[library](base)
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush:
        flush()
    Path(path).write_bytes(joined(Imitation.exports))


if __name__ == "__main__":
    main(*sys.argv[1:])
