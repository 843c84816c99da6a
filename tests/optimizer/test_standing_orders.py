"""What was ordered for all of a kind holds for those that come later."""

from __future__ import annotations

import random

import pytest

from optimizer.events import OrderAction
from optimizer.standing_orders import StandingOrders, covers
from tests.builders import an_alert, an_order, minutes_later

R, S = "acme/shop/answer", "acme/shop/ask"


def standing(*orders: str) -> StandingOrders:
    """Note orders such as `stop *`, a minute apart."""
    notes = StandingOrders()
    for minute, order in enumerate(orders):
        action, route = order.split()
        notes.note(an_order(OrderAction(action), route=route, timestamp=minutes_later(minute)))
    return notes


@pytest.mark.parametrize(
    ("orders", "begins"),
    [
        pytest.param(["stop *"], ["stop *"], id="everything"),
        pytest.param(["stop acme/shop/*"], ["stop acme/shop/*"], id="its-service"),
        pytest.param(["stop acme/other/*"], [], id="another-service"),
        pytest.param(["stop *", "start *"], [], id="ended"),
        pytest.param(["stop acme/shop/*", "start *"], [], id="ended-with-all-others"),
        pytest.param(["stop *", f"start {R}"], ["stop *", f"start {R}"], id="ended-for-it"),
        pytest.param(["stop *", f"start {S}"], ["stop *"], id="ended-for-another"),
        pytest.param(
            ["stop *", "start acme/shop/*"], ["stop *", "start acme/shop/*"], id="for-its-service"
        ),
        pytest.param([f"start {R}", "stop *"], ["stop *"], id="ended-before"),
        pytest.param(["stop *", "stop *"], ["stop *"], id="said-twice"),
        pytest.param([f"stop {R}"], [], id="of-one-route-which-its-own-state-tells"),
        pytest.param([f"start {R}"], [], id="nothing-to-end"),
        pytest.param(
            ["pause acme/shop/*", "stop *", "start *"], ["pause acme/shop/*"], id="kinds-are-apart"
        ),
        pytest.param(["pin acme/shop/*", "unpin acme/shop/*"], [], id="unpinned"),
        pytest.param(["roll_back acme/shop/*"], [], id="no-hold"),
    ],
)
def test_a_new_route_begins_with_what_stands(orders: list[str], begins: list[str]) -> None:
    found = [f"{one.data.action} {one.data.route}" for one in standing(*orders).of(R)]
    assert found == begins


def test_an_alert_stands_for_nothing() -> None:
    notes = StandingOrders()
    notes.note(an_alert())
    assert notes.all() == ()


def test_what_covers_what() -> None:
    assert [covers("*", R), covers("acme/shop/*", R), covers(R, R)] == [True] * 3
    assert [covers(S, R), covers("acme/sho/*", R), covers(R, "acme/shop/*")] == [False] * 3


def test_a_new_route_is_held_as_one_that_heard_every_order_to_several_of_its_kind() -> None:
    rng = random.Random(1)
    routes = ["*", "acme/shop/*", "acme/other/*"]
    for _ in range(200):
        given = [f"{rng.choice(['stop', 'start'])} {rng.choice(routes)}" for _ in range(12)]
        heard = [one.split()[0] for one in given if covers(one.split()[1], R)]
        notes = standing(*given)
        begins = [one.data.action for one in notes.of(R)]
        assert (begins[-1:] == ["stop"]) is (heard[-1:] == ["stop"]), given
        assert len(notes.all()) <= len(routes)
