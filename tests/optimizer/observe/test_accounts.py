"""Accounts: everything is counted, and names that telemetry makes up cannot fill them."""

from __future__ import annotations

from hypothesis import given, strategies as st

from optimizer.observe.accounts import MOST_MODELS, Account

COUNTS = st.dictionaries(
    st.sampled_from(["calls", *(f"unpriced:m{number}" for number in range(2 * MOST_MODELS))]),
    st.integers(1, 9),
)


@given(st.lists(COUNTS, max_size=200), st.integers(0, 200))
def test_models_are_named_while_few_and_stopping_anywhere_changes_nothing(records, stop):
    account, resumed = Account(), Account()
    for number, counts in enumerate(records):
        if number == stop:
            resumed = Account(dict(resumed))
        account.add(counts)
        resumed.add(counts)
    assert resumed == account
    assert account.total() == sum(sum(counts.values()) for counts in records)
    assert sum(name.startswith("unpriced:") for name in account) <= MOST_MODELS + 1


def test_the_model_too_many_is_counted_with_the_others() -> None:
    account = Account()
    account.add({f"unpriced:m{number}": 1 for number in range(MOST_MODELS + 2)})
    assert account["unpriced:~other"] == 2
    account.add({"unpriced:m0": 1, "unpriced:new": 1})
    assert (account["unpriced:m0"], account["unpriced:~other"]) == (2, 3)
