"""`llm-optimizer actuate`, and the same beside a live run: the actuator with all it is made of."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.actuator import Actuator, open_state
from connectors.actuator.judging import Judging
from connectors.api.documents_serving import keep_flags, open_server
from connectors.api.inputs import open_inputs
from connectors.api.opening import open_log_of, open_store
from connectors.api.opening_gateways import open_gateway
from connectors.configuration import load
from connectors.journal import note, open_journal
from dataflows.stopping import stop_on_signals
from optimizer.errors import OptimizerError, SettingsInvalid, StorageFailed
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from optimizer.ports import Gateway
    from optimizer.settings import Settings

STATE = "actuator.db"
_LOCK = "actuator.lock"
_WAIT_S = 0.5


def command(options: argparse.Namespace) -> int:
    """Bring documents to the gateway until told to stop."""
    settings = load(options.config, os.environ)
    open_journal(settings.observability.log_level, as_json=settings.observability.json_logging)
    _check(settings)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        _serve(stack, settings)
        note("info", "actuator_started", gateway=settings.gateway.kind)
        _actuate(settings, stop)
    note("info", "actuator_stopped", gateway=settings.gateway.kind)
    return 0


def beside(stack: ExitStack, settings: Settings) -> None:
    """Let a thread bring documents to the gateway as long as a stack is open, if there is one.

    Raises:
        SettingsInvalid: The gateway cannot be opened, or the log is nobody else's to read.
        GatewayUnreachable: Documents cannot be served where the settings say.
    """
    if settings.gateway.kind is GatewayKind.NONE:
        return
    _check(settings)
    _serve(stack, settings)
    stop = threading.Event()
    thread = threading.Thread(target=_without_harm, args=(settings, stop), name="actuator")
    stack.callback(thread.join)
    stack.callback(stop.set)
    thread.start()


def _check(settings: Settings) -> None:
    """Find, before anything begins, that the settings allow it."""
    open_gateway(settings)
    if settings.database.connection_string == "memory://" and not settings.kafka.log:
        fault = (
            f"gateway.kind is {settings.gateway.kind}: needs a log that outlives the process, and "
            "database.connection_string is memory:// (OPTIMIZER_DATABASE__CONNECTION_STRING)"
        )
        raise SettingsInvalid([fault])
    open_inputs(settings, ()).close()


def _serve(stack: ExitStack, settings: Settings) -> None:
    """Serve documents over HTTP if the settings say so; who waits for another actuator does too."""
    if server := open_server(settings.gateway):
        stack.callback(server.close)


def _without_harm(settings: Settings, stop: threading.Event) -> None:
    """Actuate; what cannot be opened is noted and tried again, and the job goes on meanwhile."""
    while not stop.is_set():
        try:
            _actuate(settings, stop)
        except (OptimizerError, OSError) as error:
            note("error", "actuator_failed", error=error)
            stop.wait(_WAIT_S)


def _actuate(settings: Settings, stop: threading.Event) -> None:
    data = Path(settings.service.data_dir)
    with ExitStack() as stack:
        if not stack.enter_context(_alone(data, stop)):
            return
        database, timeout = settings.database.connection_string, settings.database.timeout_secs
        log = stack.enter_context(closing(open_log_of(settings)))
        inputs = stack.enter_context(closing(open_inputs(settings, ())))
        store = stack.enter_context(closing(open_store(database, timeout)))
        state = stack.enter_context(closing(open_state(data / STATE, timeout)))
        judging = Judging(store, settings.recovery.interval_secs, time.monotonic)  # noqa: TID251
        actuator = Actuator(
            log,
            _open_gateway(stack, settings),
            inputs.append,
            state,
            lease_s=settings.gateway.lease_secs,
            is_judged=judging.goes_on,
        )
        actuator.run(stop)


def _open_gateway(stack: ExitStack, settings: Settings) -> Gateway:
    gateway = open_gateway(settings)
    if flags := keep_flags(gateway, settings.gateway):
        stack.callback(flags.close)
    return gateway


@contextmanager
def _alone(data: Path, stop: threading.Event) -> Iterator[bool]:
    """Wait until no other actuator works on a folder; tell whether that came to be.

    Raises:
        StorageFailed: The folder cannot be written to.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / _LOCK).open("a")
    except OSError as error:
        way_out = "name a folder this user may write to (OPTIMIZER_SERVICE__DATA_DIR)"
        raise StorageFailed(f"{data / _LOCK}: {error.strerror}: {way_out}") from error
    with lock:
        is_waiting = False
        while not stop.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not is_waiting:
                    note("info", "actuator_waits", until="the other one of this folder ends")
                is_waiting = True
                stop.wait(_WAIT_S)
            else:
                break
        yield not stop.is_set()
