"""Following one route: the newest document that may be believed, and its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connectors.documents.choices import Choice, Choices
from connectors.documents.leases import Lease, Term, begin, open_lease
from connectors.documents.names import CURRENT, LEASES, file_of, prompt_file
from connectors.documents.parsing import Opened, open_file
from connectors.documents.proofs import digest_of
from connectors.documents.rendering import prompts_of, reference
from connectors.documents.rules import MOST_PROMPT_BYTES
from connectors.journal import note
from optimizer.errors import DocumentInvalid, GatewayUnreachable, UnknownVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from connectors.documents.sources import Source
    from optimizer.documents import Unit

_NO_TERM: Term | None = None


class Status(NamedTuple):
    """How it stands with following a route.

    Attributes:
        revision: Of the document that is followed; 0 for none.
        sha256: Of its body; `""` for none.
        unit: What its assignments stick to; None for none.
        is_followed: Units are assigned by it; else the incumbent serves all.
        trouble: Why something newer is not followed; `""` when nothing is wrong.
        since_ns: When this revision was taken here, nanoseconds since the epoch; 0 for none.
    """

    revision: int
    sha256: str
    unit: Unit | None
    is_followed: bool
    trouble: str
    since_ns: int = 0


class _Now(NamedTuple):
    """What choosing looks at: replaced whole, never changed, so that what is told is what acts.

    Attributes:
        choices: Of the document that is followed.
        holds: It may be acted on, as far as its lease has not ended.
        term: Its lease; None where it needs none.
        told: Its revision and the like; nothing of the lease.
    """

    choices: Choices
    holds: bool
    term: Term | None
    told: Status

    def is_followed(self, clocks: Callable[[], tuple[int, int]]) -> bool:
        """Tell whether units are assigned by it."""
        return self.holds and not (self.term is not None and self.term.is_over(*clocks()))


_NOTHING = Status(0, "", None, is_followed=False, trouble="")


class Followed:
    """One route. One thread refreshes it; any may choose.

    Args:
        route: `tenant/service/route`.
        public_keys: Who may have signed what is followed; empty when nobody asks.
        stamp_key: Signs stamps; None leaves them unsigned.

    Attributes:
        file: The file of the document that is followed; empty for none.
        is_new: Nothing was looked for yet.
    """

    def __init__(
        self, route: str, public_keys: Sequence[str] = (), stamp_key: str | None = None
    ) -> None:
        self._route = route
        self._keys = public_keys
        self._stamp_key = stamp_key
        self._tags: dict[str, Hashable] = {}
        self._opened: Opened | None = None
        self._digest, self.file = "", b""
        self.is_new = True
        self._told = _NOTHING
        self._choices: Choices | None = None
        self._lease: Lease | None = None
        self._holds, self._term = False, _NO_TERM
        self._troubles: dict[str, str] = {}
        self._now: _Now | None = None

    @property
    def until_ns(self) -> int | None:
        """When the lease that is held ends by the wall clock, since the epoch; None for none."""
        return None if self._term is None else self._term.until_ns

    def choose(self, unit: str, cell: str, clocks: Callable[[], tuple[int, int]]) -> Choice | None:
        """Give what becomes of a unit; None where there is no document."""
        now = self._now
        if now is None:
            return None
        if now.is_followed(clocks):
            return now.choices.choose(unit, cell)
        return now.choices.fall_back(cell)

    def fall_back(self, cell: str) -> Choice | None:
        """Give the incumbent, as no part of the document; None where there is no document."""
        now = self._now
        return None if now is None else now.choices.fall_back(cell)

    def status(self, clocks: tuple[int, int]) -> Status:
        """Tell how it stands."""
        now, trouble = self._now, self._trouble()
        if now is None:
            return _NOTHING._replace(trouble=trouble)
        is_followed = now.is_followed(lambda: clocks)
        return now.told._replace(is_followed=is_followed, trouble=trouble)

    @property
    def unit(self) -> Unit | None:
        """What assignments stick to; None where there is no document."""
        return self._now.told.unit if self._now else None

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Give the names and contents by which this document can be read again, it the last."""
        if self._opened is not None:
            for refers, text in prompts_of(self._opened.document).items():
                yield prompt_file(refers), text.encode()
            yield file_of(CURRENT, self._route), self.file

    def refresh(self, source: Source, clocks: tuple[int, int]) -> None:
        """Look for something newer; what is wrong with it stands in the status."""
        before, self.is_new = self._trouble(), False
        self._look(source, file_of(CURRENT, self._route), self._take_document, clocks)
        if self._choices is not None:
            self._look(source, file_of(LEASES, self._route), self._take_lease, clocks)
            self._now = _Now(self._choices, self._holds, self._term, self._told)
        if (trouble := self._trouble()) and trouble != before:
            note("warn", "document_not_followed", route=self._route, trouble=trouble)

    def _look(
        self,
        source: Source,
        name: str,
        take: Callable[[bytes, Source, tuple[int, int]], None],
        clocks: tuple[int, int],
    ) -> None:
        """Take a file if it is another one than before; one that is not there changes nothing."""
        try:
            tag, data = source.fetch(name, self._tags.get(name))
            if data is not None:
                take(data, source, clocks)
                self._tags[name] = tag
            self._troubles.pop(name, None)
        except DocumentInvalid as refused:
            self._troubles[name] = "; ".join(refused.faults)
        except (UnknownVersion, GatewayUnreachable) as trouble:
            self._troubles[name] = str(trouble)

    def _take_document(self, data: bytes, source: Source, clocks: tuple[int, int]) -> None:
        opened = open_file(data, self._keys, lambda refers: _prompt(source, refers))
        document, there = opened.document, self._opened
        if document.route != self._route:
            raise DocumentInvalid([f"it is of {document.route}, not of {self._route}"])
        if there is not None and opened.body == there.body:
            return
        if there is not None and document.revision <= there.document.revision:
            told = f"revision {document.revision} follows {there.document.revision}"
            raise DocumentInvalid([f"{told}: it is older, or another one of that name"])
        self._opened, self._digest, self.file = opened, digest_of(opened.body), data
        self._choices = Choices(document, self._stamp_key)
        self._told = _NOTHING._replace(
            revision=document.revision,
            sha256=self._digest,
            unit=document.unit,
            since_ns=clocks[0],
        )
        self._lease, self._holds, self._term = None, not document.leased, None
        self._tags.pop(file_of(LEASES, self._route), None)

    def _take_lease(self, data: bytes, _: Source, clocks: tuple[int, int]) -> None:
        lease = open_lease(data, self._keys)
        if self._opened is None or lease.document != self._digest:
            return  # of a document before or after this one
        if self._lease is not None and lease.issued_at < self._lease.issued_at:
            raise DocumentInvalid(["the lease is older than the one that is held"])
        if lease != self._lease:
            self._lease, self._holds = lease, not lease.returned
            self._term = begin(lease, *clocks) if self._opened.document.leased else None

    def _trouble(self) -> str:
        return "; ".join(dict.fromkeys(self._troubles.values()))


def _prompt(source: Source, refers: str) -> str | None:
    data = source.fetch(prompt_file(refers), most=MOST_PROMPT_BYTES).data
    text = None if data is None else data.decode(errors="replace")
    return text if text is not None and reference(text) == refers else None
