"""For applications without a gateway: which model and parameters to call with, by the document.

    client = Client("http://optimizer:8320", public_key=..., routes=["acme/shop/answer"])
    choice = client.choose("acme/shop/answer", conversation_id)
    with tracer.start_as_current_span("answer", attributes=dict(choice.stamps)):
        openai.chat.completions.create(**{"model": MY_MODEL, "messages": ...} | choice.request)

`connectors.span_stamps` hands the stamps on to spans that an instrumentation begins in there.
A background thread follows the newest document; choosing never waits, never fails and takes
microseconds. What cannot be believed (torn, unsigned, older, of another route) changes nothing;
when a rollout's lease ends, the incumbent serves all.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Self

from connectors.documents import files
from connectors.documents.choices import Choice, stamps_of
from connectors.documents.following import Followed, Status
from connectors.documents.proofs import check_public_keys
from connectors.documents.rules import is_route
from connectors.documents.sources import FolderSource, source_of
from connectors.journal import note
from optimizer.errors import SettingsInvalid, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from optimizer.documents import Unit

__all__ = ["Choice", "Client", "Status"]

_MOST_ROUTES = 10_000
_IN_TURN = 200  # routes without a document, looked for at once beside as many that are newest


def _clocks() -> tuple[int, int]:
    return time.time_ns(), time.monotonic_ns()  # noqa: TID251 - an edge: leases end by them


class Client:
    """Chooses for applications, by documents in a folder or on a server.

    Args:
        source: A folder of documents, or the address of a server of them. While it is not there,
            or has no document at all, that is told in `status`.
        public_key: Ed25519 public key that signed them, or several; None believes unsigned ones.
        stamp_key: The installation's key, which signs stamps; None leaves them unsigned.
        routes: Followed from the start: what is there now is read before this returns. Others are
            followed from the first time they are asked for, and have no document until then; of
            very many that never have one, those asked for first are forgotten until the next time.
        poll_secs: How often to look for something newer.
        keep: A folder of this client's own for what it follows: a restart begins with it, also
            when the source is away, and takes nothing older.
        clocks: Gives wall clock and monotonic clock, nanoseconds.

    Raises:
        SettingsInvalid: The source, a key or a route is none.
    """

    def __init__(
        self,
        source: str | Path,
        public_key: str | Iterable[str] | None = None,
        stamp_key: str | None = None,
        *,
        routes: Iterable[str] = (),
        poll_secs: float = 0.5,
        keep: str | Path | None = None,
        clocks: Callable[[], tuple[int, int]] = _clocks,
    ) -> None:
        keys = [public_key] if isinstance(public_key, str) else list(public_key or ())
        self._keys = check_public_keys(keys)
        self._stamp_key = stamp_key
        self._source = source_of(source)
        self._keep = None if keep is None else Path(keep)
        self._clocks = clocks
        self._poll_secs = poll_secs
        self._routes: dict[str, Followed] = {}
        self._without: dict[str, Choice] = {}
        self._named = dict.fromkeys([routes] if isinstance(routes, str) else routes)
        if faults := [_fault_of(route) for route in self._named if not is_route(route)]:
            raise SettingsInvalid(faults)
        self._turn = 0
        stamps_of("", key=stamp_key)  # loads what signs, before a request waits for it
        self._looking = threading.Lock()
        self._hurry = threading.Event()
        self._closed = False
        for route in self._named:
            self._follow(route)
        self.refresh()
        self._start()
        # The thread does not outlive a fork, and the connection must not be shared.
        restart = weakref.WeakMethod(self._restart)
        os.register_at_fork(after_in_child=lambda: (begin := restart()) and begin())

    def choose(self, route: str, unit: object, cell: str = "") -> Choice:
        """Choose how to make a call.

        Args:
            route: `tenant/service/route`.
            unit: What the assignment sticks to, of the kind that `unit_of` names: a text, or what
                `str` gives of it. Without one (None or `""`) the incumbent serves, as no part of
                the document.
            cell: The call's discrete context, where the application knows one.

        Returns:
            The choice; without an arm where there is no document for the route.
        """
        if not isinstance(unit, str):
            unit = "" if unit is None else str(unit)
        if not unit:
            return self.fall_back(route, cell)
        followed = self._routes.get(route)
        choice = None if followed is None else followed.choose(unit, cell, self._clocks)
        return self._empty(route) if choice is None else choice

    def fall_back(self, route: str, cell: str = "") -> Choice:
        """Give the incumbent's choice, for who cannot carry out the one that was made.

        Its calls are of no revision, so they prove nothing for or against a step.
        """
        followed = self._routes.get(route)
        choice = None if followed is None else followed.fall_back(cell)
        return self._empty(route) if choice is None else choice

    def unassigned(self, route: str) -> Choice:
        """Give the choice of a route without a document, for who can carry out no arm of it."""
        return self._without.get(route) or Choice(
            route, stamps=stamps_of(route, key=self._stamp_key)
        )

    def unit_of(self, route: str) -> Unit | None:
        """Tell what the assignments of a route stick to; None where there is no document."""
        followed = self._routes.get(route)
        return None if followed is None else followed.unit

    def status(self, route: str) -> Status:
        """Tell what is followed on a route, and why nothing newer is."""
        followed = self._routes.get(route)
        if followed is None:
            trouble = "nobody asked for it" if is_route(route) else _fault_of(route)
            return Status(0, "", None, is_followed=False, trouble=trouble)
        return followed.status(self._clocks())

    def routes(self) -> list[str]:
        """Name the routes that are followed."""
        return list(self._routes)

    def refresh(self) -> None:
        """Look for newer documents now; of many routes that have none, for some in turn."""
        with self._looking:
            self._source.hurry()
            resting = self._resting()
            for route, followed in list(self._routes.items()):
                if route not in resting:
                    self._look_after(followed)

    def close(self) -> None:
        """Follow no more; what is there can be chosen by still, as long as leases hold."""
        self._closed = True
        self._hurry.set()
        self._thread.join()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _empty(self, route: str) -> Choice:
        """Give the choice where there is no document; follow the route from now on."""
        known = self._without.get(route)
        if known is None:
            known = Choice(route, stamps=stamps_of(route, key=self._stamp_key))
            if len(self._routes) < _MOST_ROUTES and is_route(route):
                self._without[route] = known
                self._follow(route)
                self._hurry.set()
        return known

    def _resting(self) -> set[str]:
        """Give the routes that are not looked for this time; forget some where there is no room.

        Callers may make up routes: those with a document must not wait for them, nor new ones.
        """
        vain = [route for route in list(self._without) if self._is_in_vain(route)]
        older = vain[:-_IN_TURN]
        if len(self._routes) >= _MOST_ROUTES:
            for route in older[: len(older) // 2]:
                del self._routes[route], self._without[route]
            older = older[len(older) // 2 :]
        begin = self._turn if self._turn < len(older) else 0
        self._turn = begin + _IN_TURN
        return {*older[:begin], *older[self._turn :]}

    def _is_in_vain(self, route: str) -> bool:
        followed = self._routes.get(route)
        return followed is not None and not followed.file and route not in self._named

    def _look_after(self, followed: Followed) -> None:
        if self._keep is not None and followed.is_new:
            followed.refresh(FolderSource(self._keep), self._clocks())
        before = followed.file
        followed.refresh(self._source, self._clocks())
        if self._keep is not None and followed.file != before:
            self._remember(followed, self._keep)

    def _remember(self, followed: Followed, keep: Path) -> None:
        try:
            for name, content in followed.files():
                files.put(keep / name, content)
        except StorageFailed as error:  # it is followed all the same
            note("warn", "document_not_kept", error=error)

    def _follow(self, route: str) -> None:
        self._routes.setdefault(route, Followed(route, self._keys, self._stamp_key))

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._keep_on, name="llm-optimizer", daemon=True)
        self._thread.start()

    def _restart(self) -> None:
        if not self._closed:
            self._looking = threading.Lock()
            self._hurry = threading.Event()
            self._source.close()
            self._start()

    def _keep_on(self) -> None:
        while not self._closed:
            self._hurry.wait(self._poll_secs)
            self._hurry.clear()
            try:
                self.refresh()
            except Exception as error:  # noqa: BLE001 - who chooses must be followed for, always
                note("error", "documents_not_followed", error=repr(error))


def _fault_of(route: str) -> str:
    return f"{route!r} is no route: must be tenant/service/route"
