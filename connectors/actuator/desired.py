"""What should be in force: the newest document of each route, as the log says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from connectors.codecs import from_json, to_json
from connectors.documents.rules import is_route
from connectors.journal import note
from connectors.publisher import DOCUMENTS
from optimizer.documents import Document
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import CloudEvent
from optimizer.observe.words import MAX_REVISION

if TYPE_CHECKING:
    from connectors.sqlite import Database
    from optimizer.ports import Entry, Log

REMEMBERED = 50  # revisions of each route by which a foreign one is known
_AT_ONCE = 1000


class _Said(NamedTuple):
    """A document that the log said."""

    route: str
    revision: int
    digest: str
    document: bytes


class Desired:
    """Follows the log; it may be read again, from any position.

    Args:
        log: The log.
        state: Where its place and what it said is kept.

    Attributes:
        documents: The newest document of each route.
        contradicted: Documents that came under the newest revision, which meant another one before,
            by route.
        outdated: Documents that were new, and yet older than the newest, by route.
        news: Routes of which something new was read; who looks at them takes them out.
    """

    def __init__(self, log: Log, state: Database) -> None:
        self.documents: dict[str, Document] = {}
        self.contradicted: dict[str, Document] = {}
        self.outdated: dict[str, Document] = {}
        self.news: set[str] = set()
        self._log = log
        self._state = state
        self._digests: dict[str, dict[int, str]] = {}
        self._unkept: list[_Said] = []
        for said in state.rows("SELECT * FROM said ORDER BY route, revision"):
            self._take(_Said._make(said), from_json(Document, said[-1]))
        places = state.rows("SELECT position FROM place WHERE topic = ?", DOCUMENTS)
        self._next = self._kept = places[0][0] if places else 0
        self._is_resumed = True

    def catch_up(self) -> None:
        """Read the log to its end.

        Raises:
            StorageFailed: The log cannot be read.
        """
        if self._is_resumed and self._next > self._log.end(DOCUMENTS):
            self._next = 0  # it was begun anew
        self._is_resumed = False
        while entries := self._log.read(DOCUMENTS, self._next, _AT_ONCE):
            for entry in entries:
                document = _document_in(entry)
                if document:
                    self._hear(document)
            self._next = entries[-1].position + 1

    def keep(self) -> None:
        """Note what was read, in one step.

        Raises:
            StorageFailed: The disk is full or refuses; what was not kept waits for the next time.
        """
        if self._next == self._kept:
            return
        with self._state.transaction() as connection:
            connection.executemany("REPLACE INTO said VALUES (?, ?, ?, ?)", self._unkept)
            for route, revision in {one.route: one.revision for one in self._unkept}.items():
                oldest = (route, revision - REMEMBERED)
                connection.execute("DELETE FROM said WHERE route = ? AND revision <= ?", oldest)
            connection.execute("REPLACE INTO place VALUES (?, ?)", (DOCUMENTS, self._next))
        self._unkept.clear()
        self._kept = self._next

    def is_foreign(self, document: Document) -> bool:
        """Tell whether the log never said a document; what is too old to be known is not."""
        digests = self._digests.get(document.route, {})
        if document.revision < min(digests, default=0):
            return False
        return digests.get(document.revision) != digest_of(document)

    def between(self, route: str, above: int, below: int) -> list[int]:
        """Give the revisions that the log said of a route, rising, between two."""
        return sorted(one for one in self._digests.get(route, ()) if above < one < below)

    def _hear(self, document: Document) -> None:
        """Take a document that is not known yet."""
        route, newest = document.route, self.documents.get(document.route)
        said = _Said(route, document.revision, digest_of(document), to_json(document))
        known = self._digests.get(route, {}).get(document.revision)
        if known == said.digest:
            return
        self.news.add(route)
        if newest is not None and document.revision < newest.revision:
            self.outdated[route] = document
        elif known is not None:
            self.contradicted[route] = document
        if known is None:
            self._take(said, document)
            self._unkept.append(said)

    def _take(self, said: _Said, document: Document) -> None:
        digests = self._digests.setdefault(said.route, {})
        digests[said.revision] = said.digest
        for revision in [one for one in digests if one <= max(digests) - REMEMBERED]:
            del digests[revision]
        newest = self.documents.get(said.route)
        if newest is None or said.revision > newest.revision:
            self.documents[said.route] = document


def digest_of(document: Document) -> str:
    """Give what tells a document from every other one."""
    return hashlib.sha256(to_json(document)).hexdigest()


def _document_in(entry: Entry) -> Document | None:
    """Read an entry; None for what is none: it is told, and what follows is read."""
    fault = "it has no route or no revision that could be reported"
    try:
        event = from_json(CloudEvent, entry.value)
        document = from_json(Document, to_json(event.data))
    except (DecodeFailed, InvalidEvent) as error:
        fault = str(error)
    else:
        if is_route(document.route) and 0 < document.revision < MAX_REVISION:
            return document
    note("warn", "document_unreadable", topic=DOCUMENTS, position=entry.position, fault=fault)
    return None
