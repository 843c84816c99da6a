"""Names of services: no slash in them, and each belongs to one route."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st

from connectors.documents.rules import is_route
from connectors.gateways.service_names import name_of, route_of

LETTERS = st.characters(categories=["L", "N", "P", "S"], exclude_characters="/")
PART = st.text(LETTERS | st.sampled_from("._-%~"), min_size=1, max_size=12)


def test_a_usual_route_has_a_usual_name() -> None:
    assert name_of("acme/shop/answer-short") == "acme.shop.answer-short"
    assert name_of("acme/my shop/v1.2_ä") == "acme.my_20shop.v1_2e2_5f_c3_a4"


@given(st.tuples(PART, PART, PART).map("/".join).filter(is_route))
@settings(max_examples=100, deadline=None)
def test_each_route_has_a_name_of_its_own_that_needs_no_escaping(route: str) -> None:
    name = name_of(route)
    assert route_of(name) == route
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", name)


@pytest.mark.parametrize(
    "name",
    ["", "a.b", "a.b.c.d", "a..c", "a/b/c", "a.b.c_", "a.b._zz", "a.b._61", "a.b._2f", "ä.b.c"],
)
def test_a_name_that_no_route_has_is_no_route(name: str) -> None:
    assert route_of(name) is None
