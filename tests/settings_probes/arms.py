"""Keys of declared routes: what a decision would change, and whose a call without a stamp is."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from optimizer.windows import WindowSummary
from tests.builders import ROUTE
from tests.settings_probes.deciding import (
    SLOW,
    WAITS,
    a_route,
    decisions,
    failing,
    fate_when_slow,
    slow,
)
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import a_span, as_record, outputs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.settings import Settings

TENANT = {"input": {"tenant": ROUTE.partition("/")[0]}}
# A parameter's value on the side it is set; the other arm has its default.
DEFAULTS: dict[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": None,
    "max_tokens": 1024,
    "presence_penalty": None,
    "frequency_penalty": None,
    "extra_params": {},
    "prompt": "",
    "prompt_version": "",
    "cache": False,
}
VALUES: dict[str, tuple[Any, Any]] = {
    "temperature": (0.2, 0.7),
    "top_p": (0.5, 0.8),
    "top_k": (5, None),
    "max_tokens": (100, 200),
    "presence_penalty": (0.5, -0.5),
    "frequency_penalty": (1, None),
    "extra_params": ({"seed": 1}, {"seed": 2}),
    "prompt": ("greet", "answer"),
    "prompt_version": ("1", "2"),
    "cache": (True, False),
}
# What a call says of itself, in the words of the arms; the second value fits no call.
TOLD = {
    "model": ("gen_ai.request.model", "gpt-4o", "gpt-4.1"),
    "temperature": ("gen_ai.request.temperature", 0.2, 0.3),
    "top_p": ("gen_ai.request.top_p", 0.5, 0.6),
    "max_tokens": ("gen_ai.request.max_tokens", 100, 200),
    "prompt": ("gen_ai.prompt.name", "greet", "answer"),
    "prompt_version": ("gen_ai.prompt.version", "3", "4"),
}
CALL = {name: value for name, value, _ in TOLD.values()}


def change_of(parameter: str, settings: Settings) -> tuple[Any, Any] | None:
    """What a recommendation would change a parameter from and to; None when it leaves it."""
    (decision,) = decisions(settings, slow(settings))
    found = {change.parameter: change for change in decision.changes}.get(parameter)
    return found and (found.old_value, found.new_value)


def promised_latency(settings: Settings) -> float | None:
    """How a recommendation says that latency changes, when the incumbent has only ever failed."""
    (decision,) = decisions(settings, failing(settings, share=1))
    return decision.expected_impact.latency_delta_pct


def whose(settings: Settings) -> str:
    """Which declared arm a call without a stamp is counted for."""
    outputs = outputs_of(settings, [as_record(a_span(**CALL))])
    (arm,) = {each.arm for each in outputs if isinstance(each, WindowSummary)}
    (route,) = settings.routes
    declared = {route.incumbent.id: "incumbent", route.candidates[0].id: "candidate"}
    return declared.get(arm, "neither")


def _changed(parameter: str) -> Iterator[Probe]:
    values, default = VALUES[parameter], DEFAULTS[parameter]
    old = tuple(None if value == default else (value, default) for value in values)
    new = tuple(None if value == default else (default, value) for value in values)
    see = partial(change_of, parameter)
    yield Probe(f"routes[].incumbent.{parameter}", values, see, old, a_route())
    yield Probe(f"routes[].candidates[].{parameter}", values, see, new, a_route())


def _attributed(parameter: str) -> Iterator[Probe]:
    values = TOLD[parameter][1:]
    mine, other = {"model": "gpt-4o"}, {"model": "o3"}
    for key, wanted, incumbent, candidate in (
        ("routes[].incumbent", "incumbent", mine, other),
        ("routes[].candidates[]", "candidate", other, mine),
    ):
        route = {"route": ROUTE, "incumbent": incumbent, "candidates": [candidate]}
        given = TENANT | {"routes": [route]}
        yield Probe(f"{key}.{parameter}", values, whose, (wanted, "neither"), given)


def hashed(prompt: str) -> str:
    """How a decision names a prompt, which it never quotes."""
    return f"sha256:{sha256(prompt.encode()).hexdigest()[:16]}"


PROBES = (
    *chain.from_iterable(map(_changed, VALUES)),
    *chain.from_iterable(map(_attributed, TOLD)),
    Probe(
        "routes[].incumbent.system_prompt",
        ("Be brief.", None),
        partial(change_of, "system_prompt"),
        ((hashed("Be brief."), None), None),
        a_route(),
    ),
    Probe(
        "routes[].candidates[].system_prompt",
        ("Be brief.", "Be kind."),
        partial(change_of, "system_prompt"),
        ((None, hashed("Be brief.")), (None, hashed("Be kind."))),
        a_route(),
    ),
    Probe(
        "routes[].incumbent.latency_p95_ms",
        (2000, 4000),
        promised_latency,
        (-50, -75),
        a_route(),
    ),
    Probe(
        "routes[].candidates[].latency_p95_ms",
        (1000, 2100),
        fate_when_slow,
        (WAITS, []),
        a_route(),
    ),
    Probe(
        "routes[].task",
        ("classification", "other"),
        partial(change_of, "temperature"),
        (None, (0.1, 0.7)),
        a_route(incumbent=SLOW | {"temperature": 0.1}),
    ),
    Probe("routes[].route", (ROUTE, f"{ROUTE}s"), fate_when_slow, (WAITS, []), a_route()),
)
