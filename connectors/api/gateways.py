"""Which gateway the settings name, and `llm-optimizer gateway`: what it can do, tried on it."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.codecs import to_json
from connectors.configuration import load
from connectors.gateways.conformance import run
from connectors.gateways.documents import DocumentGateway
from connectors.gateways.memory import SECOND_NS, MemoryGateway
from connectors.gateways.shelves import FileShelf
from connectors.gateways.trials import Outcome, Trial
from optimizer.errors import SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from connectors.gateways.trials import Result
    from optimizer.ports import Capabilities, Gateway
    from optimizer.settings import Settings

MEMORY_FILE = "gateway.json"
_PATIENCE_S = 10.0


def open_gateway(settings: Settings) -> Gateway:
    """Open the gateway of the settings.

    Raises:
        SettingsInvalid: They name none, or a key that is none.
    """
    gateway = settings.gateway
    match gateway.kind:
        case GatewayKind.MEMORY:
            shelf = FileShelf(Path(settings.service.data_dir) / MEMORY_FILE)
            return MemoryGateway(shelf=shelf, lease_ns=gateway.lease_secs * SECOND_NS)
        case GatewayKind.DOCUMENTS:
            from connectors.documents.folder import Folder  # noqa: PLC0415 - it may load a signer

            folder = Folder(Path(gateway.documents_dir), gateway.signing_key)
            return DocumentGateway(folder, timedelta(seconds=gateway.lease_secs))
    fault = "gateway.kind is none: name one to bring documents to (OPTIMIZER_GATEWAY__KIND)"
    raise SettingsInvalid([fault])


def check(options: argparse.Namespace) -> int:
    """Try the gateway of the settings on a route that nobody uses; 1 where it does not hold."""
    settings = load(options.config, os.environ)
    gateway = open_gateway(settings)
    trial = Trial(
        open=lambda: open_gateway(settings),
        route=f"{settings.input.tenant}/gateway-check/scratch",
        patience_s=_PATIENCE_S,
    )
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


def _lines_of(can: Capabilities) -> Iterator[str]:
    """Say what a gateway can and cannot do."""
    yield f"gateway {can.name}"
    yield f"  assignments stick to   {', '.join(sorted(can.units))}"
    if can.stamps_slots:
        yield "  its calls tell         slot, arm and revision: shares are checked exactly"
    elif can.stamps_revision:
        yield "  its calls tell         the revision, not the slot: shares are checked by counts"
    else:
        yield "  its calls tell         no revision: no step can pass"
    yield f"  a document takes       {'one write' if can.atomic else 'several writes'}"
    yield "  when nobody watches    " + (
        "it returns to the incumbent by itself" if can.leases else "a step stays as it is"
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
