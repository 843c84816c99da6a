"""`llm-optimizer run`: the job on live telemetry, kept as a recording as it comes."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.api.console import Console
from connectors.api.opening import open_log_of, open_store
from connectors.configuration import load, located
from connectors.dead_letters import DeadLetterStore
from connectors.dead_letters.store import FILE as LETTERS
from connectors.journal import note, open_journal
from connectors.publisher import Publisher
from dataflows import actuate
from dataflows.alone import hold
from dataflows.followed import followed
from dataflows.fresh import check_fresh
from dataflows.optimize import Job, execute
from dataflows.recovery import begun_with, recovery_at
from dataflows.sources import Sources
from dataflows.stopping import stop_on_signals
from optimizer.decide.autonomy import asked_for, most_autonomy
from optimizer.errors import SettingsInvalid
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    import argparse
    import threading
    from collections.abc import Callable, Iterator

    from dataflows.sources import One
    from optimizer.settings import Settings


def command(options: argparse.Namespace) -> int:
    """Follow live telemetry until told to stop."""
    settings = located(load(options.config, os.environ), options.config)
    inputs = _inputs(settings)
    open_journal(settings.observability.log_level, as_json=settings.observability.json_logging)
    data = Path(settings.service.data_dir)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        is_held = hold(stack, settings)
        check_fresh(settings)
        console = stack.enter_context(Console(options.output, options.windows))
        source = _source(stack, settings, data, stop)
        publisher = open_publisher(stack, settings, data, partial(_watch, console, set()))
        actuate.beside(stack, settings, is_held=is_held)
        note("info", "job_started", input=inputs, data_dir=data)
        _note_cap(settings)
        if source.partitions:  # none when told to stop while it waited for a topic
            recovery = data / "recovery"
            execute(Job(settings=settings, source=source, publisher=publisher, recovery=recovery))
    note("info", "job_stopped", input=inputs)
    return 0


def _note_cap(settings: Settings) -> None:
    """Say so where less is done alone than was asked for."""
    asked, allowed = asked_for(settings), most_autonomy(settings)
    if asked is not allowed:
        because = "stamps need not be signed (stamps.check, stamps.unsigned_autonomy)"
        note("warn", "autonomy_capped", asked=asked, allowed=allowed, because=because)


def _inputs(settings: Settings) -> str:
    """Name what is read.

    Raises:
        SettingsInvalid: Nothing is.
    """
    clusters = (settings.kafka.brokers, settings.integrations.sentinel_kafka_brokers)
    brokers = [broker for cluster in clusters for broker in cluster or ()]
    host, port = settings.input.otlp_http_host, settings.input.otlp_http_port
    received = [] if port is None else [f"otlp on {host}:{port}"]
    inputs = [*filter(None, [settings.input.path]), *received, *brokers]
    if not inputs:
        fault = (
            "input.path is not set, nor input.otlp_http_port, nor kafka.brokers: name the file or "
            "folder to follow (OPTIMIZER_INPUT__PATH), a port to receive on "
            "(OPTIMIZER_INPUT__OTLP_HTTP_PORT), or brokers to read from (OPTIMIZER_KAFKA__BROKERS)"
        )
        raise SettingsInvalid([fault])
    return ",".join(inputs)


def _names(settings: Settings) -> Iterator[str]:
    """Name the kinds of input that are read."""
    if settings.input.is_live:
        yield "input"
    if settings.kafka.brokers:
        yield "kafka"
    if settings.integrations.sentinel_kafka_brokers:
        yield "sentinel"


def _watch(console: Console, told: set[str], output: Any) -> None:
    """Let the console see an output, and the journal what it is to hold; each reason once."""
    console.watch(output)
    match output:
        case DeadLetter() if output.reason not in told:
            told.add(output.reason)
            note(
                "warn",
                "set_aside",
                partition=output.partition,
                offset=output.offset,
                reason=output.reason,
                detail=output.detail,
            )
        case Ledger():
            note("debug", "minute_passed", partition=output.partition, **output.counts)
            for warning in set(console.warnings()) - told:
                told.add(warning)
                note("warn", "telemetry_doubted", detail=warning)
        case WindowSummary():
            note("trace", "window_closed", route=output.route, arm=output.arm, kind=output.kind)


def _source(
    stack: ExitStack, settings: Settings, data: Path, stop: threading.Event
) -> One | Sources:
    """Open all that the settings name as input."""
    sources: list[One] = []
    if settings.input.is_live:
        sources.append(followed(stack, settings, data, stop))
    recovery = data / "recovery"
    recovery_at(recovery, settings.stream.shard_groups)
    begun = begun_with(recovery, _names(settings))
    if settings.kafka.brokers or settings.integrations.sentinel_kafka_brokers:
        from dataflows.kafka import kafka_sources  # noqa: PLC0415 - only who reads Kafka loads it

        sources += kafka_sources(stack, settings, recovery, stop, begun)
    return sources[0] if len(sources) == 1 else Sources(sources)


def open_publisher(
    stack: ExitStack,
    settings: Settings,
    data: Path,
    watch: Callable[[Any], None],
) -> Publisher:
    """Open log, dead letters and store for as long as the stack is open."""
    database, timeout = settings.database.connection_string, settings.database.timeout_secs
    letters = None if database == "memory://" else data / LETTERS
    return Publisher(
        stack.enter_context(closing(open_log_of(settings))),
        stack.enter_context(closing(DeadLetterStore(letters, settings.dead_letters, timeout))),
        stack.enter_context(closing(open_store(database, timeout))),
        settings.service.name,
        watch,
        tell_letters=settings.kafka.log,
    )
