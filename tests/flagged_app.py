"""An application that asks OpenFeature which model to call, and is watched by OpenTelemetry.

All but the model is real: flagd's provider of OpenFeature, OpenAI's client, its instrumentation,
and OTLP's exporter over HTTP.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from openai import OpenAI
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from connectors.openfeature import Stamping, request_of
from connectors.span_stamps import StampProcessor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dataflows.live_demo.stage import Stage

CALLS_PER_S = 20
_CONVERSATIONS = 150  # at once
_EXPORT_MS = 500


class Models:
    """A server on loopback that answers as OpenAI's does, each model after its own time.

    Args:
        latency_s: The median time to answer, by model.
    """

    def __init__(self, latency_s: Mapping[str, float]) -> None:
        random = Random(5)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(latency_s[asked["model"]] * random.lognormvariate(0, 0.3))
                content = json.dumps(_completion(asked["model"])).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _completion(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Yes."}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460},
    }


class Call(NamedTuple):
    """A call that the application made."""

    route: str
    conversation: str
    model: str


class App:
    """Calls until told to stop, in conversations; people rate each answer, all models alike.

    Args:
        flags: The file that its provider of flags follows.
        stage: Whose optimizer it tells of its calls.
        models: Where it calls.
        incumbents: The model each route calls when there is no flag.
    """

    def __init__(
        self,
        flags: Path,
        stage: Stage,
        models: str,
        incumbents: Mapping[str, str],
    ) -> None:
        self._incumbents = incumbents
        self._random = Random(7)
        self._stop, self._lock = threading.Event(), threading.Lock()
        self.calls: list[Call] = []
        self.faults: list[Exception] = []
        resource = Resource({"service.name": "shop"})
        receiver = f"http://127.0.0.1:{stage.ports.otlp}"
        headers = {"authorization": f"Bearer {stage.token}"}
        stamp_key = stage.variables()["OPTIMIZER_STAMPS__KEY"]
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        spans = OTLPSpanExporter(f"{receiver}/v1/traces", headers=headers)
        self._tracing.add_span_processor(StampProcessor())
        self._tracing.add_span_processor(
            BatchSpanProcessor(spans, schedule_delay_millis=_EXPORT_MS)
        )
        self._logging = LoggerProvider(resource=resource, shutdown_on_exit=False)
        logs = OTLPLogExporter(f"{receiver}/v1/logs", headers=headers, compression=Compression.Gzip)
        self._logging.add_log_record_processor(
            BatchLogRecordProcessor(logs, schedule_delay_millis=_EXPORT_MS)
        )
        self._instrumentor = OpenAIInstrumentor()
        self._instrumentor.instrument(tracer_provider=self._tracing)
        self._openai = OpenAI(base_url=models, api_key="none", max_retries=0)
        self._flags = FlagdProvider(
            resolver_type=ResolverType.FILE, offline_flag_source_path=str(flags)
        )
        api.set_provider_and_wait(self._flags, "shop")
        self._asking = api.get_client("shop")
        self._asking.add_hooks([Stamping(stamp_key, routes=list(incumbents))])
        self._thread = threading.Thread(target=self._call_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._instrumentor.uninstrument()
        self._tracing.shutdown()
        self._logging.shutdown()
        self._openai.close()
        self._flags.shutdown()

    def _call_on(self) -> None:
        talks = [f"talk-{number}" for number in range(_CONVERSATIONS)]
        begun, due_s = len(talks), _now()
        with ThreadPoolExecutor(64) as pool:
            while not self._stop.wait(max(due_s - _now(), 0)):
                due_s += 1 / CALLS_PER_S
                place = self._random.randrange(len(talks))
                if self._random.random() < 1 / 3:  # that talk is over
                    begun += 1
                    talks[place] = f"talk-{begun}"
                route = self._random.choice(list(self._incumbents))
                pool.submit(self._guarded, route, talks[place])

    def _guarded(self, route: str, conversation: str) -> None:
        try:
            self._call(route, conversation)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
            self.faults.append(error)

    def _call(self, route: str, conversation: str) -> None:
        tracer = self._tracing.get_tracer("shop")
        mine = {"model": self._incumbents[route]}
        with tracer.start_as_current_span("answer"):
            with self._lock:  # calls are listed in the order in which they were chosen
                arm = self._asking.get_object_value(route, mine, EvaluationContext(conversation))
                self.calls.append(Call(route, conversation, arm["model"]))
            question = {"role": "user", "content": "Is it here?"}
            self._openai.chat.completions.create(**{"messages": [question]} | request_of(arm))
            rating = min(max(self._random.gauss(0.85, 0.08), 0), 1)
            self._logging.get_logger("shop").emit(
                LogRecord(
                    event_name="gen_ai.evaluation.result",
                    attributes={
                        "gen_ai.evaluation.name": "helpfulness",
                        "gen_ai.evaluation.score.value": rating,
                    },
                )
            )


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - when calls are due
