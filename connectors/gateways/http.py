"""How remote gateways are spoken to: a small HTTP client, JSON in and out, faults in our words.

A connection is opened for each request: a gateway is asked now and then, and what was left open may
have died unseen meanwhile. No redirect is followed, so the token goes nowhere but to the address.
"""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from connectors.documents.sources import is_address
from connectors.gateways.exchange import ExchangeFailed, Wanted, exchanged
from optimizer.errors import GatewayRefused, GatewayUnreachable, SettingsInvalid

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Mapping

    from optimizer.settings import GatewaySettings

MOST_BYTES = 4 << 20  # of an answer
ANSWERS = frozenset({404, 409, 412, 428})  # what a caller reads himself beside 2xx
_MOST_WORDS = 300  # of a server's own words in a message
_PASSING = frozenset({408, 425, 429})  # and all 5xx: the same may go well a little later
_WORDS = ("message", "detail", "error", "reason", "title")


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        status: Its HTTP status.
        headers: Its headers, by their names in lower case.
        content: Its body.
        address: Who was asked for what, for messages.
        token: What was sent, which the server may repeat; no message does.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    address: str
    token: str = ""

    @property
    def is_done(self) -> bool:
        """What was asked for is done or given: 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - 2xx

    @property
    def told(self) -> str:
        """Who answered what, with the server's own words."""
        words = self.words()
        return f"{self.address} answered {self.status}{': ' + words if words else ''}"

    def json(self) -> Any:
        """Give the body as JSON.

        Raises:
            GatewayUnreachable: It is none: it was cut short, or somebody in between answered.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            told = self.shown(self.content.decode("utf-8", "replace"))
            message = f"{self.address} answered {self.status} with what is no JSON: {told!r}"
            raise GatewayUnreachable(message) from error

    def words(self) -> str:
        """Give what the server says itself, in one short line."""
        text = self.content.decode("utf-8", "replace")
        try:
            return self.shown(_told_in(json.loads(text)) or text)
        except (ValueError, RecursionError):
            return self.shown(text)

    def shown(self, text: str) -> str:
        """Give the first words of a text of the server's, in one line, without the token."""
        return _line(text.replace(self.token, "***") if self.token else text)


class HttpClient:
    """Asks one server; may be used by several threads at once.

    Args:
        address: Where it is, such as `http://127.0.0.1:8080/base`.
        token: What it asks for, sent as `Authorization: Bearer`; None for nothing.
        timeout_s: How long a request may take with its whole answer, seconds.
        most_bytes: How long an answer may be.
        context: Whom to trust over TLS; None for whom this machine trusts.

    Raises:
        SettingsInvalid: The address is none.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        timeout_s: float = 5.0,
        *,
        most_bytes: int = MOST_BYTES,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if not is_address(address) or urlsplit(address).scheme not in {"http", "https"}:
            from optimizer.settings import masked  # noqa: PLC0415 - only faults need it

            fault = f"gateway.url is {masked(address)!r}: must be such as http://host:8080"
            raise SettingsInvalid([f"{fault} (OPTIMIZER_GATEWAY__URL)"])
        self.address = address.rstrip("/")
        self._parts = urlsplit(self.address)
        self._token = token
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes
        self._context = context

    def request(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        answers: Collection[int] = ANSWERS,
    ) -> Answer:
        """Ask for something.

        Args:
            method: Such as `PUT`.
            path: What for, escaped, below the address; see `path_of`.
            content: What is sent as JSON; bytes are sent as they are, None sends nothing.
            headers: Sent beside those that every request has, and before them.
            query: What follows the path.
            answers: Statuses beside 2xx that the caller reads himself.

        Raises:
            GatewayUnreachable: Nobody answers in time, the answer breaks off or is too long, or
                the server is busy or broken (429, 5xx).
            GatewayRefused: It will not: any other status, with its own words.
        """
        target = f"{self._parts.path}{path}{'?' + urlencode(query) if query else ''}"
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        answer = self._asked(method, path, target, body, {**self._usual(body), **(headers or {})})
        if answer.is_done or answer.status in answers:
            return answer
        if answer.status in _PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise GatewayUnreachable(_with_way_out(answer))
        raise GatewayRefused(_with_way_out(answer))

    def _usual(self, body: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _asked(
        self, method: str, path: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        asked, connection = f"{method} {self.address}{path}", self._connection()
        wanted = Wanted(method, target, body, headers)
        try:
            told = exchanged(connection, wanted, self._timeout_s, self._most_bytes)
        except ExchangeFailed as error:
            way_out = "OPTIMIZER_GATEWAY__URL, OPTIMIZER_GATEWAY__TIMEOUT_SECS"
            raise GatewayUnreachable(f"{asked}: {error} ({way_out})") from error
        return Answer(told.status, told.headers, told.content, asked, self._token or "")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=self._timeout_s, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        return connection


def client_of(gateway: GatewaySettings, most_bytes: int = MOST_BYTES) -> HttpClient:
    """Give a client of the gateway that the settings name.

    Args:
        gateway: The settings.
        most_bytes: How long an answer may be.

    Raises:
        SettingsInvalid: They give no address.
    """
    if gateway.url is None:
        fault = f"gateway.kind is {gateway.kind}: needs gateway.url (OPTIMIZER_GATEWAY__URL)"
        raise SettingsInvalid([fault])
    return HttpClient(gateway.url, gateway.token, gateway.timeout_secs, most_bytes=most_bytes)


def path_of(*parts: str) -> str:
    """Give a path of parts, each escaped: `/a/b%2Fc`."""
    # A part of dots alone would be taken for a step in the tree of paths.
    escaped = (quote(part, safe="") for part in parts)
    return "".join(
        "/" + (part if part.strip(".") else part.replace(".", "%2E")) for part in escaped
    )


def _with_way_out(answer: Answer) -> str:
    """Say what was answered, and what to do about it where that is known."""
    match answer.status:
        case 401 | 403:
            return f"{answer.told}: give a token that it takes (OPTIMIZER_GATEWAY__TOKEN)"
        case 301 | 302 | 303 | 307 | 308:
            where = answer.shown(answer.headers.get("location", "elsewhere"))
            way_out = f"it sends us to {where}: name that address (OPTIMIZER_GATEWAY__URL)"
            return f"{answer.told}: {way_out}"
    return answer.told


def _told_in(content: Any) -> str:
    """Give what JSON says for people, where it says it in one of the usual places."""
    if isinstance(content, dict):
        return next((found for name in _WORDS if (found := _told_in(content.get(name)))), "")
    return content if isinstance(content, str) else ""


def _line(text: str) -> str:
    """Give the first words of a text, in one line."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text[:4096]).split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]} ..."
