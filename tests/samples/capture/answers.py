"""What the imitated APIs answer: invented texts, ids and token counts."""

from __future__ import annotations

import base64
import struct

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
LIMITED = {
    "type": "error",
    "error": {"message": "Slow down", "type": "rate_limit_error", "code": "429"},
}
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}


def completion(asked: dict) -> dict:
    tools = "tools" in asked
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


def chunks() -> list[tuple[str | None, dict | None]]:
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
    found.append({**usual, "choices": [], "usage": CHAT_USAGE})
    return [(None, chunk) for chunk in [*found, None]]


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


def response(_: dict) -> dict:
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


def message(_: dict) -> dict:
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


def converse(_: dict) -> dict:
    said = [{"text": "hello from standard weather"}]
    usage = {"inputTokens": 1500, "outputTokens": 24, "totalTokens": 2804}
    cache = {"cacheReadInputTokens": 1024, "cacheWriteInputTokens": 256}
    return {
        "output": {"message": {"role": "assistant", "content": said}},
        "stopReason": "end_turn",
        "usage": usage | cache,
        "metrics": {"latencyMs": 10},
    }


def generated(_: dict) -> dict:
    said = {"role": "model", "parts": [{"text": "hello from standard weather"}]}
    usage = {"promptTokenCount": 1200, "cachedContentTokenCount": 1024}
    return {
        "candidates": [{"content": said, "finishReason": "STOP", "index": 0}],
        "usageMetadata": usage | {"candidatesTokenCount": 24, "totalTokenCount": 1224},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "gen_1",
    }


def message_events() -> list[tuple[str, dict]]:
    begun = {**message({}), "content": [], "stop_reason": None}
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
