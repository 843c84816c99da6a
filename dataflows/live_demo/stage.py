"""What the demo stands on: a folder, keys, ports, and two processes that are ended with it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from connectors.documents.proofs import new_key_pair
from optimizer.errors import OptimizerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ROOT = Path(__file__).parents[2]
_CONFIGS = _ROOT / "deploy" / "litellm" / "demo"
_READY_S = 180.0  # LiteLLM imports a great deal
_END_S = 30.0
_LOOK_S = 0.1
_TIMEOUT_S = 30.0
ROUTES = {"support": "acme/shop/support", "search": "acme/shop/search"}  # by model group


class DemoFailed(OptimizerError):
    """The demo could not go on; the message says where to look."""


class Ports(NamedTuple):
    """Ports on loopback that were free a moment ago."""

    proxy: int
    otlp: int


class Stage:
    """The folder of a demo, and the environments of its processes.

    Args:
        out: The folder; what stood there is removed.
        litellm: The program `litellm`.

    Attributes:
        token: What exporters must send to the receiver.
        ports: Where the processes listen.
        proxy_key: What callers of the proxy must send.
    """

    def __init__(self, out: Path, litellm: Path) -> None:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        self.out = out.resolve()
        for name in ("proxy.yaml", "optimizer.yaml"):
            shutil.copy(_CONFIGS / name, self.out / name)
        self._litellm = litellm.absolute()
        self._pair = new_key_pair()
        self._stamp_key = secrets.token_hex(16)
        self.token = secrets.token_hex(16)
        self.proxy_key = f"sk-{secrets.token_hex(16)}"
        self.ports = Ports(*_free_ports(2))
        self._started: list[subprocess.Popen[bytes]] = []

    def start_optimizer(self) -> subprocess.Popen[bytes]:
        """Start `llm-optimizer run`; what it says comes as JSON lines on its standard output.

        Raises:
            DemoFailed: It receives nothing.
        """
        program = ("run", "--config", "optimizer.yaml", "--output", "json")
        log = "optimizer.log"
        process = self._start(self.command(*program), self.variables(), log, piped=True)
        self._wait_for(process, log, self.ports.otlp, _is_listening)
        return process

    def start_proxy(self) -> None:
        """Start the proxy, and wait until it answers.

        Raises:
            DemoFailed: It does not.
        """
        address = ("--host", "127.0.0.1", "--port", str(self.ports.proxy))
        command = (str(self._litellm), "--config", "proxy.yaml", *address)
        process = self._start(command, self._proxy_variables(), "proxy.log")
        self._wait_for(process, "proxy.log", self.ports.proxy, _is_alive)

    def command(self, *program: str) -> tuple[str, ...]:
        """Give the command line of one of our own commands."""
        return (sys.executable, "-m", "dataflows.main", *program)

    def variables(self) -> dict[str, str]:
        """Give the environment of our own commands: what the settings file leaves to variables."""
        return _clean() | {
            "OPTIMIZER_INPUT__OTLP_HTTP_PORT": str(self.ports.otlp),
            "OPTIMIZER_INPUT__OTLP_HTTP_TOKEN": self.token,
            "OPTIMIZER_STAMPS__KEY": self._stamp_key,
            "OPTIMIZER_GATEWAY__SIGNING_KEY": self._pair.private,
        }

    def end(self) -> None:
        """End what still runs, the last first."""
        for process in reversed(self._started):
            stop(process)

    def _proxy_variables(self) -> dict[str, str]:
        return _clean() | {
            "LITELLM_MASTER_KEY": self.proxy_key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is fetched from elsewhere
            "LLM_OPTIMIZER_DOCUMENTS": str(self.out / "documents"),
            "LLM_OPTIMIZER_PUBLIC_KEYS": self._pair.public,
            "LLM_OPTIMIZER_STAMP_KEY": self._stamp_key,
            "LLM_OPTIMIZER_ROUTES": ",".join(f"{one}={two}" for one, two in ROUTES.items()),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.ports.otlp}",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{self.token}",
        }

    def _start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: str,
        *,
        piped: bool = False,
    ) -> subprocess.Popen[bytes]:
        with (self.out / log).open("ab") as file:
            process = subprocess.Popen(  # noqa: S603 - our own command lines
                command,
                cwd=self.out,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else file,
                stderr=file,
                start_new_session=True,  # an interrupt of the terminal is ours to pass on, in order
            )
        self._started.append(process)
        return process

    def _wait_for(
        self, process: subprocess.Popen[bytes], log: str, port: int, is_up: Callable[[int], bool]
    ) -> None:
        """Wait until a process is up."""
        until = time.monotonic() + _READY_S  # noqa: TID251 - a real server
        while not is_up(port):
            if process.poll() is not None or time.monotonic() > until:  # noqa: TID251 - as above
                raise DemoFailed(f"it does not answer on port {port}: see {self.out / log}")
            time.sleep(_LOOK_S)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask a process to end, and make it; give its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        killing = threading.Timer(_END_S, process.kill)
        killing.start()
        process.wait()
        killing.cancel()
    return process.returncode


def post(port: int, path: str, body: object, **headers: str) -> bytes:
    """Send JSON to a port on loopback, over a connection of its own; give what is answered.

    Raises:
        DemoFailed: It is answered with an error.
        OSError: Nobody answers.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Content-Type"] = "application/json"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)) as connection:
        connection.request("POST", path, json.dumps(body), named)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != http.client.OK:
        raise DemoFailed(f"{path} answered {answer.status}: {content[:200]!r}")
    return content


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _is_alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/liveliness")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _clean() -> dict[str, str]:
    """Give our own environment without what would set these processes up otherwise."""
    prefixes = ("OTEL_", "LLM_OPTIMIZER_", "LITELLM_", "OPTIMIZER_", "DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return kept | {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
