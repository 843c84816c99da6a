"""A run without state would take back what an earlier one promoted: it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.opening_gateways import open_gateway
from dataflows.recovery import is_begun
from optimizer.errors import SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.ports import Gateway
    from optimizer.settings import Settings

_WAYS_OUT = (
    "start with the data_dir it came from (OPTIMIZER_SERVICE__DATA_DIR), declare that arm as "
    "routes[].incumbent, or remove the documents"
)


def check_fresh(settings: Settings) -> None:
    """Find that a run without state does not go against documents that are in force.

    Raises:
        SettingsInvalid: A route's document lets another arm serve than its declared incumbent.
        GatewayUnreachable: The folder of documents cannot be read.
        GatewayRefused: A later version of this program wrote there.
    """
    if settings.gateway.kind is not GatewayKind.DOCUMENTS:
        return
    if is_begun(Path(settings.service.data_dir) / "recovery"):
        return
    if faults := [*_against(open_gateway(settings), settings)]:
        raise SettingsInvalid(faults)


def _against(gateway: Gateway, settings: Settings) -> Iterator[str]:
    folder = Path(settings.gateway.documents_dir).resolve()
    data = Path(settings.service.data_dir).resolve()
    for route in settings.routes:
        there = gateway.read(route.route) if route.incumbent else None
        if there is None or route.incumbent is None:
            continue
        arms = (there.incumbent, *(one.arm for one in there.allotments))
        if other := next((arm for arm in arms if arm != route.incumbent.id), None):
            yield (
                f"{route.route}: revision {there.revision} in {folder} lets {other} serve, "
                f"routes[].incumbent is {route.incumbent.id}, and {data} has no state: {_WAYS_OUT}"
            )
