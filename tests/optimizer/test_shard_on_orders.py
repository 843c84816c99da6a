"""Orders in a shard: before any traffic, to several routes, too late, repeated, by the thousand."""

import random
from datetime import timedelta

import pytest

from connectors.vaults.memory import MemoryVault
from optimizer.controller import Controller
from optimizer.documents import Document
from optimizer.events import OrderAction, nanoseconds
from optimizer.findings import Finding, finding_id
from optimizer.inbox import Directory
from optimizer.observe import hearing
from optimizer.panes import FINAL_NS, PANE_NS, Mark
from optimizer.settings import validate
from optimizer.shard import Shard
from optimizer.summaries import instant
from tests.builders import ROUTE, START, PriceList, an_alert, an_order, minutes_later
from tests.rollout_life import GIVEN, given

OTHER = "rival/shop/answer"
SECOND = timedelta(seconds=1)


def at_ns(minute):
    return nanoseconds(minutes_later(minute))


def a_shard(*declared, vault=None, settings=None):
    controller = Controller(settings or validate({}), PriceList())
    directory = Directory("shard-0", declared, shards=1)
    vault = vault or MemoryVault()
    return Shard("shard-0", controller, lambda _: 5000.0, ("p",), vault, directory=directory)


def mark(minute):
    return Mark("p", at_ns(minute), at_ns(minute))


def order(action, route=ROUTE, came=0.0, **changes):
    """An order that came when its partition's time had come so far, in minutes."""
    event = an_order(OrderAction(action), route=route, timestamp=minutes_later(came), **changes)
    return hearing.heard(event, at_ns(came))


def seen(route, minute):
    """What makes a route known: an alert about it."""
    alert = an_alert(id=route, route=route, timestamp=minutes_later(minute))
    return hearing.heard(alert, at_ns(minute))


def answers(outputs):
    return [(one.rule, one.route) for one in outputs if one.rule.startswith("order_")]


def stopped(shard):
    return sorted(route for route, state in shard.routes.items() if state.docket.stopped)


def test_an_order_before_any_traffic_holds_when_traffic_comes():
    shard = a_shard()
    shard.take(order("pause", came=1))
    assert answers(shard.take(mark(2))) == [("order_obeyed", ROUTE)]
    shard.take(seen(ROUTE, 5))
    shard.take(mark(6))
    assert shard.routes[ROUTE].docket.paused


def test_all_routes_that_are_known_or_declared_are_stopped_and_those_that_come_later():
    vault = MemoryVault()
    shard = a_shard(ROUTE, vault=vault)
    shard.take(seen(OTHER, 0.5))
    shard.take(mark(1))
    shard.take(order("stop", "*", came=1.2))
    assert answers(shard.take(mark(2))) == [("order_obeyed", ROUTE), ("order_obeyed", OTHER)]
    state, shard = shard.dump(), a_shard(ROUTE, vault=vault)
    shard.load(state)
    shard.take(seen("new/shop/answer", 10))
    assert answers(shard.take(mark(11))) == []  # it was answered when it was given
    assert stopped(shard) == sorted([ROUTE, OTHER, "new/shop/answer"])
    shard.take(order("start", "*", came=12, id="order-2"))
    shard.take(mark(13))
    assert stopped(shard) == []
    shard.take(seen("newer/shop/answer", 20))
    shard.take(mark(21))
    assert stopped(shard) == []


@pytest.mark.parametrize("route", [ROUTE, "acme/shop/*", "*"])
def test_what_an_order_leads_to_before_any_traffic_is_told(route):
    shard = a_shard(ROUTE, settings=given())
    shard.take(order("pause", route, came=1))
    told = [one for one in shard.take(mark(2)) if isinstance(one, Document)]
    assert told == [shard.routes[ROUTE].acting.document]
    assert shard.routes[ROUTE].docket.paused


def test_a_route_that_nothing_else_could_serve_gets_no_document_by_an_order():
    alone = {"route": ROUTE, "incumbent": {"model": "gpt-4o"}}
    shard = a_shard(ROUTE, settings=validate(GIVEN | {"routes": [alone]}))
    shard.take(order("pause", came=1))
    assert [type(one) for one in shard.take(mark(2))] == [Finding]


def test_a_route_that_was_started_while_all_others_are_stopped_stays_so():
    shard = a_shard(ROUTE)
    shard.take(order("stop", "*", came=1))
    shard.take(order("start", "new/shop/answer", came=2, id="order-2"))
    shard.take(mark(3))
    for minute, route in ((5, "new/shop/answer"), (6, "newer/shop/answer")):
        shard.take(seen(route, minute))
    shard.take(mark(7))
    assert stopped(shard) == [ROUTE, "newer/shop/answer"]


@pytest.mark.parametrize("action", ["stop", "pause", "roll_back"])
def test_what_makes_things_safer_is_done_ten_seconds_after_it_came(action):
    shard, ahead = a_shard(), an_order(OrderAction(action), timestamp=minutes_later(60))
    shard.take(mark(1))
    shard.take(hearing.heard(ahead, at_ns(1)))
    rule = "order_refused" if action == "roll_back" else "order_obeyed"
    (done,) = shard.take(mark(1 + 1 / 6))
    assert (done.rule, done.since) == (rule, minutes_later(1) + 10 * SECOND)


def test_the_last_word_counts_though_what_was_said_before_it_takes_effect_later():
    shard = a_shard()
    shard.take(mark(1))
    for number, action in enumerate(("stop", "start", "stop")):
        at = minutes_later(1) + (14 + number) * SECOND
        event = an_order(OrderAction(action), timestamp=at, id=f"order-{number}")
        shard.take(hearing.heard(event, at_ns(1)))
    said = answers(shard.take(mark(2)))
    assert said == [("order_obeyed", ROUTE)] * 2 + [("order_refused", ROUTE)]
    assert stopped(shard) == [ROUTE]


def test_an_order_that_is_told_again_is_not_obeyed_again():
    vault = MemoryVault()
    shard = a_shard(vault=vault)
    shard.take(order("stop", came=1))
    shard.take(order("start", came=2, id="order-2"))
    assert len(answers(shard.take(mark(3)))) == 2
    state, shard = shard.dump(), a_shard(vault=vault)
    shard.load(state)
    shard.take(order("stop", came=1))
    shard.take(order("stop", "*", came=1))  # the same id, whatever it says
    assert shard.take(mark(5)) == []
    assert stopped(shard) == []


def test_thousands_of_orders_are_each_answered_once_and_none_is_obeyed_too_soon():
    rng, vault = random.Random(1), MemoryVault()
    shard = a_shard(vault=vault)
    routes = [f"t{number}/shop/answer" for number in range(40)]
    heard = [
        order(
            rng.choice(list(OrderAction)).value,
            rng.choice(routes),
            came=rng.random() * 60,
            id=f"order-{number}",
            decision_id=rng.choice(["", "unknown"]),
            revision=rng.choice([None, 0, 7]),
        )
        for number in range(3000)
    ]
    for each in sorted(heard, key=lambda one: one.due_ns):
        shard.take(each)
    said = []
    for minute in range(61):
        said += shard.take(mark(minute))
        if minute % 20 == 0:
            state, shard = shard.dump(), a_shard(vault=vault)
            shard.load(state)
    told = {one.id for one in said}
    assert len(said) == len(told) == 3000
    for event, due_ns in heard:
        tick = instant((due_ns // PANE_NS + 1) * PANE_NS)
        rules = ("order_obeyed", "order_refused")
        names = [finding_id(event.data.route, event.id, rule, tick) for rule in rules]
        assert len(told.intersection(names)) == 1
    assert shard.take(Mark("p", FINAL_NS, at_ns(62))) == []


def test_an_order_for_a_time_that_never_comes_is_never_obeyed():
    shard = a_shard()
    far = an_order(OrderAction.APPROVE, decision_id="d", timestamp=START + timedelta(days=40_000))
    shard.take(hearing.heard(far, at_ns(1)))
    assert shard.take(mark(1e4)) == []
    assert shard.take(Mark("p", FINAL_NS, at_ns(1e4))) == []
