import pytest

from optimizer.decide.costing import Mix, cost_usd
from optimizer.prices import Price, Rates
from tests.builders import START, minutes_later

NOW_NS = int(START.timestamp()) * 10**9
FLAT = Price(from_ns=0, tiers=(Rates(0, 2_500_000, 10_000_000, 1_250_000, 0),))
TIERED = Price(
    from_ns=0,
    tiers=(Rates(0, 1_000_000, 2_000_000, 0, 0), Rates(100_000, 3_000_000, 4_000_000, 0, 0)),
)


@pytest.mark.parametrize(
    ("mix", "usd"),
    [
        pytest.param(Mix(1000, 250, 0), 0.005, id="input and output"),
        pytest.param(Mix(1000, 0, 400), 0.002, id="cached input at its own rate"),
        pytest.param(Mix(1000, 0, 5000), 0.00125, id="no more cached than there is"),
        pytest.param(Mix(0, 0, 0), None, id="no tokens told"),
    ],
)
def test_a_call_costs_its_tokens_at_the_listed_rates(mix, usd):
    assert cost_usd((FLAT,), mix, START) == (usd if usd is None else pytest.approx(usd))


@pytest.mark.parametrize(("tokens_in", "usd"), [(100_000, 0.1), (200_000, 0.6)])
def test_long_calls_pay_the_rates_of_their_length(tokens_in, usd):
    assert cost_usd((TIERED,), Mix(tokens_in, 0, 0), START) == pytest.approx(usd)


def test_the_price_is_that_in_force():
    later = Price(from_ns=NOW_NS + 60 * 10**9, tiers=(Rates(0, 5_000_000, 0, 0, 0),))
    assert cost_usd((FLAT, later), Mix(1000, 0, 0), START) == pytest.approx(0.0025)
    assert cost_usd((FLAT, later), Mix(1000, 0, 0), minutes_later(1)) == pytest.approx(0.005)
    assert cost_usd((later,), Mix(1000, 0, 0), START) is None
    assert cost_usd((), Mix(1000, 0, 0), START) is None
