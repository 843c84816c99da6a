"""An OpenTelemetry Collector of the parts that deploy/otel-collector.yaml names, built once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.brokers.broker import READY_S, free_port
from tests.brokers.kinds import CACHE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy" / "otel-collector.yaml"
VERSION, STABLE = "v0.155.0", "v1.61.0"
CORE = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
PARTS = {
    "receivers": [f"{CORE}/receiver/otlpreceiver {VERSION}"],
    "processors": [
        f"{CORE}/processor/memorylimiterprocessor {VERSION}",
        f"{CONTRIB}/processor/filterprocessor {VERSION}",
        f"{CONTRIB}/processor/transformprocessor {VERSION}",
    ],
    "exporters": [f"{CONTRIB}/exporter/kafkaexporter {VERSION}"],
    "providers": [
        f"{CORE}/confmap/provider/{name}provider {STABLE}" for name in ("file", "env", "yaml")
    ],
}


def absent() -> str:
    """Say why there can be no Collector here; `""` where there can."""
    return "" if shutil.which("go") or _binary().exists() else "no Go here to build a Collector"


def _binary() -> Path:
    return CACHE / f"otelcol-{VERSION[1:]}"


def built(folder: Path) -> Path:
    """Give the Collector; Go's modules are fetched and built the first time, which takes minutes.

    The builder writes the program. What it would fetch includes what only the tests of the parts
    need, so Go itself finds the modules.
    """
    binary = _binary()
    if binary.exists():
        return binary
    config, out, made = folder / "builder.yaml", folder / "out", folder / "otelcol"
    parts = {kind: [{"gomod": module} for module in modules] for kind, modules in PARTS.items()}
    dist = {"name": "otelcol", "output_path": str(out), "version": VERSION[1:]}
    config.write_text(json.dumps({"dist": dist, **parts}))  # JSON is YAML
    builder = ("go", "run", f"{CORE}/cmd/builder@{VERSION}", "--config", config)
    subprocess.run([*builder, "--skip-get-modules", "--skip-compilation"], cwd=folder, check=True)
    modules = [module for some in PARTS.values() for module in some]
    required = "\n".join([*modules, f"{CORE}/otelcol {VERSION}"])
    (out / "go.mod").write_text(f"module otelcol\n\ngo 1.25\n\nrequire (\n{required}\n)\n")
    subprocess.run(
        ["go", "build", "-mod=mod", "-ldflags=-s -w", "-o", made, "."], cwd=out, check=True
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    shutil.move(made, binary)
    return binary


class Collector:
    """The Collector as users run it, on this machine's loopback.

    Args:
        folder: Where it logs, and is built if it must be.
        broker: Where it writes.
        by_trace: A message a trace, else a message a batch.
    """

    def __init__(self, folder: Path, broker: str, *, by_trace: bool) -> None:
        self._log = folder / "collector.log"
        self._port = free_port()
        self._binary = built(folder)
        self._variables = {
            "KAFKA_BROKERS": f"[{broker}, {broker}]",
            "OTLP_GRPC_PORT": str(free_port()),
            "OTLP_HTTP_PORT": str(self._port),
            "PARTITION_TRACES_BY_ID": str(by_trace).lower(),
        }

    def send(self, signal: str, body: bytes, kind: str = "application/json") -> None:
        """Export a request over OTLP/HTTP, as an application does."""
        address = f"http://127.0.0.1:{self._port}/v1/{signal}"
        request = urllib.request.Request(address, body, {"content-type": kind})
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            assert answer.status == 200

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(self._binary, "--config", CONFIGURATION),
                    "--set=service.telemetry.metrics.level=none",
                ],
                env={**os.environ, **self._variables},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + READY_S  # noqa: TID251 - a real server, in real time
        while b"Everything is ready" not in self._log.read_bytes():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < until, self._log.read_text()[-2000:]  # noqa: TID251
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; what it holds is written first."""
        self._process.terminate()
        self._process.wait(30)
