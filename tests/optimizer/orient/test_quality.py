import pytest

from optimizer.findings import Severity
from optimizer.orient.quality import Quality
from optimizer.orient.signs import Memory, Truth
from optimizer.windows import WindowKind
from tests.builders import START, a_scene, a_summary, an_open_finding, minutes_later


def step(memory, at, *summaries, **changes):
    return Quality().step(memory, a_scene(at, *summaries, **changes))


def scored(mean, n=100, kind=WindowKind.QUARTER, at=START):
    return a_summary(kind=kind, end=at, scores=n, score_mean=mean, score_sd=0.3)


def rules(said):
    return [(one.rule, one.severity) for one in said]


@pytest.mark.parametrize(
    ("mean", "n", "found"),
    [
        pytest.param(0.2, 29, False, id="too few scores"),
        pytest.param(0.2, 30, True, id="poor"),
        pytest.param(0.65, 100, False, id="perhaps by chance"),
        pytest.param(0.65, 1000, True, id="no chance"),
        pytest.param(0.9, 1000, False, id="good"),
    ],
)
@pytest.mark.parametrize("kind", [WindowKind.QUARTER, WindowKind.HOUR])
def test_poor_scores_are_an_error_when_they_are_no_chance(kind, mean, n, found):
    assert rules(step(Memory(), START, scored(mean, n, kind))[1]) == (
        [("quality_min", Severity.ERROR)] * found
    )


@pytest.mark.parametrize(("mean", "truth"), [(0.69, Truth.UNSURE), (0.7, Truth.OFF)])
def test_scores_are_no_longer_poor_from_the_least_allowed_on(mean, truth):
    opened = [an_open_finding(rule="quality_min")]
    _, said = step(Memory(), START, scored(mean), opened=opened)
    assert [one.truth for one in said] == [truth]


def used_to(mean=0.85, quarters=96):
    memory = Memory()
    for quarter in range(quarters):
        at = minutes_later(15 * (quarter - quarters))
        memory, said = step(memory, at, scored(mean, 60, at=at))
        assert said == ()
    return memory


@pytest.mark.parametrize(
    ("mean", "n", "found"),
    [
        pytest.param(0.6, 49, False, id="too few scores"),
        pytest.param(0.6, 100, True, id="a quarter lower"),
        pytest.param(0.75, 100, False, id="may be chance"),
        pytest.param(0.72, 800, True, id="no chance"),
        pytest.param(0.79, 100_000, False, id="sure, but too small to matter"),
        pytest.param(1.0, 800, False, id="better"),
    ],
)
def test_lower_scores_than_usual_are_an_error_when_sure_and_large(mean, n, found):
    _, said = step(used_to(), START, scored(mean, n), quality_score_min=0.1)
    assert rules(said) == [("quality_drop", Severity.ERROR)] * found


def test_the_size_that_matters_is_the_routes():
    _, said = step(used_to(), START, scored(0.72, 800), quality_drop_pct=20.0)
    assert said == ()


def test_an_arm_without_scores_is_not_judged():
    nothing = a_summary(kind=WindowKind.QUARTER, scores=0)
    assert step(used_to(), START, nothing)[1] == ()
