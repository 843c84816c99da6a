"""Remote gateways with their reference servers, over loopback TCP, and a way between that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.gateways.configurations import ConfigurationsGateway
from connectors.gateways.http import HttpClient
from connectors.gateways.managed_configs import ManagedConfigsGateway
from connectors.gateways.orchestrator import OrchestratorGateway
from connectors.gateways.reference import configurations, managed_configs, orchestrator
from connectors.gateways.reference.serving import JsonFile, JsonServer
from connectors.gateways.trials import Trial
from optimizer.errors import GatewayUnreachable, RevisionConflict
from tests.faulty_way import Fault, FaultyWay, Kind, some_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from connectors.gateways.reference.serving import Reply, Request
    from optimizer.documents import Document
    from optimizer.ports import Capabilities, Gateway, Write

QUICK_S, LONG_S = 0.25, 30.0
LEASE_S = 300
_MOST_ATTEMPTS = 60


class Remote(NamedTuple):
    """A kind of remote gateway.

    Attributes:
        name: What it is called.
        made: Makes what answers as the other side does, over a file.
        opened: Opens the gateway with a client.
        cannot: The checks it says that it cannot hold.
    """

    name: str
    made: Callable[[JsonFile], Callable[[Request], Reply]]
    opened: Callable[[HttpClient], Gateway]
    cannot: frozenset[str] = frozenset()


UNLEASED = frozenset({"a_lease_is_renewed", "replicas_follow"})
UNCOMPARED = frozenset({"of_two_writers_at_once_one_wins"})
REMOTES = (
    Remote("orchestrator", orchestrator.made, lambda client: OrchestratorGateway(client, LEASE_S)),
    Remote("configurations", configurations.made, ConfigurationsGateway, UNLEASED),
    Remote(
        "configurations-without-etags",
        configurations.made_without_etags,
        ConfigurationsGateway,
        UNLEASED | UNCOMPARED,
    ),
    Remote(
        "config_manager",
        managed_configs.made,
        lambda client: ManagedConfigsGateway(client, "llm-optimizer", "production"),
        UNLEASED | UNCOMPARED,
    ),
)


class Scene:
    """A reference server that keeps a file, a way to it, and any number of gateways.

    Args:
        remote: The kind.
        folder: Where the server keeps its file.
        timeout_s: How long a gateway waits for an answer.

    Attributes:
        way: The way between.
    """

    def __init__(self, remote: Remote, folder: Path, timeout_s: float = LONG_S) -> None:
        self.remote = remote
        self._file = JsonFile(folder / "server.json")
        self._timeout_s = timeout_s
        self._server = JsonServer(remote.made(self._file))
        self.way = FaultyWay(self._server.port)

    def gateway(self) -> Gateway:
        return self.remote.opened(HttpClient(self.way.address, None, self._timeout_s))

    def patient_gateway(self) -> Gateway:
        """Open one that waits long enough on the busiest machine, where nothing goes wrong."""
        return self.remote.opened(self.client())

    def client(self) -> HttpClient:
        return HttpClient(self.way.address, None, LONG_S)

    def restart(self) -> None:
        """End the server and start another one over its file."""
        self._server.close()
        self._server = JsonServer(self.remote.made(self._file))
        self.way.port = self._server.port

    def trial(self) -> Trial:
        return Trial(open=self.gateway, break_off=self._break_off, patience_s=1)

    def close(self) -> None:
        self.way.close()
        self._server.close()

    def _break_off(self, _: Gateway, writes: int) -> None:
        """Let the one write be cut on its way there; before it comes a look."""
        assert writes == 0
        self.way.faults = iter([None, Fault(Kind.CUT, 0, is_back=False)])


class Patient:
    """A gateway that is asked again whenever it could not be reached, as the actuator does.

    Args:
        gateway: The gateway.
        scene: Where it is; its way fails all the time.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def capabilities(self) -> Capabilities:
        return _patiently(self._gateway.capabilities)

    def routes(self) -> Collection[str]:
        return _patiently(self._gateway.routes)

    def read(self, route: str) -> Document | None:
        return _patiently(lambda: self._gateway.read(route))

    def plan(self, document: Document) -> Sequence[Write]:
        return _patiently(lambda: self._gateway.plan(document))

    def apply(self, document: Document, expected: int, key: str) -> None:
        _patiently(lambda: self._gateway.apply(document, expected, key))

    def observe(self, route: str) -> Mapping[str, int | None]:
        return _patiently(lambda: self._gateway.observe(route))

    def renew(self, route: str, revision: int) -> None:
        _patiently(lambda: self._gateway.renew(route, revision))

    def revert(self, route: str, expected: int) -> None:
        _patiently(lambda: self._gateway.revert(route, expected))

    def remove(self, route: str, expected: int) -> None:
        """Take it away; where it is gone at the second attempt, the first one's answer was lost."""
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            attempts += 1
            try:
                self._gateway.remove(route, expected)
            except RevisionConflict as conflict:
                if attempts == 1 or conflict.found:
                    raise

        _patiently(attempt)


def _patiently(act: Callable[[], object]):
    for _ in range(_MOST_ATTEMPTS):
        try:
            return act()
        except GatewayUnreachable:
            continue
    raise AssertionError(f"{_MOST_ATTEMPTS} attempts in vain")


def hampered(scene: Scene, seed: int, share: float) -> Trial:
    """Give a trial over a way on which that share of connections fails, one way or another."""
    scene.way.faults = some_of(seed, share)
    return Trial(open=lambda: Patient(scene.gateway()), patience_s=1)
