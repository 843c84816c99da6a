"""The document gateway: who serves calls follows a folder of documents, as files or over HTTP."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.documents.leases import Lease
from connectors.documents.parsing import Opened
from connectors.documents.proofs import digest_of
from connectors.documents.rendering import body_of
from connectors.gateways.conflicts import conflict
from connectors.gateways.replicas import Replicas
from connectors.journal import note
from connectors.mixes import mix_of, reverted
from optimizer.documents import Unit
from optimizer.errors import (
    DocumentInvalid,
    GatewayRefused,
    GatewayUnreachable,
    RevisionConflict,
    StorageFailed,
    UnknownVersion,
)
from optimizer.ports import Capabilities, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from connectors.documents.folder import Folder
    from optimizer.documents import Document

_NOBODY = Replicas()


class DocumentGateway:
    """Implements `ports.Gateway` over a folder.

    A step that is leased holds by two files: its document and its lease. The lease comes first, so
    whoever finds the document finds its lease too.

    Args:
        folder: Where documents are published.
        lease: How long a step of a rollout holds when nobody renews it.
        clock: Gives nanoseconds since the epoch.
        replicas: Those of who follows the folder that tell what they run.

    Attributes:
        changed: Called after each write.
    """

    def __init__(
        self,
        folder: Folder,
        lease: timedelta,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - an edge: leases end by it
        replicas: Replicas = _NOBODY,
    ) -> None:
        self._folder = folder
        self._replicas = replicas
        self._lease = lease
        self._clock = clock
        self.changed: Callable[[], object] = bool

    def capabilities(self) -> Capabilities:
        """Tell what it can do; who follows the folder is known as far as it was named."""
        return Capabilities(
            name="documents",
            units=frozenset(Unit),
            stamps_slots=True,
            stamps_revision=True,
            atomic=True,
            leases=True,
            tells_replicas=bool(self._replicas),
            compares=True,
        )

    def routes(self) -> Collection[str]:
        """Name the routes that have a document."""
        with _explained():
            return [str(entry["route"]) for entry in self._folder.index()]

    def read(self, route: str) -> Document | None:
        """Give the document in force; None also where its file is damaged, which is noted."""
        with _explained():
            opened = self._opened(route)
            return self._acting(opened) if opened else None

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the one write."""
        return [Write("the document", mix_of([document]))]

    def apply(self, document: Document, expected: int, key: str) -> None:  # noqa: ARG002 - the port's
        """Publish a document and, where it is leased, its lease; a damaged file is replaced."""
        with _explained():
            opened = self._opened(document.route)
            there = self._acting(opened) if opened else None
            if there and there != document and there.revision == document.revision:
                message = f"{document.route}: another document is revision {there.revision}"
                raise RevisionConflict(message, there.revision)
            # What is damaged is no revision to expect; an older one is refused all the same. What
            # is there already is published again, which finishes what broke off.
            is_damaged = opened is None and expected == 0
            needs_lease = document.leased and not self._is_leased(document)
            lease = self._lease_for(Opened(document, body_of(document))) if needs_lease else None
            self._folder.publish(document, None if is_damaged else expected, lease)
            self.changed()

    def observe(self, route: str) -> Mapping[str, int | None]:
        """Ask the replicas that were named; others may follow the folder unseen."""
        return self._replicas.revisions(route)

    def renew(self, route: str, revision: int) -> None:
        """Write a new lease, unless the incumbent was let take over."""
        with _explained(), self._folder.held():
            opened = self._expected(route, revision)
            if opened.document.leased and self._acting(opened) == opened.document:
                self._give(opened)

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent serve all: who follows the document finds that in its lease."""
        with _explained(), self._folder.held():
            self._give(self._expected(route, expected), returned=True)

    def remove(self, route: str, expected: int) -> None:
        """Take a route's document away, with its lease and its history."""
        with _explained(), self._folder.held():
            self._expected(route, expected)
            self._folder.withdraw(route)
            self.changed()

    def _opened(self, route: str) -> Opened | None:
        try:
            return self._folder.opened(route)
        except DocumentInvalid as fault:
            note("warn", "document_damaged", route=route, fault=fault)
            return None

    def _expected(self, route: str, revision: int) -> Opened:
        opened = self._opened(route)
        if opened is None or opened.document.revision != revision:
            raise conflict(route, opened.document if opened else None, revision)
        return opened

    def _acting(self, opened: Opened) -> Document:
        """Give a document as it acts: with all slots the incumbent's once it was reverted."""
        lease = self._lease_of(opened.document.route)
        is_returned = lease and lease.returned and lease.document == digest_of(opened.body)
        return reverted(opened.document) if is_returned else opened.document

    def _is_leased(self, document: Document) -> bool:
        lease = self._lease_of(document.route)
        return lease is not None and lease.revision == document.revision

    def _lease_of(self, route: str) -> Lease | None:
        try:
            return self._folder.lease(route)
        except DocumentInvalid as fault:
            note("warn", "lease_damaged", route=route, fault=fault)
            return None

    def _give(self, opened: Opened, *, returned: bool = False) -> None:
        self._folder.renew(self._lease_for(opened, returned=returned))
        self.changed()

    def _lease_for(self, opened: Opened, *, returned: bool = False) -> Lease:
        now = datetime.fromtimestamp(self._clock() // 1000 / 1e6, UTC)
        return Lease(
            route=opened.document.route,
            revision=opened.document.revision,
            document=digest_of(opened.body),
            issued_at=now,
            until=now if returned else now + self._lease,
            returned=returned,
        )


@contextmanager
def _explained() -> Iterator[None]:
    """Say in a gateway's words what a folder says in its own."""
    try:
        yield
    except StorageFailed as error:
        raise GatewayUnreachable(str(error)) from error
    except UnknownVersion as error:
        raise GatewayRefused(str(error)) from error
