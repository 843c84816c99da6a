"""Whatever windows come, a step neither fails nor says what cannot be."""

from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from optimizer.controller import Controller, Observation, RouteState
from optimizer.decisions import TRANSITIONS, DecisionStatus, OptimizationDecision
from optimizer.findings import Finding
from optimizer.settings import RouteSettings, Settings, Thresholds
from optimizer.windows import WindowKind
from tests.builders import LENGTHS, ROUTE, PriceList, a_summary, an_arm, minutes_later

OLD, NEW = an_arm("gpt-4o"), an_arm("gpt-4o-mini", latency_p95_ms=1500.0)
PRICES = PriceList(gpt_4o=(2.5, 10.0), gpt_4o_mini=(0.15, 0.6))


@st.composite
def windows(draw, at, kind):
    calls = draw(st.sampled_from([0, 1, 2, 19, 20, 50, 5000]))
    good = calls - (errors := draw(st.integers(0, calls)))
    priced = draw(st.sampled_from([0, calls]))
    scores = draw(st.sampled_from([0, 1, 30, 1000]))
    metered = draw(st.sampled_from([0, 0, calls]))
    log = draw(st.floats(-2, 14)) if good and not metered else None
    return a_summary(
        kind=kind,
        end=at,
        arm=draw(st.sampled_from([OLD.id, NEW.id, "", "other"])),
        revision=draw(st.integers(0, 1)),
        calls=calls,
        errors=errors,
        latency_slow=draw(st.integers(0, good)),
        latency_log=log,
        latency_log_sd=draw(st.floats(0, 3)),
        latency_p95_ms=draw(st.floats(0.1, 1e6)) if good else None,
        priced=priced,
        cost_usd=priced * draw(st.sampled_from([0.0, 1e-9, 0.01, 100.0])),
        cost_log=draw(st.one_of(st.none(), st.floats(-7, 18))) if priced > metered else None,
        metered=metered,
        biased=draw(st.sampled_from([0, 0, calls])),
        tokens_in=draw(st.sampled_from([0, calls * 1000])),
        tokens_out=draw(st.sampled_from([0, calls * 250])),
        scores=scores,
        score_mean=draw(st.floats(0, 1)) if scores else None,
        score_sd=draw(st.floats(0, 0.5)),
    )


@st.composite
def lives(draw):
    """Some minutes of a route, some of them far apart."""
    minute, seen = 0, []
    for _ in range(draw(st.integers(1, 25))):
        minute += draw(st.sampled_from([1, 1, 1, 5, 60, 1500]))
        at = minutes_later(minute)
        kinds = [
            kind
            for kind, length in LENGTHS.items()
            if kind is WindowKind.SLIDING or minute % (length.seconds // 60) == 0
        ]
        summaries = [draw(windows(at, kind)) for kind in draw(st.lists(st.sampled_from(kinds)))]
        seen.append(Observation(route=ROUTE, at=at, summaries=tuple(summaries)))
    return seen


thresholds = st.builds(
    Thresholds,
    error_rate_pct=st.sampled_from([0.0, 5.0, 100.0]),
    quality_score_min=st.sampled_from([0.0, 0.7, 1.0]),
    quality_drop_pct=st.sampled_from([0.0, 10.0, 100.0]),
    latency_increase_pct=st.sampled_from([0.001, 20.0]),
)


def one_life(observations, limits):
    route = RouteSettings(route=ROUTE, incumbent=OLD, candidates=(NEW,), thresholds=limits)
    controller = Controller(replace(Settings(), routes=(route,)), PRICES)
    state, said = None, []
    for seen in observations:
        state, outputs = controller.step(state, seen)
        said += outputs
        packed = msgspec.msgpack.encode(state)
        assert msgspec.msgpack.decode(packed, type=RouteState) == state
    return said


@pytest.mark.slow
@hypothesis_settings(deadline=None, max_examples=80)
@given(lives(), thresholds)
def test_a_life_of_anything_gives_findings_and_decisions_that_can_be(observations, limits):
    said = one_life(observations, limits)
    for one in said:
        if isinstance(one, Finding):
            assert 0.0 <= one.confidence < 1.0
            assert one.since <= one.seen
            assert (one.until is not None) == (one.status.value == "closed")
            assert b"NaN" not in msgspec.json.encode(one)
    decisions = [one for one in said if isinstance(one, OptimizationDecision)]
    for decision in {one.id for one in decisions}:
        course = [one.status for one in decisions if one.id == decision]
        assert course[0] is DecisionStatus.PENDING
        assert all(after in TRANSITIONS[before] for before, after in pairwise(course))


@hypothesis_settings(deadline=None, max_examples=30)
@given(lives(), thresholds)
def test_the_same_life_is_told_the_same(observations, limits):
    assert one_life(observations, limits) == one_life(observations, limits)
