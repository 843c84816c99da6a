import numpy as np
import pytest

from optimizer.act.folding import Sight, fold
from optimizer.act.terms import MEANS, SHARES
from optimizer.statistics.sketch import bucket_of, log2_fixed
from tests.optimizer.act.a_rollout import ARMS, Made, rows_of


def bucket(latency_ms: float) -> int:
    return int(bucket_of(log2_fixed(np.array([int(latency_ms * 1e6)])))[0])


SIGHT = Sight(
    arms=ARMS,
    first_revision=5,
    revision=7,
    owned=10,
    slow_bucket=bucket(2000),
    limit_bucket=bucket(9000),
)
SMALL, LARGE = ARMS


def test_nothing_folds_to_nothing():
    folded = fold(None, SIGHT)
    assert not any(part.any() for part in (*folded.instant, *folded.minute))


def test_sums_become_natural_logs_and_scores():
    calls = [Made(SMALL, 7, 3, latency_ms=float(ms), score=ms / 4000) for ms in (500, 1000, 3000)]
    minute = fold(rows_of(calls), SIGHT).minute
    logs = np.log(np.array([500, 1000, 3000]) * 1e6)
    latency, quality = MEANS.index("latency"), MEANS.index("quality")
    assert minute.known[0, latency].tolist() == [3, 0]
    assert minute.total[0, latency, 0] == pytest.approx(logs.sum(), rel=1e-6)
    assert minute.square[0, latency, 0] == pytest.approx((logs**2).sum(), rel=1e-6)
    assert minute.total[0, quality, 0] == pytest.approx(4500 / 4000)
    assert minute.square[0, quality, 0] == pytest.approx((0.125**2 + 0.25**2 + 0.75**2), rel=1e-5)


def test_failed_and_slow_calls_are_counted_of_those_that_could_be():
    calls = [
        Made(LARGE, 7, 90, failed=True),
        Made(LARGE, 7, 91, latency_ms=2500),
        Made(LARGE, 7, 92),
    ]
    folded = fold(rows_of(calls), SIGHT)
    errors, slow = SHARES.index("errors"), SHARES.index("slow")
    assert (folded.minute.trials[0, errors, 1], folded.minute.hits[0, errors, 1]) == (3, 1)
    assert (folded.minute.trials[0, slow, 1], folded.minute.hits[0, slow, 1]) == (2, 1)
    assert folded.instant.failed[0].tolist() == [0, 1]
    assert folded.instant.beyond[0].tolist() == [0, 0]


def test_calls_of_other_revisions_are_no_evidence_but_limits_hold_for_the_rollout_s():
    calls = [Made(SMALL, revision, 3, latency_ms=9500) for revision in (4, 6, 7)]
    folded = fold(rows_of(calls), SIGHT)
    assert folded.minute.trials[0, 0].tolist() == [1, 0]
    assert folded.instant.calls[0].tolist() == [2, 0]
    assert folded.instant.beyond[0].tolist() == [2, 0]


def test_scores_of_earlier_steps_count():
    calls = [Made(SMALL, revision, 3, score=0.5) for revision in (4, 6, 7)]
    assert fold(rows_of(calls), SIGHT).minute.known[0, MEANS.index("quality"), 0] == 2


@pytest.mark.parametrize(
    ("call", "strays"),
    [
        pytest.param(Made(SMALL, 7, 9), 0, id="candidate on its slot"),
        pytest.param(Made(LARGE, 7, 10), 0, id="incumbent on its slot"),
        pytest.param(Made(SMALL, 7, 10), 1, id="candidate on the incumbent's"),
        pytest.param(Made(LARGE, 7, 9), 1, id="incumbent on the candidate's"),
        pytest.param(Made(LARGE, 6, 50), 1, id="an older document"),
        pytest.param(Made("other", 7, 50), 1, id="an arm of neither"),
        pytest.param(Made(LARGE, 7, -1), 0, id="no slot to tell by"),
    ],
)
def test_a_stray_is_a_call_where_the_document_does_not_send_it(call, strays):
    instant = fold(rows_of([call]), SIGHT).instant
    assert (instant.strays[0], instant.seen[0]) == (strays, 1)


def test_slots_are_summed_whatever_arm_their_calls_name():
    calls = [Made(SMALL, 7, 9), Made(LARGE, 7, 9), Made(LARGE, 7, 120, failed=True)]
    minute = fold(rows_of(calls), SIGHT).minute
    assert minute.slot_calls[0, 9].tolist() == [2, 2, 2, 0]
    assert minute.slot_calls[0, 120].tolist() == [1, 0, 0, 0]
    assert minute.slot_total[0, 120, 0] == 1
    assert minute.slot_total[0, 9, 1] == pytest.approx(2 * np.log(1e9), rel=1e-6)
