"""Costs in columns: exact, by call time, by tier, and unknown where they are."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest

from connectors.prices import TablePrices, per_million
from optimizer.observe.price import MAX_RATE_PUSD, MAX_TOKENS, UNKNOWN, PriceTable, Usage
from optimizer.prices import Price, Rates, price_at

DAY_NS = 86_400 * 10**9
TIERS = Price(
    from_ns=5 * DAY_NS,
    tiers=(Rates(0, 3_000_000, 15_000_000, 300_000, 3_750_000), Rates(200_000, 6, 7, 8, 9)),
)
CHANGING = [per_million("2.5", 10), per_million(2, 8, 1, 4, from_ns=DAY_NS), TIERS]


def usage(**columns) -> Usage:
    usual = {"end_ns": 10, "tokens_in": 1_000, "tokens_out": 100, "tokens_cached": 0}
    usual |= {"cache_write": 0, "failed": False} | columns
    rows = max(len(np.atleast_1d(value)) for value in usual.values())
    return Usage(*(np.broadcast_to(usual[name], rows).copy() for name in Usage._fields))


def cost(history, **columns) -> list[int]:
    table = PriceTable(TablePrices({"m": history}))
    used = usage(**columns)
    index = np.full(len(used.end_ns), table.find(("m",), "").history)
    return table.cost(index, used).tolist()


def test_tokens_cost_what_their_sort_costs():
    price = [per_million("2.5", 10, "1.25", 5)]
    assert cost(price) == [3_500_000]
    assert cost(price, tokens_cached=400) == [3_000_000]
    assert cost(price, tokens_cached=400, cache_write=600) == [4_500_000]
    assert cost(price, tokens_in=0, tokens_out=0) == [0]


@pytest.mark.parametrize(
    ("tokens_in", "pusd", "nusd"), [(1, 499, 0), (1, 500, 1), (1, 1_499, 1), (3, 500, 2)]
)
def test_a_cost_is_rounded_once(tokens_in, pusd, nusd):
    price = [Price(from_ns=0, tiers=(Rates(0, pusd, 0, 0, 0),))]
    assert cost(price, tokens_in=tokens_in, tokens_out=0) == [nusd]


@pytest.mark.parametrize(
    ("end_ns", "nusd"), [(0, 3_500_000), (DAY_NS - 1, 3_500_000), (DAY_NS, 2_800_000)]
)
def test_the_price_of_the_time_of_the_call_counts(end_ns, nusd):
    assert cost(CHANGING[:2], end_ns=end_ns) == [nusd]


def test_a_tier_holds_for_calls_with_more_input_than_it_names():
    inputs = [0, 199_999, 200_000, 200_001]
    found = cost([TIERS], end_ns=9 * DAY_NS, tokens_in=inputs, tokens_out=0)
    assert found == [0, 599_997_000, 600_000_000, (200_001 * 6 + 500) // 1000]


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "failed", "nusd"),
    [
        (-1, -1, False, -1),
        (-1, 100, False, -1),
        (1_000, -1, False, -1),
        (-1, -1, True, 0),
        (0, 0, True, 0),
        (1_000, -1, True, 2_500_000),
        (-1, 100, True, 1_000_000),
    ],
)
def test_what_is_not_told_is_not_known_but_a_failure_costs_what_it_used(
    tokens_in, tokens_out, failed, nusd
):
    columns = {"tokens_in": tokens_in, "tokens_out": tokens_out, "failed": failed}
    assert cost(CHANGING[:1], **columns) == [nusd]
    unknown = 0 if failed and max(tokens_in, tokens_out) <= 0 else -1
    assert cost([], **columns) == [unknown]


def test_before_the_first_price_and_without_one_the_cost_is_unknown():
    assert cost([TIERS], end_ns=[0, 5 * DAY_NS - 1]) == [-1, -1]
    assert cost([]) == [-1]


def test_the_largest_calls_at_the_highest_rates_do_not_overflow():
    rate = MAX_RATE_PUSD
    price = [Price(from_ns=0, tiers=(Rates(0, rate, rate, rate, rate),))]
    found = cost(
        price,
        tokens_in=3 * MAX_TOKENS,
        tokens_out=MAX_TOKENS,
        tokens_cached=MAX_TOKENS,
        cache_write=MAX_TOKENS,
    )
    assert found == [4 * MAX_TOKENS * rate // 1000]
    too_high = [Price(from_ns=0, tiers=(Rates(0, rate + 1, 0, 0, 0),))]
    assert cost(too_high) == [-1]


@pytest.mark.parametrize("seed", range(20))
def test_columns_cost_what_each_call_costs_by_itself(seed):
    rng = random.Random(seed)
    histories = {f"m{number}": _history(rng) for number in range(rng.randint(1, 8))}
    table = PriceTable(TablePrices(histories))
    for _ in range(5):
        names = [rng.choice([*histories, "unknown"]) for _ in range(60)]
        rows = [_call(rng) for _ in names]
        index = np.array([table.find((name,), "").history for name in names])
        found = table.cost(index, Usage(*(np.array(column) for column in zip(*rows, strict=True))))
        expected = [_cost(histories.get(n, []), r) for n, r in zip(names, rows, strict=True)]
        assert found.tolist() == expected


def _history(rng: random.Random) -> list[Price]:
    prices = []
    for from_ns in sorted(rng.sample(range(50), rng.randint(1, 5))):
        above = sorted({0, *(rng.randrange(1, 2_000) for _ in range(rng.randint(0, 3)))})
        tiers = tuple(Rates(each, *(rng.randrange(10**7) for _ in range(4))) for each in above)
        prices.append(Price(from_ns=from_ns, tiers=tiers))
    return prices


def _call(rng: random.Random) -> tuple:
    tokens_in = rng.choice((-1, 0, rng.randrange(3_000)))
    cached = rng.randrange(tokens_in + 1) if tokens_in >= 0 else 0
    written = rng.randrange(tokens_in - cached + 1) if tokens_in >= 0 else 0
    tokens_out = rng.choice((-1, 0, rng.randrange(3_000)))
    return rng.randrange(60), tokens_in, tokens_out, cached, written, rng.random() < 0.3


def _cost(history: list[Price], row: tuple) -> int:
    """Work one call out the slow and obvious way."""
    end_ns, tokens_in, tokens_out, cached, written, failed = row
    if failed and max(tokens_in, tokens_out) <= 0:
        return 0
    price = price_at(history, end_ns)
    if price is None or (not failed and -1 in {tokens_in, tokens_out}):
        return -1
    reached = [tier for tier in price.tiers if tokens_in > tier.above_tokens]
    tier = (reached or price.tiers)[-1 if reached else 0]
    pusd = (max(tokens_in, 0) - cached - written) * tier.input_pusd
    pusd += max(tokens_out, 0) * tier.output_pusd
    pusd += cached * tier.cache_read_pusd + written * tier.cache_write_pusd
    return int(Fraction(pusd, 1000) + Fraction(1, 2))


def test_the_first_name_with_a_price_counts_and_the_operators_before_all():
    book = TablePrices(
        {"a": [per_million(1)], "b": [per_million(2)], "c": [per_million(3)]}, agreed={"c"}
    )
    table = PriceTable(book)
    assert table.find(("none", "b", "a"), "") == table.find(("b",), "")
    assert table.find(("a", "c"), "") == table.find(("c",), "")
    assert table.find(("c",), "").agreed
    assert not table.find(("a",), "").agreed
    assert table.find(("none",), "").history == table.find((), "").history == UNKNOWN


def test_no_calls_cost_nothing():
    assert (
        cost(
            CHANGING,
            end_ns=np.zeros(0, np.int64),
            **dict.fromkeys(
                ("tokens_in", "tokens_out", "tokens_cached", "cache_write"), np.zeros(0, np.int64)
            ),
            failed=np.zeros(0, np.bool_),
        )
        == []
    )
