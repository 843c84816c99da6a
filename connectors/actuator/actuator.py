"""The actuator's turns: which routes are due, and what to do when something does not answer."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connectors.actuator.desired import Desired
from connectors.actuator.errands import Errand, pause_s
from connectors.actuator.outbox import Outbox
from connectors.actuator.reconciler import Reconciler
from connectors.journal import note
from optimizer.errors import GatewayRefused, OptimizerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from connectors.actuator.outbox import Append
    from connectors.sqlite import Database
    from optimizer.ports import Gateway, Log

POLL_S = 0.1  # between looks at the log
_MOST_LOOKS = 20  # before the log is read again
_MOST_IN_VAIN = 3  # routes that find nobody, before a turn ends: it is the gateway that is gone


class Actuator:
    """Reconciles a gateway with the log of documents, a turn at a time; it decides nothing.

    Args:
        log: Where documents are read.
        gateway: Where they are brought.
        append: Adds records to the log's own input.
        state: What it remembers, from `open_state`; closed by who opened it.
        lease_s: How long a lease of the gateway holds, seconds.
        is_judged: Tells whether somebody still judges the rollouts; else no lease is renewed.
        clock: Gives nanoseconds since the epoch.
        timer: Gives seconds that no change of the clock can touch.
    """

    def __init__(
        self,
        log: Log,
        gateway: Gateway,
        append: Append,
        state: Database,
        *,
        lease_s: float = 300.0,
        is_judged: Callable[[], bool] = lambda: True,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - an edge: reports tell when
        timer: Callable[[], float] = time.monotonic,  # noqa: TID251 - an edge
    ) -> None:
        self._gateway = gateway
        self._timer = timer
        self._desired = Desired(log, state)
        self._outbox = Outbox(append, state, clock)
        self._reconciler = Reconciler(
            gateway,
            self._desired,
            self._outbox,
            life=str(clock()),
            lease_s=lease_s,
            is_judged=is_judged,
        )
        self._errands = {route: Errand(route=route) for route in self._desired.documents}
        self._listing = Errand(route="")  # to ask the gateway which routes it has
        self._complaints: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Take turns until told to stop; no fault of any other part ends it."""
        while not stop.is_set():
            pause = POLL_S
            try:
                pause = self.turn()
            except Exception as error:  # noqa: BLE001 - an edge: the others go on
                note("error", "actuator_failed", error=f"{type(error).__name__}: {error}")
                pause = 1.0
            stop.wait(pause)

    def turn(self) -> float:
        """Do what is due; give the seconds until the next turn."""
        with self._complained("log_unreadable"):
            self._desired.catch_up()
        while self._desired.news:
            route = self._desired.news.pop()
            errand = self._errands.setdefault(route, Errand(route=route))
            errand.due_s, errand.attempts = -math.inf, 0  # before whatever else is due
        self._list()
        self._look()
        with self._complained("reports_wait"):
            self._outbox.send()
        with self._complained("place_not_kept"):
            self._desired.keep()
        dues = [errand.due_s for errand in (*self._errands.values(), self._listing)]
        return min(POLL_S, max(0.0, min(dues) - self._timer()))

    def _look(self) -> None:
        """Look at the routes that are due: those first that nothing stood in the way of."""
        now_s, in_vain = self._timer(), 0
        due = [errand for errand in self._errands.values() if errand.due_s <= now_s]
        for errand in sorted(due, key=lambda one: (one.attempts, one.due_s))[:_MOST_LOOKS]:
            if in_vain == _MOST_IN_VAIN:
                return
            in_vain += not self._looked(errand)

    def _looked(self, errand: Errand) -> bool:
        """Look at a route, and settle when to look again; tell whether it could be done."""
        pause = None
        with self._complained("route_not_reconciled"), _foreseen(errand):
            pause = self._reconciler.look(errand)
        errand.due_s = self._timer() + (pause_s(errand) if pause is None else pause)
        return pause is not None

    def _list(self) -> None:
        """Ask once for the routes that the gateway has, so that each is looked at."""
        if self._listing.due_s > self._timer():
            return
        self._listing.attempts += 1
        self._listing.due_s = self._timer() + pause_s(self._listing)
        with self._complained("gateway_unreachable"):
            for route in self._gateway.routes():
                self._errands.setdefault(route, Errand(route=route))
            self._listing.due_s = math.inf

    @contextmanager
    def _complained(self, name: str) -> Iterator[None]:
        """Note that something does not answer: once until it does again."""
        try:
            yield
        except OptimizerError as error:
            self._complain(name, error)
        else:
            self._complaints.discard(name)

    def _complain(self, name: str, error: OptimizerError) -> None:
        if name not in self._complaints:
            self._complaints.add(name)
            note("warn", name, error=error)


@contextmanager
def _foreseen(errand: Errand) -> Iterator[None]:
    """Let a fault that nobody thought of be one of its route alone: the others go on."""
    try:
        yield
    except OptimizerError:
        raise
    except Exception as error:
        errand.attempts += 1
        raise GatewayRefused(f"{errand.route}: {type(error).__name__}: {error}") from error
