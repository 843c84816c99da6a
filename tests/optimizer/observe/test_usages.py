"""What a text of usage tells of caches."""

import json

import pytest
from hypothesis import given, strategies as st

from optimizer.observe.usages import UNTOLD, CacheUse, cache_use

COUNTS = st.integers(0, 10**9 - 1)
READ = st.sampled_from(["cached_tokens", "cache_read_input_tokens"])
WRITTEN = st.sampled_from(
    ["cache_creation_tokens", "cache_write_tokens", "cache_creation_input_tokens"]
)


@given(st.sampled_from([repr, json.dumps]), READ, WRITTEN, COUNTS, COUNTS)
def test_counts_are_read_however_deep_they_stand(write, read_name, written_name, cached, written):
    details = {"audio_tokens": None, read_name: cached, "text_tokens": 1500}
    usage = {"prompt_tokens": 1200, "prompt_tokens_details": details, written_name: written}
    assert cache_use(write(usage)) == (cached, written)
    assert cache_use(write({"usage": details})) == (cached, -1)
    assert cache_use(write({written_name: written})) == (-1, written)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{}",
        "{'cached_tokens': None}",
        "{'cached_tokens': -5}",
        "{'cached_tokens': 1234567890}",
        "{'cached_tokens': '5'}",
        "{'my_cached_tokens': 5}",
        "cached_tokens: 5",
        5,
        None,
        True,
    ],
)
def test_what_is_no_count_is_not_told(value):
    assert cache_use(value) is None


def test_of_two_names_for_one_count_the_first_counts():
    told = "{'cached_tokens': 5, 'cache_write_tokens': 2, 'cache_creation_tokens': 2}"
    assert cache_use(f"{told[:-1]}, 'cache_read_input_tokens': 5}}") == CacheUse(5, 2)
    assert UNTOLD == (-1, -1)
