"""Names that nobody declared: how many are told apart, for how long, and what becomes of others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from connectors.vaults.memory import MemoryVault
from optimizer.observe import state
from optimizer.observe.keys import (
    MOST_CELLS,
    POOLED,
    UNLIMITED,
    CallKey,
    KeyCodes,
    KeyLimits,
    KeyTable,
    limits_of,
)
from optimizer.observe.names import DAY_NS, Names
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT
from optimizer.pieces import Pieces
from optimizer.settings import validate
from tests.optimizer.observe.test_partition import SECOND, START, a_call, take

DECLARED = {"a/s/known": frozenset({"big", "small"})}
FEW = KeyLimits(routes=2, arms=3, keys=20, declared=DECLARED)


def placed(*keys: CallKey, limits: KeyLimits = FEW) -> list[CallKey]:
    """Give what keys count as, one after another."""
    table = KeyTable(limits=limits)
    return [table.keys[table.code(key)] for key in keys]


def test_the_routes_beyond_the_limit_are_pooled_tenant_by_tenant() -> None:
    keys = [CallKey(f"{tenant}/s/{name}", "m") for name in "xyz" for tenant in "ab"]
    pools = [CallKey(f"{tenant}/~other/~other", "~other") for tenant in "ab"]
    assert placed(*keys) == [*keys[:4], *pools]


def test_the_arms_beyond_the_limit_are_pooled_within_their_route_without_revision() -> None:
    keys = [CallKey("a/s/x", "m", revision) for revision in (1, 2)]
    keys += [CallKey("a/s/x", name) for name in "no"] + [CallKey("a/s/x", "m", 3)]
    keys += [CallKey("a/s/y", "m", 3)]
    pooled = CallKey("a/s/x", "~other")
    assert placed(*keys) == [*keys[:3], pooled, pooled, keys[-1]]


def test_what_is_declared_is_never_pooled() -> None:
    crowd = [CallKey(f"a/s/{number}", "m") for number in range(9)]
    crowd += [CallKey("a/s/known", f"m{number}") for number in range(9)]
    known = [CallKey("a/s/known", arm, 0, cell) for arm in ("big", "small") for cell in ("", "c")]
    assert placed(*crowd, *known)[-4:] == known
    revised = CallKey("a/s/known", "big", 7)
    assert placed(*crowd, revised)[-1] == CallKey("a/s/known", "big")
    assert placed(revised) == [revised]


def test_there_are_as_many_cells_as_can_be_declared() -> None:
    keys = [CallKey("a/s/known", "big", 0, f"c{number}") for number in range(80)]
    found = placed(*keys)
    assert (
        len({*found}) == MOST_CELLS + 2
    )  # one is for those that are not declared, one for the rest
    assert found[-1] == CallKey("a/s/known", "big")


def test_a_tenant_takes_no_room_from_another() -> None:
    greedy = [CallKey(f"a/s/{number % 2}", f"m{number}") for number in range(500)]
    others = [CallKey(f"b/s/{number % 2}", f"m{number}") for number in range(6)]
    limits = replace(FEW, arms=1000)
    assert placed(*greedy, *others, limits=limits)[-6:] == others
    assert placed(*others, limits=limits) == others


def test_a_full_table_pools_every_tenant_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.observe.keys.MOST_KEYS", 5)
    monkeypatch.setattr("optimizer.observe.keys.MOST_TENANTS", 2)
    keys = [CallKey("a/s/x", f"m{number}") for number in range(7)]
    keys += [CallKey(f"{tenant}/s/x", "m") for tenant in "bcd"]
    pools = [CallKey("b/~other/~other", "~other"), POOLED, POOLED]
    expected = [*keys[:5], *[CallKey("a/s/x", "~other")] * 2, *pools]
    assert placed(*keys, limits=UNLIMITED) == expected


NAMES = st.sampled_from(["a/s/known", "~other/~other/~other", "a/~other/~other", "a", ""])
KEYS = st.builds(
    CallKey,
    NAMES | st.builds("{}/s/{}".format, st.sampled_from("ab"), st.integers(0, 9)),
    st.sampled_from(["big", "small", "~other", "m", "n", "o", "p"]),
    st.integers(0, 2),
    st.sampled_from(["", "c", "d", "~other"]),
)


@given(st.lists(KEYS, max_size=80))
def test_a_pool_is_its_own_and_a_table_goes_on_from_its_keys_as_if_it_were_the_same(
    keys: list[CallKey],
) -> None:
    table, places, went_on = KeyTable(limits=FEW), [], []
    for number, key in enumerate(keys):
        place = table.keys[table.code(key)]
        assert table.keys[table.code(place)] == place
        again = KeyTable(table.keys, FEW)
        assert (again.keys, again.arms) == (table.keys, table.arms)
        for later in keys[number:]:
            again.code(later)
        went_on.append(again.keys)
        places.append(place)
    assert all(keys_of == table.keys for keys_of in went_on)
    assert [table.keys[table.code(key)] for key in keys] == places
    assert len(table) < 3 * 20


def test_a_key_is_let_in_with_its_first_call_in_the_order_of_calls() -> None:
    table = KeyTable(limits=replace(FEW, routes=1))
    keys = [CallKey("a/s/x", "m"), CallKey("a/s/y", "m")]
    codes = KeyCodes(table, keys)
    assert len(table) == 0
    found = codes.at(np.array([1, 0, 1]))
    pool = CallKey("a/~other/~other", "~other")
    assert [table.keys[code] for code in found] == [keys[1], pool, keys[1]]
    assert codes.pooled(np.array([1, 0, 1, 0])) == 2
    for number in range(100):
        codes.append(CallKey("a/s/y", f"m{number}"))
    assert [table.keys[code].arm for code in codes.at(np.arange(2, 6))] == [
        "m0",
        "m1",
        "~other",
        "~other",
    ]


def test_the_settings_set_the_limits() -> None:
    arm = {"model": "gpt-4o"}
    routes = [{"route": "a/s/x", "incumbent": arm}, {"route": "a/s/y"}]
    settings = validate({"limits": {"routes": 7, "arms": 5}, "routes": routes})
    limits = limits_of(settings)
    declared = {"a/s/x": frozenset({settings.routes[0].incumbent.id}), "a/s/y": frozenset()}
    assert (limits.routes, limits.arms, limits.declared) == (7, 5, declared)


RULES = StreamRules(keys=FEW)


def test_names_that_no_call_had_for_a_day_make_room_for_others() -> None:
    partition, whole = Partition("p", RULES), []
    for day in range(5):
        for number in range(10):
            at_s = day * 86_400 + 3_600 - START % DAY_NS // SECOND + number * 8_000
            calls = [a_call(2 * (10 * day + number) + 1, at_s, arm="steady", cell="long")]
            calls += [a_call(2 * (10 * day + number) + 2, at_s, arm=f"arm-{day}-{number}")]
            whole += take(partition, *calls).panes
    whole += partition.finish().panes
    calls = Counter()
    for pane in whole:
        for row, key in enumerate(pane.arms):
            calls[key.arm] += int(pane.sums[row, AT["calls"]])
    assert calls["steady"] == 50
    # A name is let go at the end of the first whole day without it, by the first call of the next.
    told_apart = {f"arm-{name}" for name in ("0-0", "0-1", "2-1", "2-2", "4-1", "4-2")}
    assert {*calls} == {"steady", "~other", *told_apart}
    assert calls["~other"] == 50 - 6
    assert len(partition.table) < 10


@pytest.mark.parametrize("stop", range(1, 60, 7))
def test_what_names_are_pooled_survives_a_stop(stop: int) -> None:
    calls = [a_call(n + 1, n * 7_000, arm=f"arm-{n * n % 11}", cell="c") for n in range(60)]

    def run(stops: set[int]) -> list[bytes]:
        partition, said = Partition("p", RULES), []
        vault = MemoryVault()
        for number, call in enumerate(calls):
            if number in stops:
                pieces = Pieces(vault, "p")
                partition, _ = state.load(state.dump(partition, pieces), RULES, vault)
            observed = take(partition, call)
            said += [(pane.arms, pane.sums.tobytes()) for pane in observed.panes]
        return [*said, partition.table.keys]

    assert run(set()) == run({stop})
    assert any(arm.arm == "~other" for arms, _ in run(set())[:-1] for arm in arms)


def test_names_that_only_scores_or_metrics_have_are_used_too() -> None:
    names = Names(FEW)
    first, second, third = (CallKey(f"a/s/{name}", "m") for name in "xyz")
    assert [names.counted(key) for key in (first, second)] == [first, second]
    resumed = Names(FEW, names.table.keys, names.used)
    for one in (names, resumed):
        one.end_day([])
        assert one.counted(third).route == "a/~other/~other"
        one.counted(first)
        one.end_day([])
        assert [one.counted(key) for key in (third, first)] == [third, first]
