"""What the edges implement; each port has a contract suite under tests/."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from optimizer.documents import Document, Unit


class Entry(NamedTuple):
    """One entry of a log.

    Attributes:
        position: Where it stands in its topic, rising by appends; 0 is the first.
        key: What it is ordered by, such as the route.
        value: Its bytes.
    """

    position: int
    key: str
    value: bytes


class Log(Protocol):
    """Append-only topics. Appending twice stands twice: who reads drops repeated ids.

    A topic's name is made of ASCII letters, digits, `.`, `_` and `-`, which every log can hold.
    """

    def append(self, topic: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Add (key, value) pairs to the end; all are durable, in their order, when it returns.

        When it raises, none is there; in a log on Kafka, some may be.
        """

    def read(self, topic: str, start: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Give up to `limit` entries from position `start` on; empty at the end."""

    def end(self, topic: str) -> int:
        """Give the position the next entry will have."""

    def close(self) -> None:
        """Let go of what it holds; nothing may be called after."""


class Row(NamedTuple):
    """One row of a view.

    Attributes:
        key: Its identity; a later put replaces it.
        order: What a scan is sorted by, such as an ISO time.
        value: JSON bytes.
    """

    key: str
    order: str
    value: bytes


class Store(Protocol):
    """Views: the newest state of things by key, to be looked at. Putting twice is putting once."""

    def put(self, view: str, rows: Iterable[Row]) -> None:
        """Insert or replace rows, all or none."""

    def get(self, view: str, key: str) -> Row | None:
        """Give one row, None when it is not there."""

    def scan(
        self, view: str, prefix: str = "", limit: int = 100, *, newest_first: bool = True
    ) -> Iterator[Row]:
        """Give rows whose key begins with `prefix`, sorted by (order, key)."""

    def close(self) -> None:
        """Let go of what it holds; nothing may be called after."""


class Vault(Protocol):
    """Keeps immutable bytes by owner and name."""

    def get(self, owner: str, name: str) -> bytes:
        """Give a piece.

        Raises:
            NotFound: It is not there.
        """

    def renew(self, owner: str, new: Mapping[str, bytes], keep: Collection[str]) -> None:
        """Add an owner's new pieces and drop those not in `keep`; durable, all or none.

        A name that is there already means the same bytes.
        """

    def close(self) -> None:
        """Let go of what it holds; nothing may be called after."""


class Capabilities(NamedTuple):
    """What a gateway can do: no more than it says.

    Attributes:
        name: What it is called in reports.
        units: What an assignment can stick to.
        stamps_slots: Its calls tell slot, arm and revision: shares are checked exactly.
        stamps_revision: Its calls tell the revision; without that no step ever passes.
        atomic: A document takes effect in one write.
        leases: It returns to the incumbent by itself when a lease ends.
        tells_replicas: `observe` gives the revision of each replica.
        compares: It refuses a write where another revision is there, in one step with the write; a
            gateway that does not wants one actuator and no other writer.
    """

    name: str
    units: frozenset[Unit]
    stamps_slots: bool = False
    stamps_revision: bool = False
    atomic: bool = False
    leases: bool = False
    tells_replicas: bool = False
    compares: bool = False


class Write(NamedTuple):
    """One write of several, in order.

    Attributes:
        what: What is written, in plain words.
        mix: Share of each arm once it is done, by id.
    """

    what: str
    mix: Mapping[str, float]


class Gateway(Protocol):
    """What brings a document to the calls. Applying twice is applying once.

    Errors: `DocumentInvalid` lists a document's faults. `GatewayUnreachable` may be tried again;
    `GatewayRefused` not, and `ModelGone`, which is one, names the arm that it can serve no more.
    `RevisionConflict` says which revision is there instead of the expected one.
    """

    def capabilities(self) -> Capabilities:
        """Tell what it can do."""

    def routes(self) -> Collection[str]:
        """Name the routes that have a document there."""

    def read(self, route: str) -> Document | None:
        """Give the document in force, as it acts; None where there is none.

        After `revert` it is the document with every slot the incumbent's.
        """

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the writes that would bring a document there, and the mixes they pass through."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        """Bring a document there, with a new lease where it is leased.

        What failed half-way is finished by trying again. Where the document is in force already,
        nothing is done. An older revision than is there, or another document than the one that is
        there under its revision, is refused as a conflict.

        Args:
            document: What shall be in force.
            expected: The revision that is there; 0 for none.
            key: Names the attempt: the same for the same document.
        """

    def observe(self, route: str) -> Mapping[str, int | None]:
        """Give the revision each replica runs, by its name; None where that is not known."""

    def renew(self, route: str, revision: int) -> None:
        """Let a leased document hold for another lease; nothing where it is not leased.

        A conflict where another revision is in force.
        """

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent of the document in force serve all, until the next document."""

    def remove(self, route: str, expected: int) -> None:
        """Take a route's document away, as if there had never been one."""
