"""The story of a loop: a line for what a person would want to see happen, and no more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.api.story import Story
from optimizer.decisions import DecisionStatus
from optimizer.documents import Allotment
from optimizer.findings import FindingStatus
from optimizer.rollouts import Phase, Verdict, VerdictKind
from tests.builders import ROUTE, a_decision, a_document, a_finding, a_progress
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm

LARGE, SMALL = an_arm("large"), an_arm("small", 0.0)
WORLD = a_world(a_route(ROUTE, arms=(LARGE, SMALL)))
ARMS = {"incumbent": LARGE.arm.id, "candidate": SMALL.arm.id}


def told(capsys: pytest.CaptureFixture[str], *outputs, world=WORLD) -> list[str]:
    story = Story(world)
    for output in outputs:
        story.watch(output)
    story.close()
    return capsys.readouterr().out.splitlines()


def decision(status: DecisionStatus, reason: str = "why"):
    return a_decision(status=status, reason=reason, **ARMS)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (a_finding(title="It is slow"), "12:00  shop/answer  FOUND        It is slow"),
        (
            decision(DecisionStatus.PENDING),
            "12:00  shop/answer  PROPOSED     small instead of large",
        ),
        (
            decision(DecisionStatus.ROLLED_BACK, "harm: quality"),
            "12:00  shop/answer  ROLLED BACK  small: harm: quality",
        ),
        (decision(DecisionStatus.DEPLOYED), "12:00  shop/answer  REVERTED     small: why"),
        (
            a_document(
                revision=7,
                allotments=(
                    Allotment(arm=SMALL.arm.id, slots=10),
                    Allotment(arm="another", slots=190),
                ),
            ),
            "12:00  shop/answer  DOCUMENT     revision 7: 5% small, 95% another",
        ),
    ],
)
def test_what_happens_is_a_line_in_the_names_of_the_world(output, line, capsys) -> None:
    assert told(capsys, output) == [line]


def test_days_are_told_where_there_are_several(capsys) -> None:
    days = replace(WORLD, length=timedelta(days=2))
    (line,) = told(capsys, a_finding(title="It is slow"), world=days)
    assert line.startswith("03-03 12:00  shop/answer")


def test_what_went_step_by_step_is_promoted(capsys) -> None:
    deployed = decision(DecisionStatus.DEPLOYED)
    shares = tuple(Allotment(arm=arm.arm.id, slots=100) for arm in (SMALL, LARGE))
    step = a_document(decision_id=deployed.id, allotments=shares)
    assert told(capsys, step, deployed)[1:] == ["12:00  shop/answer  PROMOTED     small: why"]


@pytest.mark.parametrize(
    "output",
    [
        a_finding(status=FindingStatus.CLOSED),
        decision(DecisionStatus.VALIDATING),
        decision(DecisionStatus.DEPLOYING),
        decision(DecisionStatus.MONITORING),
        a_progress(verdict=Verdict(kind=VerdictKind.NEED_DATA, reason="few_units")),
        a_progress(verdict=Verdict(kind=VerdictKind.FAIL, reason="harm")),
    ],
)
def test_what_is_no_news_or_told_by_another_line_is_left_out(output, capsys) -> None:
    assert told(capsys, output) == []


def test_what_passed_is_told_once_a_step_and_what_holds_it_up_once(capsys) -> None:
    passed = Verdict(kind=VerdictKind.PASS, reason="passed", detail="latency -18%")
    paused = Verdict(kind=VerdictKind.PAUSE, reason="common_cause", metric="errors")
    step = a_progress(verdict=passed, candidate_calls=40, step=1, phase=Phase.ROLLING_OUT)
    more = replace(step, candidate_calls=60)
    held = replace(more, verdict=paused)
    assert told(capsys, step, more, held, held, more, replace(step, step=2)) == [
        "12:00  shop/answer  PASS         latency -18%",
        "12:00  shop/answer  PAUSE        common_cause errors",
        "12:00  shop/answer  PASS         latency -18%",
    ]
