"""A case to decide: a slow, dear incumbent and two candidates."""

from __future__ import annotations

from dataclasses import replace

from optimizer.decide.case import Case, Served
from optimizer.decide.costing import Mix
from optimizer.models import ModelPerformanceProfile
from optimizer.settings import RouteSettings, Settings
from tests.builders import ROUTE, START, PriceList, an_arm, an_open_finding

OLD = an_arm("gpt-4o")
FAST = an_arm("gpt-4o-mini", latency_p95_ms=1500.0)
CHEAP = an_arm("haiku")
PRICES = PriceList(gpt_4o=(2.5, 10.0), gpt_4o_mini=(0.15, 0.6), haiku=(0.1, 0.4))


def served(arm=OLD, **changes):
    """An hour of an arm: 3,600 calls, p95 6 s, half a cent each, scored .8."""
    profile = {
        "model_id": arm.id,
        "p95_latency_ms": 6000.0,
        "quality_score": 0.8,
        "error_rate": 0.01,
        "calls": 3600,
        "last_updated": START,
    }
    profile |= {name: changes.pop(name) for name in profile if name in changes}
    values = {
        "profile": ModelPerformanceProfile(**profile),
        "mix": Mix(1000.0, 250.0, 0.0),
        "calls_per_hour": 3600.0,
        "cost_usd": 0.005,
        "latency_log_sd": 0.6,
        "scores": 700,
        "score_sd": 0.3,
    }
    return Served(**(values | changes))


def a_case(*findings, **changes):
    """The incumbent breaks its latency limit, unless other findings are given."""
    settings = changes.pop("settings", Settings())
    route = RouteSettings(
        route=ROUTE, incumbent=changes.pop("listed", OLD), candidates=(FAST, CHEAP)
    )
    values = {
        "at": START,
        "route": route,
        "settings": settings,
        "incumbent": OLD.id,
        "served": {OLD.id: served()},
        "findings": findings or (a_finding_on(OLD),),
        "prices": PRICES.history,
    }
    return Case(**(values | changes))


def a_finding_on(arm, rule="latency_threshold", **changes):
    return an_open_finding(rule=rule, arm=arm.id if arm else "", **changes)


def with_decisions(**changes):
    settings = Settings()
    return replace(settings, decisions=replace(settings.decisions, **changes))


def with_constraints(**changes):
    settings = Settings()
    return replace(settings, constraints=replace(settings.constraints, **changes))
