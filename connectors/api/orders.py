"""`llm-optimizer orders`: an order appended for the live run to take up, and what came of it."""

from __future__ import annotations

import getpass
import os
import sys
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from connectors.api import rendering
from connectors.api.answers import Answers
from connectors.api.inputs import open_inputs
from connectors.api.looking import RUN_FIRST, database_in, only, print_lines
from connectors.api.opening import open_log_of, open_store
from connectors.api.rollouts import document_of, progress_of
from connectors.codecs import from_json, read_event, to_json
from connectors.commands import as_record
from connectors.configuration import load
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.errors import NotFound, SettingsInvalid
from optimizer.events import (
    EVERYWHERE,
    EventSource,
    EventType,
    FeedbackEvent,
    Order,
    OrderAction,
    is_wide,
)
from optimizer.rollouts import Phase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from optimizer.ports import Store
    from optimizer.settings import Settings

_SHORT = 8  # digits of an id that are told
_SILENT_S = 180  # a run that has told of no minute for so long may not be running
_ANSWERS = {OrderAction.APPROVE, OrderAction.REJECT}
# What makes things safer is not refused because something has changed meanwhile.
_WITH_REVISION = _ANSWERS | {OrderAction.PIN, OrderAction.UNPIN, OrderAction.RESUME}


def giving(options: argparse.Namespace) -> int:
    """Give one order; wait for what comes of it where that is asked for."""
    settings = load(options.config, os.environ)
    with ExitStack() as stack:
        database = database_in(settings, way_out=RUN_FIRST)
        store = stack.enter_context(closing(open_store(*database)))
        event = _event(_order(options, store))
        order = event.data
        assert isinstance(order, Order)  # noqa: S101 - for the type checker
        print_lines(_concerned(store, order))
        answers = None
        if options.wait:
            log = stack.enter_context(closing(open_log_of(settings)))
            answers = Answers(log, event)
        _append(settings, event)
        _warn_if_silent(store)
        return 0 if answers is None else _told(answers, store, order, options.wait)


def _order(options: argparse.Namespace, store: Store) -> Order:
    """Fill in what the views know: the decision, its route, the revision that is seen."""
    action = OrderAction(options.action)
    target = EVERYWHERE if options.everything else options.target
    if target == EVERYWHERE and not options.yes:
        fault = "stop --everything puts every route back to its incumbent: add --yes to do it"
        raise SettingsInvalid([fault])
    route, decision_id = target, ""
    rolls_back = action is OrderAction.ROLL_BACK
    if action in _ANSWERS or (rolls_back and "/" not in target):
        decision = from_json(OptimizationDecision, only(store, target).value)
        _check_pending(action, decision)
        route, decision_id = decision.route, decision.id
    elif rolls_back:
        decision_id = _rolling(store, route)
    return Order(
        route=route,
        action=action,
        decision_id=decision_id,
        revision=_seen(store, route) if action in _WITH_REVISION else None,
        author=_login() if options.author is None else options.author,
        reason=options.reason,
    )


def _check_pending(action: OrderAction, decision: OptimizationDecision) -> None:
    if action in _ANSWERS and decision.status is not DecisionStatus.PENDING:
        reason = f" ({decision.reason})" if decision.reason else ""
        raise NotFound(
            f"decision {decision.id} is {decision.status}{reason}: only a pending one is answered; "
            "see `llm-optimizer decisions list --status pending`"
        )


def _rolling(store: Store, route: str) -> str:
    """Name the decision that is being rolled out; `""` leaves it to the run to say what is."""
    progress = progress_of(store, route)
    on_its_way = progress is not None and progress.phase in {Phase.ROLLING_OUT, Phase.HOLDBACK}
    return progress.decision_id if progress and on_its_way else ""


def _seen(store: Store, route: str) -> int | None:
    """Give the revision in force, 0 for none; several routes have none in common."""
    if is_wide(route):
        return None
    document = document_of(store, route)
    return document.revision if document else 0


def _event(order: Order) -> FeedbackEvent:
    event = FeedbackEvent(
        id=str(uuid4()),
        timestamp=datetime.now(UTC),  # noqa: TID251 - an edge: the order is given now
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=order,
    )
    return read_event(to_json(event))  # so that what the run would refuse is refused here


def _concerned(store: Store, order: Order) -> Iterator[str]:
    """Tell what an order is about, as the views show it."""
    if order.decision_id and (row := store.get("decisions", order.decision_id)):
        yield rendering.as_line(from_json(OptimizationDecision, row.value))
    if is_wide(order.route):
        return
    progress, document = progress_of(store, order.route), document_of(store, order.route)
    if progress and progress.phase is not Phase.ENDED:
        yield rendering.as_line(progress)
    if document:
        yield rendering.as_line(document)
    if not (document or order.decision_id or _is_known(store, order.route)):
        yield f"{order.route}: no call was seen yet"


def _is_known(store: Store, route: str) -> bool:
    return next(store.scan("windows", f"{route}|", 1), None) is not None


def _append(settings: Settings, event: FeedbackEvent) -> None:
    """Append an order to what the live run reads."""
    record = as_record(event, time.time_ns())  # noqa: TID251 - an edge: it is appended now
    with closing(open_inputs(settings, ())) as inputs:
        inputs.append([record])
        print_lines([f"order {event.id[:_SHORT]} appended to {inputs.name}"])


def _warn_if_silent(store: Store) -> None:
    """Say so where the run has told of no minute lately: it may not be there to obey."""
    newest = next(store.scan("ledgers", limit=1), None)
    now_s = time.time()  # noqa: TID251 - an edge: silence is told by the clock
    if newest is None:
        _warn("no run has told of a minute yet: the order waits until one runs")
    elif now_s - int(newest.order) / 1e9 > _SILENT_S:
        heard = datetime.fromtimestamp(int(newest.order) // 10**9, UTC)
        _warn(f"the run last told of {heard:%Y-%m-%d %H:%M}: the order waits until it goes on")


def _warn(words: str) -> None:
    sys.stderr.write(f"llm-optimizer: {words}\n")


def _told(answers: Answers, store: Store, order: Order, wait_s: int) -> int:
    """Print what came of an order; the exit code says whether it was carried out."""
    found = answers.wait(wait_s)
    if not found:
        _warn(
            f"nobody obeyed within {wait_s} s: is `llm-optimizer run` running on these settings? "
            "Else see `llm-optimizer dead-letters list`"
        )
        return 1
    print_lines(map(rendering.as_line, found))
    if order.decision_id and (row := store.get("decisions", order.decision_id)):
        print_lines([rendering.as_line(from_json(OptimizationDecision, row.value))])
    return 1 if any(map(answers.is_refusal, found)) else 0


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return ""
