import pytest

from optimizer.orient.pooling import pooled
from optimizer.orient.records import MOST_ARMS, busiest, is_gone, profile, record
from optimizer.windows import WindowKind
from tests.builders import ARM, a_summary, minutes_later

SLIDING, QUARTER, HOUR = WindowKind.SLIDING, WindowKind.QUARTER, WindowKind.HOUR


def minute_of(minute):
    return int(minutes_later(minute).timestamp()) // 60


def keep(records, minute, *summaries):
    return record(records, pooled(summaries), minute_of(minute))


def served(minutes, arm=ARM, start=0):
    """Give the records after so many minutes of an arm."""
    records = {}
    for minute in range(start + 1, start + minutes + 1):
        kinds = [SLIDING] + [QUARTER] * (minute % 15 == 0) + [HOUR] * (minute % 60 == 0)
        windows = [a_summary(kind=kind, end=minutes_later(minute), arm=arm) for kind in kinds]
        records = keep(records, minute, *windows)
    return records


@pytest.mark.parametrize(
    ("minutes", "kept", "age"),
    [(1, 5, 0), (7, 5, 2), (17, 15, 2), (59, 15, 14), (61, 60, 1), (119, 60, 59), (120, 60, 0)],
)
def test_an_arm_keeps_its_newest_hour_or_the_longest_window_it_has(minutes, kept, age):
    one = served(minutes)[ARM]
    assert one.minutes == kept
    assert one.end == minute_of(minutes - age)


def after(*minutes):
    """Give the records after minutes of some calls and scores."""
    records = {}
    for minute, (calls, scores) in enumerate(minutes, 1):
        summary = a_summary(kind=SLIDING, end=minutes_later(minute), calls=calls, scores=scores)
        records = keep(records, minute, summary)
    return records[ARM].calls, records[ARM].scores


def test_what_few_calls_told_or_none_scored_need_not_wait_for_five_minutes():
    assert after((7, 0), (49, 0)) == (49, 0)
    assert after((7, 0), (49, 0), (99, 0), (150, 0)) == (99, 0)
    assert after((99, 0), (150, 0), (200, 3), (250, 9)) == (200, 3)


def test_a_record_older_than_itself_gives_way_to_a_shorter_window():
    records = keep(served(60), 125, a_summary(kind=SLIDING, end=minutes_later(125), calls=7))
    assert (records[ARM].minutes, records[ARM].calls) == (5, 7)


def test_an_arm_is_gone_after_an_hour_and_forgotten_after_a_day():
    records = served(60)
    assert not is_gone(records[ARM], minute_of(120))
    assert is_gone(records[ARM], minute_of(121))
    assert is_gone(None, 0)
    other = a_summary(arm="other", end=minutes_later(24 * 60 + 60))
    assert set(keep(records, 24 * 60 + 55, other)) == {ARM, "other"}
    assert set(keep(records, 24 * 60 + 60, other)) == {"other"}


def test_no_more_arms_are_kept_than_allowed():
    many = [a_summary(arm=f"arm-{number:03}") for number in range(MOST_ARMS + 9)]
    records = keep({}, 0, *many)
    assert len(records) == MOST_ARMS
    assert keep(records, 5, *many).keys() == records.keys()


def test_a_profile_has_the_contracts_figures():
    window = a_summary(
        kind=HOUR, calls=3600, errors=36, tokens_in=2_000_000, tokens_out=1_600_000, cost_usd=18.0
    )
    one = profile(ARM, keep({}, 0, window)[ARM], minutes_later(0))
    assert one.model_id == ARM
    assert one.p95_latency_ms == pytest.approx(2160.0)
    assert one.error_rate == 0.01
    assert one.throughput_qps == 1.0
    assert one.cost_per_1k_tokens == pytest.approx(0.005)
    assert (one.quality_score, one.calls) == (0.8, 3600)


def test_a_profile_invents_nothing():
    window = a_summary(calls=10, errors=10, priced=0, cost_usd=0.0, scores=0)
    one = profile(ARM, keep({}, 0, window)[ARM], minutes_later(0))
    assert one.cost_per_1k_tokens is None
    assert one.p95_latency_ms is None
    assert one.quality_score is None


def test_calls_without_a_price_make_tokens_no_cheaper():
    half = a_summary(calls=100, priced=50, cost_usd=1.0, tokens_in=100_000, tokens_out=0)
    one = profile(ARM, keep({}, 0, half)[ARM], minutes_later(0))
    assert one.cost_per_1k_tokens == pytest.approx(0.02)


def test_the_busiest_arm_is_a_named_one():
    windows = [a_summary(arm=arm, calls=calls) for arm, calls in (("", 900), ("a", 5), ("b", 50))]
    assert busiest(keep({}, 0, *windows).items()) == "b"
    assert busiest([]) == ""
