"""Calls through LiteLLM's proxy."""

# ruff: noqa: PLC0415 - each library is imported only where it is asked for

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clients import EXPORT_S, MESSAGES, STREAMED, exporting

PROXIED = {"fast": "gpt-4o-mini", "gpt-4o": "gpt-4o-mini", "broken": "gpt-4o-ratelimited"}
KEY = "sk-none-at-all"


def call_litellm_proxy(base: str) -> None:
    """Make calls through LiteLLM's proxy, whose clients ask for models by names of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(proxy_settings(base), file)
        file.flush()
        port = free_port()
        proxy = start_proxy(base, file.name, port)
        try:
            call_proxy(f"http://127.0.0.1:{port}")
            time.sleep(EXPORT_S)
        finally:
            proxy.terminate()
            proxy.wait()


def proxy_settings(base: str) -> dict:
    to = {"api_base": f"{base}/v1", "api_key": "sk-none"}
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{model}", **to}}
        for name, model in PROXIED.items()
    ]
    return {
        "model_list": listed,
        "litellm_settings": {"callbacks": ["otel"], "num_retries": 0},
        "general_settings": {"master_key": KEY},
    }


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def start_proxy(base: str, settings: str, port: str) -> subprocess.Popen:
    program = Path(sys.executable).with_name("litellm")
    command = [program, "--config", settings, "--host", "127.0.0.1", "--port", port]
    environment = os.environ | exporting(base) | {"OTEL_SERVICE_NAME": "gateway"}
    return subprocess.Popen(command, env=environment)


def call_proxy(url: str) -> None:
    import httpx

    headers = {"authorization": f"Bearer {KEY}"}
    transport = httpx.HTTPTransport(retries=60)  # until it is up
    client = httpx.Client(base_url=url, headers=headers, timeout=60, transport=transport)
    chat, said = "/v1/chat/completions", {"messages": MESSAGES}
    client.post(chat, json={"model": "fast", "temperature": 0.2, **said})
    client.post(chat, json={"model": "gpt-4o", **STREAMED, **said})
    client.post(chat, json={"model": "broken", **said})
    client.post("/v1/embeddings", json={"model": "fast", "input": "hello"})
