from datetime import timedelta

import pytest

from optimizer.findings import Severity, finding_id
from tests.builders import ROUTE, START, a_finding, an_open_finding


def test_severities_rise_from_info_to_critical():
    assert [severity.value for severity in sorted(Severity, key=lambda one: one.rank)] == [
        "info",
        "warning",
        "error",
        "critical",
    ]


@pytest.mark.parametrize(
    ("severity", "pages"),
    [("info", False), ("warning", False), ("error", True), ("critical", True)],
)
def test_errors_and_worse_wake_a_person(severity, pages):
    assert Severity(severity).pages is pages


def test_an_id_depends_on_route_arm_rule_and_opening_and_on_nothing_else():
    names = [(ROUTE, "a", "error_rate", START), (ROUTE, "b", "error_rate", START)]
    names += [(ROUTE, "a", "latency_threshold", START), ("x/y/z", "a", "error_rate", START)]
    names += [(ROUTE, "a", "error_rate", START + timedelta(minutes=1))]
    assert len({finding_id(*name) for name in names}) == len(names)
    assert a_finding(confidence=0.5).id == a_finding(title="other").id


def test_what_is_remembered_of_a_finding_names_the_same_id():
    finding = a_finding()
    assert an_open_finding().id_on(ROUTE) == finding.id
