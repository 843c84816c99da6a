"""Where documents are followed from: a folder, or a server of one."""

from __future__ import annotations

import http.client
import re
import time
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from connectors.documents import files
from connectors.documents.names import INDEX
from connectors.documents.patience import Patience, Timely
from connectors.documents.rules import MOST_BYTES
from optimizer.errors import GatewayUnreachable, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Hashable

_REST_S = 0.25
_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}(?:/.*)?")


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
    """Give the source at a place: a folder, or `http://` or `https://` and a host.

    Raises:
        SettingsInvalid: It is neither.
    """
    if isinstance(place, str):
        if place.lower().startswith(("http://", "https://")):
            return ServerSource(place)
        if fault := _fault_of(place):
            raise SettingsInvalid([fault])
    return FolderSource(Path(place), must_be=True)


def _fault_of(place: str) -> str:
    """Say why a text is hardly meant as a folder; empty where it may be."""
    from optimizer.settings import masked  # noqa: PLC0415 - only who begins to follow needs it

    if _HOST_AND_PORT.fullmatch(place):
        return f"{place!r} has no scheme: write http://{place}, or ./{place} where it is a folder"
    if not place or "://" in place or place.lower().startswith(("http:", "https:")):
        told = repr(masked(place))
        return f"{told} is no source: must be a folder, or an address such as http://host:8320"
    return ""


class FolderSource:
    """Follows a folder; a file is another one when it was replaced, or written to.

    Args:
        path: The folder.
        must_be: It is trouble when the folder is not there; else it is as an empty one.
    """

    def __init__(self, path: Path, *, must_be: bool = False) -> None:
        self._path = path
        self._must_be = must_be

    def fetch(self, name: str, known: Hashable = None, most: int = MOST_BYTES) -> Fetched:
        """Give a file, or tell that it is still the one that is known."""
        path = self._path / name
        try:
            stat = path.stat()
            tag = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            data = None if tag == known else files.read_up_to(path, most)
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._must_be and not self._path.is_dir():
                raise GatewayUnreachable(f"there is no folder {self._path}") from error
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
    routes one waits for a server that hangs, not each. One that has given nothing yet and has no
    index may be another one than was meant: that is trouble.

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
        self._has_any: bool | None = None  # an index or any other file; None where it was not asked

    def fetch(self, name: str, known: Hashable = None, most: int = MOST_BYTES) -> Fetched:
        """Give a file, or tell that it is still the one that is known."""
        begun_s = _now()
        if begun_s < self._away_until_s:
            raise GatewayUnreachable(self._away)
        headers = {} if known is None else {"If-None-Match": str(known)}
        try:
            answer, data = self._asked("GET", name, headers, most)
            if answer.status == HTTPStatus.NOT_FOUND and self._has_any is None:
                index, _ = self._asked("HEAD", INDEX, {}, most)
                self._has_any = index.status != HTTPStatus.NOT_FOUND
        except (OSError, http.client.HTTPException) as error:
            self.close()
            now_s = _now()
            self._away = f"{self._address}: {error}"
            self._away_until_s = now_s + max(_REST_S, now_s - begun_s)
            raise GatewayUnreachable(self._away) from error
        return self._told(answer, known, data)

    def _asked(
        self, method: str, name: str, headers: dict[str, str], most: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask on the open connection, or on another one where it died meanwhile."""
        is_kept = self._connection.sock is not None
        try:
            return self._exchanged(method, name, headers, most)
        except ConnectionError:
            if not is_kept:
                raise
            self.close()
            return self._exchanged(method, name, headers, most)

    def _exchanged(
        self, method: str, name: str, headers: dict[str, str], most: int
    ) -> tuple[http.client.HTTPResponse, bytes]:
        # A percent sign belongs to the file's name.
        path = f"{self._root}/{name.replace('%', '%25')}"
        self._connection.request(method, path, None, headers)
        answer = self._connection.getresponse()
        data = answer.read(most + 1)
        if len(data) > most or not answer.isclosed():
            self.close()  # what is left of the answer is nobody's
        return answer, data

    def _told(self, answer: http.client.HTTPResponse, known: Hashable, data: bytes) -> Fetched:
        match answer.status:
            case 200:
                self._has_any = True
                return Fetched(answer.headers.get("ETag"), data)
            case 304 if known is not None:
                return Fetched(known, None)
            case 404 if self._has_any is False:
                told = f"{self._address} has no {INDEX}"
                raise GatewayUnreachable(f"{told}: nothing is published yet, or it is elsewhere")
            case 404:
                return NOTHING
        raise GatewayUnreachable(f"{self._address} answered {answer.status}")

    def hurry(self) -> None:
        """Ask again also where nobody answered a moment ago."""
        self._away_until_s = 0.0
        self._has_any = self._has_any or None

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
