"""How a command is told to stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Let SIGTERM and SIGINT drain the job: it takes a snapshot, then ends; nothing is repeated."""
    stop = threading.Event()
    usual = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
