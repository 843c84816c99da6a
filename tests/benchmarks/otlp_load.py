"""OTLP trace requests made in memory, as gateways that stamp their calls would send them.

A span carries the 18 or 19 attributes of an official instrumentation, five stamps among them, and
is about 800 bytes long. Routes are Zipf-like, latencies lognormal, half the calls are streamed.
"""

from __future__ import annotations

import random
import struct
from typing import NamedTuple

SECOND_NS = 1_000_000_000
START_NS = 1_800_000_000 * SECOND_NS
SCOPE = "opentelemetry.instrumentation.genai.openai"
RESOURCES = 4
MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1-nano")
ERRORS = ("RateLimitError", "APITimeoutError", "InternalServerError")


class Load(NamedTuple):
    """What the calls look like.

    Attributes:
        per_second: Calls a second of event time.
        disorder_s: How much later than its end a call arrives, at most.
        errors: Share of calls that fail.
        streamed: Share of calls that are streamed.
        repeated: Share of calls that are sent a second time.
        stamped: Calls carry the gateway's stamps.
    """

    per_second: int = 5_000
    disorder_s: float = 5.0
    errors: float = 0.02
    streamed: float = 0.5
    repeated: float = 0.001
    stamped: bool = True


USUAL = Load()


def messages(
    n: int,
    spans_per_message: int = 512,
    *,
    seed: int = 1,
    routes: int = 30,
    arms: int = 3,
    cells: int = 6,
    load: Load = USUAL,
) -> list[bytes]:
    """Make requests, each of four resources with one scope.

    Args:
        n: How many requests.
        spans_per_message: Spans in each.
        seed: Where chance comes from.
        routes: How many routes; route r is `<tenant>/service-<r % 4>/route-<r>`.
        arms: How many arms a route has.
        cells: How many cells a route has, named `cell-0` on.
        load: What the calls look like.

    Returns:
        `ExportTraceServiceRequest`s in protobuf, in order of arrival.
    """
    rng = random.Random(seed)
    calls = _Calls(rng, load, routes, arms, cells)
    made = []
    for _ in range(n):
        spans: list[list[bytes]] = [[] for _ in range(RESOURCES)]
        for _ in range(spans_per_message):
            service, span = calls.next()
            spans[service].append(span)
        made.append(b"".join(map(_resource_spans, range(RESOURCES), spans)))
    return made


class _Calls:
    """A stream of calls."""

    def __init__(self, rng: random.Random, load: Load, routes: int, arms: int, cells: int) -> None:
        self._rng, self._load, self._arms, self._cells = rng, load, arms, cells
        self._routes = range(routes)
        self._share = [1 / (route + 1) for route in self._routes]
        self._made = 0
        self._old: list[tuple[int, bytes]] = []

    def next(self) -> tuple[int, bytes]:
        """Give the number of the service of the next call, and its span."""
        if self._old and self._rng.random() < self._load.repeated:
            return self._rng.choice(self._old)
        (route,) = self._rng.choices(self._routes, self._share)
        call = route % RESOURCES, self._span(route)
        self._old = [*self._old[-999:], call]
        return call

    def _span(self, route: int) -> bytes:
        rng, load = self._rng, self._load
        self._made += 1
        latency_ns = int(rng.lognormvariate(20.3, 0.6))
        arrival_ns = START_NS + self._made * SECOND_NS // load.per_second
        end_ns = arrival_ns - int(rng.random() * load.disorder_s * SECOND_NS)
        arm = rng.randrange(self._arms)
        model = MODELS[(route + arm) % len(MODELS)]
        failed = rng.random() < load.errors
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model,
            "server.address": "api.openai.com",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.conversation.id": f"conversation-{rng.randrange(100_000):05d}",
        }
        if load.stamped:
            attributes |= self._stamps(route, arm)
        attributes |= self._answer(model, latency_ns, failed=failed)
        return b"".join(
            (
                _block(0x0A, rng.randbytes(16)),
                _block(0x12, rng.randbytes(8)),
                _block(0x2A, f"chat {model}".encode()),
                b"\x30\x03",  # a client's span
                struct.pack("<BQBQ", 0x39, end_ns - latency_ns, 0x41, end_ns),
                *(_block(0x4A, _pair(name, value)) for name, value in attributes.items()),
                _block(0x7A, b"\x18\x02") if failed else b"",
                b"\x85\x01\x00\x01\x00\x00",  # flags: the parent is not remote
            )
        )

    def _stamps(self, route: int, arm: int) -> dict[str, object]:
        stamps = {
            "route": f"route-{route}",
            "arm": f"arm-{arm}-{route:08x}",
            "revision": 1 + route % 3,
            "slot": self._rng.randrange(200),
        }
        if self._cells:
            stamps["cell"] = f"cell-{self._rng.randrange(self._cells)}"
        return {f"llm.optimizer.{name}": value for name, value in stamps.items()}

    def _answer(self, model: str, latency_ns: int, *, failed: bool) -> dict[str, object]:
        rng = self._rng
        streamed = rng.random() < self._load.streamed
        asked: dict[str, object] = {"gen_ai.request.max_tokens": 256}
        if streamed:
            asked = {"gen_ai.request.stream": True}
        if failed:
            return asked | {"error.type": rng.choice(ERRORS)}
        tokens_in = int(rng.lognormvariate(7, 0.8))
        told = {
            "gen_ai.response.model": f"{model}-2025-04-14",
            "gen_ai.response.id": f"chatcmpl-{rng.getrandbits(80):020x}",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": tokens_in,
            "gen_ai.usage.output_tokens": int(rng.lognormvariate(5, 0.8)),
            "gen_ai.usage.cache_read.input_tokens": rng.randrange(tokens_in + 1),
        }
        if streamed:
            told["gen_ai.response.time_to_first_chunk"] = latency_ns / SECOND_NS / 5
        return asked | told


def _resource_spans(service: int, spans: list[bytes]) -> bytes:
    resource = {
        "service.name": f"service-{service}",
        "service.instance.id": f"{service:032x}",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
    }
    pairs = b"".join(_block(0x0A, _pair(name, value)) for name, value in resource.items())
    scope = _block(0x0A, _block(0x0A, SCOPE.encode()) + _block(0x12, b"1.3b0"))
    scope_spans = _block(0x12, scope + b"".join(_block(0x12, span) for span in spans))
    return _block(0x0A, _block(0x0A, pairs) + scope_spans)


def _pair(name: str, value: object) -> bytes:
    return _block(0x0A, name.encode()) + _block(0x12, _any_value(value))


def _any_value(value: object) -> bytes:
    match value:
        case bool():
            return bytes((0x10, value))
        case int():
            return b"\x18" + _varint(value)
        case float():
            return struct.pack("<Bd", 0x21, value)
        case list():
            return _block(0x2A, b"".join(_block(0x0A, _any_value(item)) for item in value))
        case _:
            return _block(0x0A, str(value).encode())


def _block(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
