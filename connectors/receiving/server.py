"""The receiver: traces, metrics and logs over OTLP/HTTP, each request on the disk before its 200.

What cannot be read is written down too, so that the job sets it aside with its reason like any
other record, and is answered with 400: nothing gets better by sending it again. Source:
OpenTelemetry Protocol 1.5 (2025), "OTLP/HTTP".
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from connectors.receiving.committing import Committing
from connectors.receiving.handler import Handler
from connectors.receiving.refusals import RETRY_AFTER_S
from connectors.receiving.room import Room
from connectors.serving import GuardedServer
from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    import socket

    from connectors.intake import Intake

_AT_ONCE = 8  # requests of the greatest size that may be in memory
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n" % RETRY_AFTER_S
)


class Rules(NamedTuple):
    """What the receiver allows.

    Attributes:
        most_bytes: Most bytes of a request, inflated.
        token: What every request must carry as a bearer token; None for nothing.
        head_secs: How long a request's head may take, from its first byte on.
        body_secs: How long its body may take, and its being written down.
        most_clients: How many connections are held.
    """

    most_bytes: int = 16 << 20
    token: str | None = None
    head_secs: float = 10.0
    body_secs: float = 30.0
    most_clients: int = 256


class Receiver:
    """Takes telemetry from threads of its own, from when it is made until it is closed.

    Args:
        intake: Where requests are written down.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        rules: What it allows.
        refused: Told of each request that was not taken: its status and why.

    Raises:
        SettingsInvalid: It cannot listen there.
    """

    def __init__(
        self,
        intake: Intake,
        host: str = "127.0.0.1",
        port: int = 0,
        rules: Rules | None = None,
        refused: Callable[[int, str], None] = lambda *_: None,
    ) -> None:
        try:
            self._server = ReceivingServer(intake, (host, port), rules or Rules(), refused)
        except OSError as error:
            fault = (
                f"input.otlp_http_port is {port}: cannot listen on {host} port {port}: "
                f"{error.strerror}: free it or name another (OPTIMIZER_INPUT__OTLP_HTTP_PORT, "
                "OPTIMIZER_INPUT__OTLP_HTTP_HOST)"
            )
            raise SettingsInvalid([fault]) from error
        self._server.start()

    @property
    def address(self) -> str:
        """Where it listens, such as `http://127.0.0.1:4318`."""
        return self._server.url

    def close(self) -> None:
        """Take nothing more; what was not answered is sent again by whoever sent it."""
        self._server.close()


class ReceivingServer(GuardedServer):
    """Listens, and holds what the connections share.

    Args:
        intake: Where requests are written down.
        address: Host and port to listen on.
        rules: What it allows.
        refused: Told of each request that was not taken.

    Attributes:
        committing: Writes requests down.
        room: For what is not written down yet.
    """

    def __init__(
        self,
        intake: Intake,
        address: tuple[str, int],
        rules: Rules,
        refused: Callable[[int, str], None],
    ) -> None:
        self.rules = rules
        self.refused = refused
        self.committing = Committing(intake)
        self.room = Room(_AT_ONCE * rules.most_bytes)
        super().__init__(
            address, Handler, head_secs=rules.head_secs, most_clients=rules.most_clients
        )

    def turn_away(self, connection: socket.socket) -> None:
        """Let a client beyond the last try again later."""
        connection.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            connection.send(_BUSY)
        except OSError:
            return
        self.refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
