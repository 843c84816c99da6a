"""A call and what is said of it later give the same links."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from optimizer.observe.columns import from_calls, join
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import NO_LINK, response_link, span_link, trace_link
from tests.optimizer.observe.test_partition import a_call


@given(st.binary(min_size=16, max_size=16), st.booleans())
def test_the_link_of_a_trace_is_the_second_half_of_its_id(octets, upper):
    digits = octets.hex().upper() if upper else octets.hex()
    assert trace_link(digits) == int(np.frombuffer(octets, "<u8")[1])
    assert span_link(digits[16:]) == trace_link(digits)


def test_the_link_of_a_response_hashes_its_whole_text():
    assert response_link("chatcmpl-1") == 0xC66F9605F6AACE05
    assert response_link(" chatcmpl-1\n") == response_link("chatcmpl-1")
    assert response_link("x" * 200 + "1") != response_link("x" * 200 + "2")


@given(st.text())
def test_any_text_gives_a_word(text):
    for link in (trace_link, span_link, response_link):
        assert 0 <= link(text) < 2**64


@pytest.mark.parametrize("digits", ["", "ab", "zz" * 16, "é" * 32, "0" * 32, "a" * 31, "a" * 33])
def test_what_is_no_id_gives_no_link(digits):
    assert trace_link(digits) == NO_LINK
    assert span_link(digits) == NO_LINK
    assert response_link("  ") == NO_LINK


def test_links_stay_with_their_rows():
    table = KeyTable()
    plain = from_calls([a_call(number, number) for number in range(4)], table)
    links = np.arange(12, dtype=np.uint64).reshape(4, 3)
    linked = replace(plain, links=links)
    assert linked.take(np.array([2, 0])).links.tolist() == links[[2, 0]].tolist()
    assert linked.take(np.array([True, False, False, True])).links.tolist() == links[::3].tolist()
    assert linked.part(1, 3).links.tolist() == links[1:3].tolist()
    assert join([linked, linked]).links.tolist() == [*links.tolist(), *links.tolist()]
    for none in (plain.take(np.array([1])), plain.part(0, 2), join([plain, plain])):
        assert none.links is None
    assert join([plain, linked]).links.tolist() == [[0, 0, 0]] * 4 + links.tolist()
