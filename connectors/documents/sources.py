"""Where documents are followed from: a folder, or a server of one."""

from __future__ import annotations

import http.client
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from connectors.documents import files
from connectors.documents.patience import Patience, Timely
from connectors.documents.rules import MOST_BYTES
from optimizer.errors import GatewayUnreachable, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Hashable

_REST_S = 0.25


class Fetched(NamedTuple):
    """What stands under a name.

    Attributes:
        tag: Tells this content from any other one; None where nothing is there.
        data: The content; None where it is still the one of the tag that was known.
    """

    tag: Hashable
    data: bytes | None


NOTHING = Fetched(None, None)


class Source(Protocol):
    """Gives files by their name in a folder of documents."""

    def fetch(self, name: str, known: Hashable = None, most: int = MOST_BYTES) -> Fetched:
        """Give a file, or tell that it is still the one that is known.

        Raises:
            GatewayUnreachable: It cannot be said.
        """

    def hurry(self) -> None:
        """Ask again also where nobody answered a moment ago."""

    def close(self) -> None:
        """Let go of what it holds; it is taken up again when something is fetched."""


def source_of(place: str | Path) -> Source:
    """Give the source at a place: a folder, or `http://` or `https://` and a host."""
    text = str(place)
    if text.startswith(("http://", "https://")):
        return ServerSource(text)
    return FolderSource(Path(place))


class FolderSource:
    """Follows a folder; a file is another one when it was replaced, or written to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fetch(self, name: str, known: Hashable = None, most: int = MOST_BYTES) -> Fetched:
        """Give a file, or tell that it is still the one that is known."""
        path = self._path / name
        try:
            stat = path.stat()
            tag = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            data = None if tag == known else files.read_up_to(path, most)
        except (FileNotFoundError, NotADirectoryError):
            return NOTHING
        except OSError as error:
            raise GatewayUnreachable(f"{path}: {error.strerror}") from error
        return Fetched(tag, data)

    def hurry(self) -> None:
        """Ask always."""

    def close(self) -> None:
        """Hold nothing."""


class ServerSource:
    """Follows a server; one connection, kept open.

    Where it does not answer, the next requests fail at once for as long as that took: of a thousand
    routes one waits for a server that hangs, not each.

    Args:
        address: `http://` or `https://` and a host.
        patience: How long an answer is waited for.

    Raises:
        SettingsInvalid: The address is none.
    """

    def __init__(self, address: str, patience: Patience = Patience()) -> None:  # noqa: B008 - frozen
        if not is_address(address):
            from optimizer.settings import masked  # noqa: PLC0415 - only faults need it

            told = f"{masked(address)!r} is no address: must be such as http://host:8080"
            raise SettingsInvalid([told])
        parts = urlsplit(address)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._address = address.rstrip("/")
        self._root = parts.path.rstrip("/")
        self._connection = kind(parts.hostname or "", parts.port, timeout=patience.between_s)
        # A callable will do: the library only makes answers of it.
        self._connection.response_class = partial(Timely, patience=patience)  # type: ignore[assignment]
        self._away, self._away_until_s = "", 0.0

    def fetch(self, name: str, known: Hashable = None, most: int = MOST_BYTES) -> Fetched:
        """Give a file, or tell that it is still the one that is known."""
        begun_s = _now()
        if begun_s < self._away_until_s:
            raise GatewayUnreachable(self._away)
        headers = {} if known is None else {"If-None-Match": str(known)}
        try:
            answer, data = self._asked(name, headers, most)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            now_s = _now()
            self._away = f"{self._address}: {error}"
            self._away_until_s = now_s + max(_REST_S, now_s - begun_s)
            raise GatewayUnreachable(self._away) from error
        return self._told(answer, known, data)

    def _asked(
        self, name: str, headers: dict[str, str], most: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask on the open connection, or on another one where it died meanwhile."""
        is_kept = self._connection.sock is not None
        try:
            return self._exchanged(name, headers, most)
        except ConnectionError:
            if not is_kept:
                raise
            self.close()
            return self._exchanged(name, headers, most)

    def _exchanged(
        self, name: str, headers: dict[str, str], most: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        # A percent sign belongs to the file's name.
        path = f"{self._root}/{name.replace('%', '%25')}"
        self._connection.request("GET", path, None, headers)
        answer = self._connection.getresponse()
        data = answer.read(most + 1)
        if len(data) > most or not answer.isclosed():
            self.close()  # what is left of the answer is nobody's
        return answer, data

    def _told(self, answer: http.client.HTTPResponse, known: Hashable, data: bytes) -> Fetched:
        match answer.status:
            case 200:
                return Fetched(answer.headers.get("ETag"), data)
            case 304 if known is not None:
                return Fetched(known, None)
            case 404:
                return NOTHING
        raise GatewayUnreachable(f"{self._address} answered {answer.status}")

    def hurry(self) -> None:
        """Ask again also where nobody answered a moment ago."""
        self._away_until_s = 0.0

    def close(self) -> None:
        """Close the connection; it is opened again when something is fetched."""
        self._connection.close()


def is_address(address: str) -> bool:
    """Tell whether a server can be at an address; a password in it would be told to anyone."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - it raises where it is no number
    except ValueError:
        return False
    return bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: servers are asked again by it
