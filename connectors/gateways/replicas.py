"""What the replicas that follow documents say that they run, each asked over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from connectors.gateways.http import HttpClient
from connectors.journal import note
from optimizer.errors import GatewayRefused, GatewayUnreachable, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.settings import GatewaySettings

PATH = "/llm-optimizer/status"
_MOST_AT_ONCE = 16


class Replicas:
    """Asks proxies that carry the plugin.

    Args:
        clients: One for each.
    """

    def __init__(self, clients: Sequence[HttpClient] = ()) -> None:
        self._clients = clients

    def __bool__(self) -> bool:
        """Tell whether there is any to ask."""
        return bool(self._clients)

    def revisions(self, route: str) -> Mapping[str, int | None]:
        """Give the revision each runs of a route, by its address.

        Returns:
            0 where it serves the incumbent alone, None where it does not answer or does not follow
            that route.
        """
        if not self._clients:
            return {}
        with ThreadPoolExecutor(min(len(self._clients), _MOST_AT_ONCE)) as pool:
            told = pool.map(lambda client: _revision(client, route), self._clients)
            return dict(zip((client.address for client in self._clients), told, strict=True))


def replicas_of(gateway: GatewaySettings) -> Replicas:
    """Give the replicas that the settings name.

    Raises:
        SettingsInvalid: An address is none.
    """
    clients = []
    for number, address in enumerate(gateway.replicas):
        try:
            clients.append(HttpClient(address, gateway.token, gateway.timeout_secs))
        except SettingsInvalid as invalid:
            fault = (
                f"gateway.replicas item {number} is {address!r}: must be such as http://host:4000"
            )
            raise SettingsInvalid([f"{fault} (OPTIMIZER_GATEWAY__REPLICAS)"]) from invalid
    return Replicas(clients)


def _revision(client: HttpClient, route: str) -> int | None:
    try:
        answer = client.request("GET", PATH, answers=())
        return _told(answer.json(), route)
    except (GatewayUnreachable, GatewayRefused) as trouble:
        note("warn", "replica_not_told", replica=client.address, trouble=trouble)
        return None


def _told(status: Any, route: str) -> int | None:
    """Read a status, which may come from anything that listens there."""
    routes = status.get("routes") if isinstance(status, dict) else None
    found = routes.get(route) if isinstance(routes, dict) else None
    if not isinstance(found, dict):
        return None
    revision = found.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool):
        return None
    return revision if found.get("is_followed") is True else 0
