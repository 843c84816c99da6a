"""Simulated calls as the spans a real instrumentation would send, in OTLP protobuf.

Every span is put together from pieces: those of its arm are encoded once, those of fixed width for
all rows at once, integers once per value. Field numbers are those of `trace.proto`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.worlds import wire
from connectors.worlds.stamps import StampEncoder
from optimizer.simulate.calls import ERROR_TYPES, SERVED, SimulatedCalls
from optimizer.simulate.worlds import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from optimizer.simulate.worlds import SimulatedArm, SimulatedRoute, World

_TRACE_ID, _SPAN_ID, _NAME, _KIND, _START, _END, _ATTRIBUTES, _STATUS, _FLAGS = (
    *(1, 2, 5, 6, 7, 8, 9, 15, 16),
)
_SPANS = 2  # of the scope they belong to
_CLIENT, _ERROR = 3, 2

_PROVIDER_KEY = {Dialect.G1: "gen_ai.system", Dialect.G2: "gen_ai.provider.name"}
_SCOPES = {
    Dialect.G1: ("opentelemetry.instrumentation.openai_v2", "2.1b0"),
    Dialect.G2: ("opentelemetry.util.genai.handler", "0.4b0"),
}
_HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gcp.gemini": "generativelanguage.googleapis.com",
    "mistral_ai": "api.mistral.ai",
    "deepseek": "api.deepseek.com",
}


def scope(dialect: Dialect) -> bytes:
    """Encode the scope of an instrumentation, as a field of its spans' container."""
    name, version = _SCOPES[dialect]
    return wire.block(1, wire.block(1, name.encode()) + wire.block(2, version.encode()))


def _attributes(pairs: Iterable[tuple[str, wire.Value | None]]) -> bytes:
    return b"".join(
        wire.attribute(_ATTRIBUTES, key, value) for key, value in pairs if value is not None
    )


def _request(route: SimulatedRoute, arm: SimulatedArm) -> bytes:
    """Encode what all calls of an arm say of their request."""
    config, newer = arm.arm.config, route.dialect is Dialect.G2
    pairs: list[tuple[str, wire.Value | None]] = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.request.model", config.model),
        (_PROVIDER_KEY[route.dialect], arm.provider or None),
        ("server.address", _HOSTS.get(arm.provider, "llm.example.net")),
        ("server.port", 443),
        ("gen_ai.request.temperature", float(config.temperature)),
        ("gen_ai.request.top_p", float(config.top_p)),
        ("gen_ai.request.max_tokens", config.max_tokens),
        ("gen_ai.request.top_k", config.top_k),
        ("gen_ai.request.presence_penalty", config.presence_penalty),
        ("gen_ai.request.frequency_penalty", config.frequency_penalty),
        ("gen_ai.request.stream", True if newer and arm.ttft_ms else None),
        ("gen_ai.prompt.name", arm.arm.prompt or None),
        ("gen_ai.prompt.version", arm.arm.prompt_version or None),
    ]
    return _attributes(pairs)


def _results(arm: SimulatedArm) -> list[bytes]:
    """Encode what a call of an arm says of its end: by error type, then cut short, then whole."""
    failed = [_attributes([("error.type", name)]) for name in ERROR_TYPES]
    model = ("gen_ai.response.model", arm.arm.config.model)
    ends = [
        _attributes([model, ("gen_ai.response.finish_reasons", [reason])])
        for reason in ("length", "stop")
    ]
    return failed + ends


def _tails() -> list[bytes]:
    """Encode status and flags, by error type and, last, for success."""
    flags = wire.fixed32(_FLAGS, 0x101)  # sampled; its parent is known not to be remote
    failed = [
        wire.block(_STATUS, wire.block(2, name.encode()) + wire.number(3, _ERROR)) + flags
        for name in ERROR_TYPES
    ]
    return [*failed, wire.block(_STATUS, b"") + flags]


class SpanEncoder:
    """Encodes the calls of one world.

    Args:
        world: The world.
        key: What stamps are signed with; None signs none.
    """

    def __init__(self, world: World, key: str | None = None) -> None:
        self._routes = world.routes
        pairs = [(route, arm) for route in world.routes for arm in route.arms]
        counts = [len(route.arms) for route in world.routes]
        self._first_arm = np.cumsum([0, *counts[:-1]])
        self._heads = [
            wire.block(_NAME, f"chat {arm.arm.config.model}".encode()) + wire.number(_KIND, _CLIENT)
            for _, arm in pairs
        ]
        self._requests = [_request(route, arm) for route, arm in pairs]
        self._results = [result for _, arm in pairs for result in _results(arm)]
        self._tails = _tails()
        self._lengths = wire.Lengths(_SPANS)
        self._stamps = StampEncoder(world, key)
        self._newer = np.array([route.dialect is Dialect.G2 for route in world.routes])
        self._read = wire.IntegerAttributes(_ATTRIBUTES, "gen_ai.usage.input_tokens")
        self._written = wire.IntegerAttributes(_ATTRIBUTES, "gen_ai.usage.output_tokens")
        self._cached = wire.IntegerAttributes(_ATTRIBUTES, "gen_ai.usage.cache_read.input_tokens")

    def encode(self, calls: SimulatedCalls) -> list[bytes]:
        """Encode calls, each as a field of the repeated `spans` of its scope."""
        arm = self._first_arm[calls.route] + calls.arm
        newer = self._newer[calls.route]
        outcome = np.where(calls.failed, calls.failure, len(ERROR_TYPES) + ~calls.cut)
        cached = np.where(newer & (calls.tokens_cached > 0), calls.tokens_cached, -1)
        pieces = zip(
            _ids(calls),
            _chosen(self._heads, arm),
            _times(calls),
            _chosen(self._requests, arm),
            self._stamps.encode(calls),
            _where(newer, _callers(calls)),
            _chosen(self._results, arm * (len(ERROR_TYPES) + 2) + outcome),
            _where(calls.failure == SERVED, _response_ids(calls)),
            _where(newer & (calls.ttft_ns >= 0), _first_chunks(calls)),
            map(self._read.__getitem__, calls.tokens_in.tolist()),
            map(self._written.__getitem__, calls.tokens_out.tolist()),
            map(self._cached.__getitem__, cached.tolist()),
            _chosen(self._tails, calls.failure),
            strict=True,
        )
        spans = list(map(b"".join, pieces))
        return [self._lengths[len(span)] + span for span in spans]


def _chosen(encoded: Sequence[bytes], places: NDArray[np.integer]) -> Iterable[bytes]:
    return map(encoded.__getitem__, places.tolist())


def _where(wanted: NDArray[np.bool_], encoded: list[bytes]) -> Iterable[bytes]:
    return [piece if keep else b"" for piece, keep in zip(encoded, wanted.tolist(), strict=True)]


def _ids(calls: SimulatedCalls) -> list[bytes]:
    before_trace, before_span = b"\x0a\x10", b"\x12\x08"  # fields 1 and 2, 16 and 8 bytes long
    return wire.rows(len(calls), before_trace, calls.ids[:, :16], before_span, calls.ids[:, 16:])


def _times(calls: SimulatedCalls) -> list[bytes]:
    return wire.rows(
        len(calls),
        wire.before_fixed64(_START),
        wire.little_endian(calls.start_ns),
        wire.before_fixed64(_END),
        wire.little_endian(calls.end_ns),
    )


def _callers(calls: SimulatedCalls) -> list[bytes]:
    """Encode who called: texts as wide as the numbers they are made of."""
    route = wire.little_endian(calls.route.astype(np.int64))[:, :2]
    conversation = np.concatenate((route, wire.little_endian(calls.conversation)[:, :4]), axis=1)
    user = np.concatenate((route, wire.little_endian(calls.user)[:, :4]), axis=1)
    return wire.rows(
        len(calls),
        wire.before_text(_ATTRIBUTES, "gen_ai.conversation.id", 17) + b"conv-",
        wire.hexadecimal(conversation),
        wire.before_text(_ATTRIBUTES, "enduser.id", 17) + b"user-",
        wire.hexadecimal(user),
    )


def _response_ids(calls: SimulatedCalls) -> list[bytes]:
    return wire.rows(
        len(calls),
        wire.before_text(_ATTRIBUTES, "gen_ai.response.id", 33) + b"chatcmpl-",
        wire.hexadecimal(calls.ids[:, 4:16]),
    )


def _first_chunks(calls: SimulatedCalls) -> list[bytes]:
    return wire.rows(
        len(calls),
        wire.before_double(_ATTRIBUTES, "gen_ai.response.time_to_first_chunk"),
        wire.little_endian(calls.ttft_ns / 1e9),
    )
