"""Signals: what is worth knowing about a candidate and undoes nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.act.minutes import SLOT_KINDS
from optimizer.act.terms import METRICS, SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.act.bill import Bill
    from optimizer.act.trials import Trials

_COST = SLOT_KINDS.index("cost")


def signals_of(trials: Trials, bill: Bill) -> tuple[str, ...]:
    """Say which metrics that are not judged by have surely got worse; empty for none."""
    return (*_metrics(trials), *_bill(trials, bill))


def _metrics(trials: Trials) -> Iterator[str]:
    level = -math.log(trials.gates.terms.alpha)
    logs = trials.gates.log_harm()[0]
    for metric in METRICS:
        if metric in SIGNALS and logs[METRICS.index(metric)] >= level:
            effect = trials.gates.contrast.effects().value[0, 0, METRICS.index(metric)]
            yield f"{metric} {math.expm1(float(effect)):+.1%}"


def _bill(trials: Trials, bill: Bill) -> Iterator[str]:
    gate = trials.gates.terms.gate("cost")
    if gate is None:
        return
    change = bill.change(float(trials.gates.clusters.design()[0, _COST]), gate.margin)
    beyond = change is not None and change.log_proof >= -math.log(trials.gates.terms.alpha)
    if change is not None and beyond and change.ratio > gate.tolerated:
        yield f"mean cost of a call, outliers capped, {change.ratio:+.1%}"
