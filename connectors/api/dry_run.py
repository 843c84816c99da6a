"""What approving a decision would put out, without approving it."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.api.looking import database_of
from connectors.api.opening import open_store
from connectors.codecs import from_json
from connectors.configuration import load
from optimizer.act.desired import at_rest, shared
from optimizer.act.profiles import PROFILES
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import NotFound

if TYPE_CHECKING:
    import argparse

    from optimizer.models import Arm
    from optimizer.ports import Store
    from optimizer.settings import Settings


def first_document(options: argparse.Namespace) -> Document:
    """Give the document that approving the decision would put out at this moment.

    Its number is what it would be if nobody else wrote to the gateway meanwhile.

    Raises:
        NotFound: There is no such decision, it cannot start, or its arms are not declared.
    """
    settings = load(options.config, os.environ)
    with closing(open_store(*database_of(options))) as store:
        decision = _decision(store, options.dry_run)
        rest = newest_document(store, decision.route) or _today(decision, settings)
    if rest.leased:
        raise NotFound(f"{decision.route} has a rollout in progress: nothing starts before its end")
    return shared(
        rest,
        _arm(decision.candidate, decision.route, settings),
        PROFILES[settings.decisions.risk_profile].ladder[0],
        rest.revision + 1,
        datetime.now(UTC),  # noqa: TID251 - an edge: it would be approved now
        decision_id=decision.id,
    )


def newest_document(store: Store, route: str) -> Document | None:
    """Give the newest document of a route; None for none."""
    row = store.get("documents", route)
    return None if row is None else from_json(Document, row.value)


def _decision(store: Store, beginning: str) -> OptimizationDecision:
    rows = list(store.scan("decisions", prefix=beginning, limit=2))
    if len(rows) != 1:
        told = "several decisions begin" if rows else "no decision begins"
        raise NotFound(f"{told} with {beginning!r}: see `llm-optimizer decisions list`")
    decision = from_json(OptimizationDecision, rows[0].value)
    if decision.status is not DecisionStatus.PENDING:
        raise NotFound(f"{decision.id} is {decision.status}: only a pending decision can start")
    return decision


def _today(decision: OptimizationDecision, settings: Settings) -> Document:
    """Give what would stand before the rollout where there is no document yet."""
    return at_rest(
        decision.route,
        _arm(decision.incumbent, decision.route, settings),
        1,
        decision.updated_at,
        unit=settings.rollout.unit,
        reason="what serves it today",
    )


def _arm(name: str, route: str, settings: Settings) -> Arm:
    declared = next((one for one in settings.routes if one.route == route), None)
    arms = (declared.incumbent, *declared.candidates) if declared else ()
    for arm in arms:
        if arm is not None and arm.id == name:
            return arm
    raise NotFound(f"the settings declare no arm {name} of {route}: --config names their file")
