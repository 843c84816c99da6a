"""`llm-optimizer gateway`: what the gateway of the settings can do, tried on it."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from connectors.api.looking import RUN_FIRST, database_in
from connectors.api.opening import open_store
from connectors.api.opening_gateways import open_gateway
from connectors.api.rendering import as_table
from connectors.codecs import from_json, to_json
from connectors.configuration import load
from connectors.gateways.conformance import run
from connectors.gateways.trials import Outcome, Trial
from optimizer.documents import Document, Unit
from optimizer.errors import SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from connectors.gateways.trials import Result
    from optimizer.models import Arm
    from optimizer.ports import Capabilities, Gateway
    from optimizer.settings import Settings

_PATIENCE_S = 10.0
_MOST_ROUTES = 100_000


def show(options: argparse.Namespace) -> int:
    """Put what each route should have beside what the gateway has and its replicas run."""
    settings = load(options.config, os.environ)
    database = database_in(settings, way_out=RUN_FIRST)
    gateway = open_gateway(settings)
    with closing(open_store(*database)) as store:
        rows = store.scan("documents", limit=_MOST_ROUTES)
        wanted = {row.key: from_json(Document, row.value) for row in rows}
    routes = sorted({*wanted, *gateway.routes()})
    states = [_state_of(route, wanted.get(route), gateway) for route in routes]
    if options.output == "json":
        lines = [to_json({"type": "route", **state._asdict()}).decode() for state in states]
    else:
        head = ("route", "wanted", "there", "", "replicas")
        lines = [as_table(head, [_cells(state) for state in states])] if states else []
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "no route has a document yet\n")
    return 0


class State(NamedTuple):
    """How a route stands at the gateway.

    Attributes:
        route: The route.
        wanted: The newest revision that was said; 0 for none.
        there: The revision that is there; 0 for none.
        told: How the two stand to one another.
        replicas: What each replica runs.
    """

    route: str
    wanted: int
    there: int
    told: str
    replicas: Mapping[str, int | None]


def _state_of(route: str, wanted: Document | None, gateway: Gateway) -> State:
    there = gateway.read(route)
    return State(
        route=route,
        wanted=wanted.revision if wanted else 0,
        there=there.revision if there else 0,
        told=_told(wanted, there),
        replicas=gateway.observe(route),
    )


def _told(wanted: Document | None, there: Document | None) -> str:
    if wanted == there:
        return "in force"
    if wanted is None:
        return "nobody said it"
    if there is None or there.revision < wanted.revision:
        return "still to come"
    return "somebody else's" if there.revision > wanted.revision else "changed"


def _cells(state: State) -> tuple[str, ...]:
    runs = ", ".join(f"{name} {revision or '?'}" for name, revision in state.replicas.items())
    return (state.route, str(state.wanted), str(state.there), state.told, runs or "do not tell")


def check(options: argparse.Namespace) -> int:
    """Try the gateway of the settings on a route that nobody uses; 1 where it does not hold."""
    settings = load(options.config, os.environ)
    gateway = open_gateway(settings)
    trial = Trial(
        open=lambda: open_gateway(settings),
        route=f"{settings.input.tenant}/gateway-check/scratch",
        patience_s=_PATIENCE_S,
        unit=max(gateway.capabilities().units, key=list(Unit).index),
    )
    if settings.gateway.kind is GatewayKind.LITELLM_ADMIN:  # it takes only models that there are
        trial = replace(trial, arms=_arms_of(settings))
    is_json = options.output == "json"
    said = _json_of if is_json else _lines_of
    for line in said(gateway.capabilities()):
        sys.stdout.write(f"{line}\n")
    outcomes = set()
    for result in run(trial):
        outcomes.add(result.outcome)
        sys.stdout.write(f"{_json_line(result) if is_json else _line(result)}\n")
        sys.stdout.flush()
    return int(Outcome.BROKEN in outcomes)


def _arms_of(settings: Settings) -> tuple[Arm, Arm]:
    """Give a candidate and the incumbent of the first declared route that has both."""
    for route in settings.routes:
        if route.incumbent and route.candidates:
            return route.candidates[0], route.incumbent
    fault = "routes has none with an incumbent and a candidate: declare one, to be tried with them"
    raise SettingsInvalid([fault])


def _lines_of(can: Capabilities) -> Iterator[str]:
    """Say what a gateway can and cannot do."""
    yield f"gateway {can.name}"
    yield f"  assignments stick to   {', '.join(sorted(can.units))}"
    if can.stamps_slots:
        yield "  its calls tell         slot, arm and revision: shares are checked exactly"
    elif can.stamps_revision:
        yield "  its calls tell         the revision, not the slot: shares are checked by counts"
    else:
        yield "  its calls tell         nothing by itself: steps pass only where you stamp calls"
    yield f"  a document takes       {'one write' if can.atomic else 'several writes'}"
    yield "  when nobody watches    " + (
        "it returns to the incumbent by itself" if can.leases else "a step stays as it is"
    )
    yield "  another writer         " + (
        "is refused in the same step"
        if can.compares
        else "is noticed afterwards: let nobody else write"
    )
    yield "  replicas               " + (
        "tell what they run" if can.tells_replicas else "do not tell what they run"
    )


def _json_of(can: Capabilities) -> Iterator[str]:
    told = {"type": "gateway", **can._asdict(), "units": sorted(can.units)}
    yield to_json(told).decode()


def _line(result: Result) -> str:
    detail = f" ({result.detail})" if result.detail else ""
    return f"{result.outcome.upper():<8} {result.claim}{detail}"


def _json_line(result: Result) -> str:
    return to_json({"type": "check", **result._asdict()}).decode()
