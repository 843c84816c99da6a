"""A gateway in memory: to try things, to simulate with, and to see what faults lead to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from connectors.documents.rules import faults_of
from connectors.gateways.conflicts import conflict
from connectors.gateways.faults import Faults
from connectors.gateways.shelves import MemoryShelf, Place, Running, Written
from connectors.mixes import mix_of, reverted
from optimizer.documents import Unit
from optimizer.errors import DocumentInvalid, RevisionConflict
from optimizer.ports import Capabilities, Write
from optimizer.slots import slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from connectors.gateways.shelves import Contents, Shelf
    from optimizer.documents import Document

SECOND_NS = 1_000_000_000
_REMEMBERED = 16  # documents of each replica; a call is assigned by what it ran at its time
_MOST_WRITES = 10_000


class Assignment(NamedTuple):
    """What becomes of a call: what its telemetry is stamped with.

    Attributes:
        arm: The arm that serves it.
        slot: Its unit's slot.
        revision: The document's.
    """

    arm: str
    slot: int
    revision: int


class MemoryGateway:
    """Implements `ports.Gateway`, and assigns calls as its replicas would.

    Args:
        replicas: Names of its replicas.
        lags: How long each takes to follow, nanoseconds; 0 where none is named.
        pushes: Documents are pushed to one replica after the other, one write each; else they
            follow one write.
        tells_replicas: `observe` knows what each replica runs.
        lease_ns: How long a leased document holds, nanoseconds.
        shelf: Where it keeps what it holds; None keeps it in this process.
        faults: What goes wrong.
        clock: Gives nanoseconds since the epoch.

    Attributes:
        faults: What goes wrong; may be changed at any time.
    """

    def __init__(
        self,
        *,
        replicas: Sequence[str] = ("one",),
        lags: Mapping[str, int] | None = None,
        pushes: bool = False,
        tells_replicas: bool = True,
        lease_ns: int = 300 * SECOND_NS,
        shelf: Shelf | None = None,
        faults: Faults | None = None,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - an edge: leases end by it
    ) -> None:
        self.faults = faults or Faults()
        self._replicas = tuple(replicas)
        self._lags = dict(lags or {})
        self._pushes = pushes
        self._tells_replicas = tells_replicas
        self._lease_ns = lease_ns
        self._shelf = shelf or MemoryShelf()
        self._clock = clock

    def capabilities(self) -> Capabilities:
        """Tell what it can do."""
        return Capabilities(
            name="memory",
            units=frozenset(Unit),
            stamps_slots=True,
            stamps_revision=True,
            atomic=not self._pushes or len(self._replicas) == 1,
            leases=True,
            tells_replicas=self._tells_replicas,
            compares=True,
        )

    def routes(self) -> Collection[str]:
        """Name the routes that have a document."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            return sorted(name for name, place in contents.places.items() if place.document)

    def read(self, route: str) -> Document | None:
        """Give the document in force, as it acts."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            return _place(contents, route).document

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the writes: one, or one a replica, while calls come to all replicas alike."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            place = _place(contents, document.route)
        if not self._pushes:
            return [Write("all replicas", mix_of([document]))]
        running = [_newest(place, name) for name in self._replicas]
        writes = []
        for number, name in enumerate(self._replicas):
            running[number] = document
            writes.append(Write(f"replica {name}", mix_of(running)))
        return writes

    def apply(self, document: Document, expected: int, key: str) -> None:
        """Bring a document there."""
        self.faults.on_call()
        self.faults.on_apply(document)
        if faults := faults_of(document):
            raise DocumentInvalid(faults)
        with self._shelf.taken() as contents:
            place = contents.places.setdefault(document.route, Place())
            if place.document != document:
                self._check(place, document, expected)
                self._write(contents, place, document, key)
        self.faults.on_answer()

    def observe(self, route: str) -> Mapping[str, int | None]:
        """Give what each replica runs now."""
        self.faults.on_call()
        if not self._tells_replicas:
            return dict.fromkeys(self._replicas)
        now_ns = self._clock()
        with self._shelf.taken() as contents:
            place = _place(contents, route)
            running = {name: _at(place, name, now_ns) for name in self._replicas}
        return {name: one.revision if one else 0 for name, one in running.items()}

    def renew(self, route: str, revision: int) -> None:
        """Let a leased document hold for another lease from now on."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            place = _place(contents, route)
            document = _expect(place, route, revision)
            if document.leased:
                place.lease_until_ns = self._clock() + self._lease_ns
                self._note(contents, document, "renew")

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent of the document in force serve all."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            place = _place(contents, route)
            document = _expect(place, route, expected)
            place.document = reverted(document)
            for name in self._replicas:
                self._follow(place, name, place.document)
            self._note(contents, document, "revert")

    def remove(self, route: str, expected: int) -> None:
        """Take a route's document away."""
        self.faults.on_call()
        with self._shelf.taken() as contents:
            document = _expect(_place(contents, route), route, expected)
            del contents.places[route]
            self._note(contents, document, "remove")

    def overwrite(self, document: Document) -> None:
        """Write as somebody does who asks nobody: a fault to inject."""
        with self._shelf.taken() as contents:
            place = contents.places.setdefault(document.route, Place())
            place.document = document
            for name in self._replicas:
                self._follow(place, name, document)
            self._note(contents, document, "foreign")

    def assign(
        self, route: str, unit: str, at_ns: int, *, replica: str = "", client: str = ""
    ) -> Assignment | None:
        """Give what becomes of a call; None where no document says.

        Args:
            route: Where it is made.
            unit: What its assignment sticks to.
            at_ns: When it is made.
            replica: The replica it comes to; `""` for the first.
            client: Who makes it; one that is overridden gets the arm it asks for.
        """
        with self._shelf.taken() as contents:
            place = _place(contents, route)
        document = _at(place, replica or self._replicas[0], at_ns)
        if document is None:
            return None
        slot = slot_of(document.salt, unit)
        is_over = document.leased and at_ns >= place.lease_until_ns
        arm = document.incumbent if is_over else document.arm_of(slot)
        return Assignment(self.faults.overridden.get(client, arm), slot, document.revision)

    def writes(self) -> list[Written]:
        """Give every write that was done, the oldest first; of very many, the newest."""
        with self._shelf.taken() as contents:
            return list(contents.writes)

    def _check(self, place: Place, document: Document, expected: int) -> None:
        """Refuse what must not be written over what is there, or half there."""
        found = place.document.revision if place.document else 0
        there = [each[-1].document for each in place.replicas.values()]
        newest = max((one.revision for one in there), default=found)
        others = [one for one in there if one.revision == document.revision and one != document]
        if document.revision < max(newest, found) or others or document.revision == found:
            message = f"{document.route}: revision {max(newest, found)} is there"
            raise RevisionConflict(message, max(newest, found))
        if found != expected:
            raise conflict(document.route, place.document, expected)

    def _write(self, contents: Contents, place: Place, document: Document, key: str) -> None:
        place.lease_until_ns = self._clock() + self._lease_ns
        for name in self._replicas if self._pushes else ():
            if _newest(place, name) != document:  # else it was pushed before the way broke
                self.faults.on_write()
                self._follow(place, name, document)
                self._note(contents, document, "apply", name, key)
        if not self._pushes:
            self.faults.on_write()
            for name in self._replicas:
                self._follow(place, name, document)
        place.document = document
        self._note(contents, document, "apply", "", key)

    def _follow(self, place: Place, replica: str, document: Document) -> None:
        if replica not in self.faults.stale:
            running = place.replicas.setdefault(replica, [])
            running.append(Running(self._clock() + self._lags.get(replica, 0), document))
            del running[:-_REMEMBERED]

    def _note(
        self, contents: Contents, document: Document, what: str, replica: str = "", key: str = ""
    ) -> None:
        now_ns, route, revision = self._clock(), document.route, document.revision
        contents.writes.append(Written(now_ns, route, revision, what, replica, key))
        del contents.writes[:-_MOST_WRITES]
        self._shelf.keep(contents)


def _place(contents: Contents, route: str) -> Place:
    return contents.places.get(route) or Place()


def _expect(place: Place, route: str, expected: int) -> Document:
    """Give the document in force, which must be the expected one."""
    document = place.document
    if document is None or document.revision != expected:
        raise conflict(route, document, expected)
    return document


def _newest(place: Place, replica: str) -> Document | None:
    running = place.replicas.get(replica)
    return running[-1].document if running else None


def _at(place: Place, replica: str, at_ns: int) -> Document | None:
    """Give what a replica runs at an instant."""
    running = place.replicas.get(replica, [])
    ran = (each.document for each in reversed(running) if each.from_ns <= at_ns)
    return next(ran, None)
