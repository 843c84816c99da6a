"""Events in a shard: they wake it, and neither arrival nor storage changes what comes of them."""

import random

from connectors.vaults.memory import MemoryVault
from optimizer.controller import Controller
from optimizer.events import OrderAction, nanoseconds
from optimizer.findings import FindingStatus
from optimizer.inbox import Directory
from optimizer.observe import hearing
from optimizer.panes import FINAL_NS, Mark, Served
from optimizer.settings import validate
from optimizer.shard import Shard
from tests.builders import PriceList, a_report, an_alert, an_order, minutes_later

PARTITIONS = ("a", "b")
HOLDS = (OrderAction.STOP, OrderAction.START)


def at_ns(minute):
    return nanoseconds(minutes_later(minute))


def a_shard(vault=None, partitions=PARTITIONS):
    controller = Controller(validate({"sentinel": {"expiry_secs": 300}}), PriceList())
    directory = Directory("shard-0", shards=1)
    vault = vault or MemoryVault()
    return Shard("shard-0", controller, lambda _: 5000.0, partitions, vault, directory=directory)


def mark(partition, minute):
    return Mark(partition, at_ns(minute), at_ns(minute))


def heard(event, came=0):
    """An event that came when its partition's time had come so far, in minutes."""
    return hearing.heard(event, at_ns(came))


def told(outputs):
    return [(one.rule, one.status, one.until or one.seen) for one in outputs]


def test_an_alert_wakes_a_shard_without_any_traffic_and_it_stays_awake_until_its_end():
    shard = a_shard(partitions=("a",))
    assert shard.take(mark("a", 100)) == []
    shard.take(heard(an_alert(timestamp=minutes_later(105.5))))
    rule = "external_latency_spike"
    assert told(shard.take(mark("a", 106))) == [(rule, FindingStatus.OPEN, minutes_later(106))]
    assert shard.take(mark("a", 110)) == []
    assert told(shard.take(mark("a", 120))) == [(rule, FindingStatus.CLOSED, minutes_later(111))]
    assert set(shard.routes) == {"acme/shop/default"}
    assert shard.take(mark("a", 200)) == []
    assert shard.routes == {}  # nothing is left to remember of a service that has no calls


def test_a_week_of_silence_before_it_changes_nothing():
    shard = a_shard(partitions=("a",))
    shard.take(heard(an_alert(timestamp=minutes_later(1))))
    shard.take(mark("a", 30))
    later = 3 * 7 * 24 * 60
    shard.take(heard(an_alert(timestamp=minutes_later(later + 0.5))))
    outputs = told(shard.take(mark("a", later + 30)))
    assert [end for _, _, end in outputs] == [minutes_later(later + 1), minutes_later(later + 6)]


def a_life(seed):
    """What two partitions have for a shard, each in its order: events, late ones, watermarks."""
    rng = random.Random(seed)
    lives = []
    for partition in PARTITIONS:
        items, reached = [], 0.0
        for number in range(60):
            reached += rng.random()
            if rng.random() < 0.5:
                wide = rng.choice(["*", "acme/shop/*"])
                moment = minutes_later(max(0.0, reached + rng.uniform(-4, 0.5)))
                event_id = f"{partition}{number}"
                event = rng.choice(
                    [
                        an_order(timestamp=moment, id=event_id, decision_id="d"),
                        an_order(rng.choice(HOLDS), timestamp=moment, id=event_id, route=wide),
                        an_order(rng.choice(HOLDS), timestamp=moment, id=event_id),
                        an_order(OrderAction.STOP, timestamp=moment, id="told twice"),
                        an_alert(timestamp=moment, id=event_id, route="acme/shop/answer"),
                        an_alert(timestamp=moment, id="both", value=float(number)),
                        a_report(timestamp=moment, id=event_id),
                    ]
                )
                items.append(heard(event, reached))
            elif rng.random() < 0.2:
                items.append(Served("acme/shop", at_ns(reached)))
            items.append(mark(partition, reached // (1 / 6) / 6))
        items.append(Mark(partition, FINAL_NS, at_ns(reached)))
        lives.append(items)
    return lives


def merged(lives, rng):
    rest = [list(items) for items in lives]
    while any(rest):
        side = rng.choice([items for items in rest if items])
        for _ in range(rng.randrange(1, 20)):
            if side:
                yield side.pop(0)


def test_neither_the_interleaving_of_partitions_nor_being_stored_changes_what_is_said():
    for seed in range(10):
        lives, wanted = a_life(seed), None
        for order in range(8):
            rng, vault, outputs = random.Random(order), MemoryVault(), []
            shard = a_shard(vault)
            for item in merged(lives, rng):
                outputs += shard.take(item)
                if rng.random() < 0.1:
                    stored, shard = shard.dump(), a_shard(vault)
                    shard.load(stored)
            wanted = wanted or outputs
            assert outputs == wanted
        rules = {"external_latency_spike", "order_refused", "order_obeyed"}
        assert {one.rule for one in wanted} == rules


def test_a_minute_of_the_partition_that_lags_at_the_start_is_not_lost():
    shard = a_shard()
    shard.take(heard(an_alert(timestamp=minutes_later(1.5))))  # of b, which is ahead
    shard.take(mark("b", 2))
    shard.take(mark("a", 0))
    shard.take(heard(an_alert(timestamp=minutes_later(0.5), route="acme/shop/answer")))
    outputs = told(shard.take(mark("a", 2)))
    assert [end for _, _, end in outputs][:1] == [minutes_later(1)]
