"""A way over loopback TCP that goes wrong: it delays, cuts, goes silent or loses the end."""

from __future__ import annotations

import random
import socket
import struct
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 14
_RESET = struct.pack("ii", 1, 0)  # hanging up with it sends a reset


class Kind(StrEnum):
    """What goes wrong with a connection."""

    DELAY = "delay"  # each piece comes late
    DRIP = "drip"  # each byte comes late
    CUT = "cut"  # after so many bytes both sides are reset
    HALF_OPEN = "half_open"  # after so many bytes nothing more comes, and nobody hangs up
    DROP = "drop"  # after so many bytes the sender seems to hang up in peace


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, on one connection.

    Attributes:
        kind: What.
        after: After how many bytes.
        is_back: They are counted, and lost, on the way back; else on the way there.
        seconds: How long each piece, or byte, is delayed.
    """

    kind: Kind
    after: int = 0
    is_back: bool = True
    seconds: float = 0.0

    @property
    def is_slow(self) -> bool:
        """Nothing is lost, if one waits."""
        return self.kind in {Kind.DELAY, Kind.DRIP}

    def __str__(self) -> str:
        return f"{self.kind}-{'answer' if self.is_back else 'request'}-{self.after}"


EVERY = tuple(
    Fault(kind, after, is_back)
    for kind in (Kind.CUT, Kind.HALF_OPEN, Kind.DROP)
    for after in (0, 1, 40, 400)  # nothing, a byte, in the head, in the body
    for is_back in (False, True)
)


class FaultyWay:
    """Listens on loopback and passes connections on to a port there.

    Args:
        port: Where they go.

    Attributes:
        faults: What the next connections suffer, one each; None lets one pass, and so does the end.
        taken: How many connections there were.
        address: Where it listens, as an address of HTTP.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.faults: Iterator[Fault | None] = iter(())
        self.taken = 0
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Let nobody through any more."""
        self._is_closed = True
        for one in (self._listener, *self._held):
            _end(one, socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.taken += 1
                fault = next(self.faults, None)
            try:
                far = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                far.settimeout(None)
            except OSError:  # nobody is there: nobody is here
                _reset(near)
                continue
            self._held += [near, far]
            if self._is_closed:
                self.close()
                return
            for start, end, is_back in ((near, far, False), (far, near, True)):
                mine = fault if fault and fault.is_back == is_back else None
                threading.Thread(target=_pass_on, args=(start, end, mine), daemon=True).start()


def some_of(seed: int, share: float = 0.2, wait_s: float = 0.02) -> Iterator[Fault | None]:
    """Draw faults for ever: each connection suffers one with a probability."""
    chance = random.Random(seed)
    delays = [Fault(Kind.DELAY, 0, is_back, wait_s) for is_back in (False, True)]
    while True:
        yield chance.choice([*EVERY, *delays]) if chance.random() < share else None


def _pass_on(start: socket.socket, end: socket.socket, fault: Fault | None) -> None:
    """Pass bytes on in one direction until it ends, or goes wrong."""
    passed = 0
    try:
        while True:
            if fault and not fault.is_slow and passed >= fault.after:
                _go_wrong(start, end, fault)
                return
            data = start.recv(_most(fault, passed))
            if not data:
                _end(end, socket.SHUT_WR)
                return
            if fault and fault.is_slow:
                threading.Event().wait(fault.seconds)
            end.sendall(data)
            passed += len(data)
    except OSError:  # one of both has gone
        _end(start, socket.SHUT_RDWR)
        _end(end, socket.SHUT_RDWR)


def _most(fault: Fault | None, passed: int) -> int:
    if fault is None or fault.kind is Kind.DELAY:
        return _PIECE
    return 1 if fault.kind is Kind.DRIP else fault.after - passed


def _go_wrong(start: socket.socket, end: socket.socket, fault: Fault) -> None:
    match fault.kind:
        case Kind.CUT:
            _reset(start)
            _reset(end)
        case Kind.DROP:
            _end(end, socket.SHUT_WR)
            while start.recv(_PIECE):  # the sender never learns of it
                pass
        case Kind.HALF_OPEN:
            while start.recv(_PIECE):
                pass


def _reset(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:  # it has gone already
        return
    _end(one, socket.SHUT_RD)  # wakes who reads there, and sends nothing
    one.close()


def _end(one: socket.socket, how: int) -> None:
    try:
        one.shutdown(how)
    except OSError:  # it has gone already
        return
