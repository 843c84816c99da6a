"""A real LiteLLM proxy as a process of its own, with models that answer by themselves."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import yaml

from tests.brokers.broker import free_port
from tests.litellm.environment import ROOT, python

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

READY_S = 240  # LiteLLM takes its time, the more so beside others
KEY = "sk-test"
PLUGIN = "connectors.gateways.litellm_plugin.handler"


def a_model(group: str, model: str = "openai/gpt-4o", **params: object) -> dict[str, object]:
    """Give a model group whose only deployment answers by itself."""
    told = {"model": model, "api_key": "sk-none", "mock_response": f"from {group}", **params}
    return {"model_name": group, "litellm_params": told}


MODELS = (
    a_model("chat"),
    a_model("small", "openai/gpt-4o-mini"),
    a_model("slow", mock_delay=2),
    a_model("limited", mock_response="litellm.RateLimitError"),
    a_model("late", mock_timeout=True, timeout=0.5),
    a_model("rescued", mock_response="litellm.InternalServerError"),
    a_model("vectors", "openai/text-embedding-3-small", mock_response=[0.1, 0.2]),
)


class Proxy:
    """One proxy on loopback, with its own folder for configuration and log.

    Args:
        folder: Where it keeps its files.
        variables: Its environment, beside what any has.
        models: Its model list.
        callbacks: Its callbacks.
        settings: More of `litellm_settings`.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        models: Iterable[Mapping[str, object]] = MODELS,
        callbacks: Iterable[str] = (PLUGIN,),
        **settings: object,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = _clean() | dict(variables)
        config = {
            "model_list": list(models),
            "litellm_settings": {"callbacks": list(callbacks), "num_retries": 0, **settings},
            "general_settings": {"master_key": KEY},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def start(self) -> Proxy:
        """Start it and wait until it answers."""
        with (self._folder / "proxy.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + READY_S  # noqa: TID251 - a real server, in real time
        while not self._answers():
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < until, self.told()  # noqa: TID251
            time.sleep(0.05)
        return self

    def _command(self) -> list[str]:
        script = str(python().with_name("litellm"))
        return [script, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]

    def told(self) -> str:
        """Give the end of its log."""
        return (self._folder / "proxy.log").read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as it wants to be ended."""
        self._end(signal.SIGTERM)

    def ask(
        self, path: str, body: object = None, secs: float = 30, **headers: str
    ) -> tuple[int, Any]:
        """Ask for something; give the status and the JSON that answers, or its text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=secs)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        told = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **named}
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, None if body is None else json.dumps(body), told)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def chat(
        self, model: str = "chat", session: str = "", call: str = "", **more: object
    ) -> tuple[int, Any]:
        """Ask a model something."""
        named = {"x_litellm_session_id": session, "x_litellm_call_id": call}
        headers = {name: value for name, value in named.items() if value}
        question = [{"role": "user", "content": "What is a canary?"}]
        return self.ask(
            "/v1/chat/completions", {"model": model, "messages": question, **more}, **headers
        )

    def chats(self, sessions: Iterable[str], model: str = "chat", threads: int = 8) -> list[int]:
        """Ask in many sessions; give each answer's status."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda session: self.chat(model, session)[0], sessions))

    def status(self) -> dict[str, Any]:
        """Give what the plugin tells of itself."""
        code, told = self.ask("/llm-optimizer/status")
        assert code == http.client.OK, told
        return told

    def runs(self, route: str) -> int:
        """Give the revision of a route that it runs."""
        return self.status()["routes"][route]["revision"]

    def _answers(self) -> bool:
        try:
            return self.ask("/health/liveliness")[0] == http.client.OK
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _clean() -> dict[str, str]:
    """Give an environment in which nothing is fetched from elsewhere, and nothing is set up."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "LLM_OPTIMIZER_", "LITELLM_", "OPTIMIZER_"))
    }
    return kept | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": str(ROOT)}
