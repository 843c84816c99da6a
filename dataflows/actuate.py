"""`llm-optimizer actuate`, and the same beside a live run: the actuator with all it is made of."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, closing
from functools import partial
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
from dataflows.alone import alone, data_lock, documents_lock, hold
from dataflows.stopping import stop_on_signals
from optimizer.errors import OptimizerError, SettingsInvalid
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import argparse

    from optimizer.ports import Gateway
    from optimizer.settings import Settings

STATE = "actuator.db"
_WAIT_S = 0.5


def command(options: argparse.Namespace) -> int:
    """Bring documents to the gateway until told to stop."""
    settings = load(options.config, os.environ)
    open_journal(settings.observability.log_level, as_json=settings.observability.json_logging)
    _check(settings)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        is_held = hold(stack, settings)
        _serve(stack, settings)
        note("info", "actuator_started", gateway=settings.gateway.kind)
        _actuate(settings, stop, is_held=is_held)
    note("info", "actuator_stopped", gateway=settings.gateway.kind)
    return 0


def beside(stack: ExitStack, settings: Settings, *, is_held: bool) -> None:
    """Let a thread bring documents to the gateway as long as a stack is open, if there is one.

    Args:
        stack: The stack.
        settings: The settings in force.
        is_held: Whether `alone.hold` holds what the gateway needs held.

    Raises:
        SettingsInvalid: The gateway cannot be opened, or the log is nobody else's to read.
        GatewayUnreachable: Documents cannot be served where the settings say.
    """
    if settings.gateway.kind is GatewayKind.NONE:
        return
    _check(settings)
    _serve(stack, settings)
    stop = threading.Event()
    work = partial(_without_harm, settings, stop, is_held=is_held)
    thread = threading.Thread(target=work, name="actuator")
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


def _without_harm(settings: Settings, stop: threading.Event, *, is_held: bool) -> None:
    """Actuate; what cannot be opened is noted and tried again, and the job goes on meanwhile."""
    while not stop.is_set():
        try:
            _actuate(settings, stop, is_held=is_held)
        except (OptimizerError, OSError) as error:
            note("error", "actuator_failed", error=error)
            stop.wait(_WAIT_S)


def _actuate(settings: Settings, stop: threading.Event, *, is_held: bool) -> None:
    data = Path(settings.service.data_dir)
    with ExitStack() as stack:
        locks = [] if is_held else [documents_lock(settings)]  # in this order, as `hold` did
        for lock in (*locks, data_lock(settings)):
            if not stack.enter_context(alone(lock, stop)):
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
