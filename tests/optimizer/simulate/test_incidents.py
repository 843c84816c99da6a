"""Incidents: where they reach, and what several do together."""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, strategies as st

from optimizer.simulate.incidents import (
    Incident,
    IncidentKind,
    concerning,
    levels,
    nanoseconds,
    steps,
)
from tests.optimizer.simulate.a_world import an_incident

LENGTH = timedelta(hours=10)
SECONDS = st.integers(0, 10 * 3600 - 1)


@st.composite
def incidents(draw: st.DrawFn, *, values: bool = True) -> Incident:
    amount = draw(st.floats(0, 10))
    replaces = values and draw(st.booleans())
    return an_incident(
        IncidentKind.ERRORS,
        start=timedelta(seconds=draw(SECONDS)),
        length=timedelta(seconds=draw(st.integers(1, 5 * 3600))),
        factor=None if replaces else amount,
        value=amount if replaces else None,
    )


INSTANTS = st.lists(SECONDS, min_size=1, max_size=50).map(
    lambda found: np.array(found, np.int64) * 1_000_000_000
)


def active(incident: Incident, at_ns: int) -> bool:
    return nanoseconds(incident.start) <= at_ns < nanoseconds(incident.end)


@given(st.lists(incidents(), max_size=4), INSTANTS, st.floats(0, 1))
def test_outside_of_all_incidents_nothing_changes(planted, at_ns, base):
    found = levels(base, planted, at_ns)
    outside = [not any(active(item, at) for item in planted) for at in at_ns.tolist()]
    assert found[outside].tolist() == [base] * sum(outside)


@given(st.lists(incidents(values=False), max_size=4), INSTANTS)
def test_factors_that_are_in_force_together_multiply(planted, at_ns):
    found = levels(1.0, planted, at_ns)
    for at, level in zip(at_ns.tolist(), found.tolist(), strict=True):
        inside = [item.factor for item in planted if active(item, at)]
        assert level == pytest.approx(float(np.prod(inside)))


@given(st.lists(incidents(values=False), max_size=4), INSTANTS, st.randoms())
def test_the_order_in_which_factors_are_written_does_not_matter(planted, at_ns, random):
    shuffled = random.sample(planted, len(planted))
    assert np.allclose(levels(1.0, planted, at_ns), levels(1.0, shuffled, at_ns))


@given(incidents(), st.integers(1, 5 * 3600 - 1), INSTANTS, st.floats(0, 1))
def test_two_halves_that_adjoin_are_the_whole(incident, first_s, at_ns, base):
    cut = min(timedelta(seconds=first_s), incident.length - timedelta(milliseconds=1))
    amounts = {"factor": incident.factor, "value": incident.value}
    halves = [
        an_incident(incident.kind, start=incident.start, length=cut, **amounts),
        an_incident(
            incident.kind, start=incident.start + cut, length=incident.length - cut, **amounts
        ),
    ]
    assert np.array_equal(levels(base, halves, at_ns), levels(base, [incident], at_ns))


@given(st.floats(0, 5), st.floats(0, 5), INSTANTS)
def test_of_two_values_the_one_that_began_later_holds(early, late, at_ns):
    whole = {"length": timedelta(hours=20)}
    first = an_incident(IncidentKind.ERRORS, start=timedelta(), value=early, **whole)
    last = an_incident(IncidentKind.ERRORS, start=LENGTH, value=late, **whole)
    at_ns = at_ns + nanoseconds(LENGTH)
    assert levels(0.5, [last, first], at_ns).tolist() == [late] * len(at_ns)


@given(st.lists(incidents(values=False), max_size=5), INSTANTS)
def test_the_steps_say_the_same_as_the_levels(planted, at_ns):
    changes = steps(planted, LENGTH)
    since = [nanoseconds(at) for at, _ in changes]
    places = np.searchsorted(since, at_ns, side="right") - 1
    stepped = np.array([factor for _, factor in changes])[places]
    assert np.array_equal(stepped, levels(1.0, planted, at_ns))


@given(st.lists(incidents(values=False), max_size=5))
def test_the_steps_begin_at_the_start_and_change_at_each_entry(planted):
    changes = steps(planted, LENGTH)
    assert changes[0][0] == timedelta()
    assert [at for at, _ in changes] == sorted({at for at, _ in changes})
    assert all(before[1] != after[1] for before, after in itertools.pairwise(changes))


@pytest.mark.parametrize(
    ("at_s", "level"),
    [
        pytest.param(3599.999999999, 1, id="the last instant before it"),
        pytest.param(3600, 3, id="its first instant"),
        pytest.param(4799.999999999, 3, id="its last instant"),
        pytest.param(4800, 1, id="the first instant after it"),
    ],
)
def test_an_incident_holds_its_start_and_not_its_end(at_s, level):
    incident = an_incident(IncidentKind.LATENCY, factor=3.0)
    at_ns = np.array([round(at_s * 1e9)], np.int64)
    assert levels(1.0, [incident], at_ns).tolist() == [level]


@pytest.mark.parametrize(
    ("arm", "asked", "concerned"),
    [("", "large", True), ("", "", True), ("large", "large", True), ("large", "small", False)],
)
def test_an_incident_concerns_its_arm_or_without_one_all(arm, asked, concerned):
    planted = [an_incident(IncidentKind.LATENCY, arm=arm, factor=3.0)]
    found = concerning(planted, IncidentKind.LATENCY, planted[0].route, asked)
    assert found == (planted if concerned else [])
    assert concerning(planted, IncidentKind.ERRORS, planted[0].route, asked) == []
    assert concerning(planted, IncidentKind.LATENCY, "acme/other/route", asked) == []
