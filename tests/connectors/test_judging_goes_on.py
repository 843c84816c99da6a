"""Leases are renewed only while the job's time moves on."""

from __future__ import annotations

from connectors.actuator.judging import LONGEST_S, Judging
from connectors.stores.memory import MemoryStore
from optimizer.errors import StorageFailed
from optimizer.ports import Row


def test_the_job_is_missed_when_the_time_of_no_partition_moves_any_more() -> None:
    now_s, store = [1000.0], MemoryStore()
    judging = Judging(store, 5.0, lambda: now_s[0])
    longest_s = LONGEST_S + 10

    def after(seconds: float, *reached: str) -> bool:
        now_s[0] += seconds
        for partition in reached:
            store.put("ledgers", [Row(partition, f"{int(now_s[0]):020}", b"{}")])
        return judging.goes_on()

    assert after(longest_s - 1)
    assert not after(1)
    assert after(0, "a")
    assert after(longest_s - 1)
    assert after(0, "b")
    assert after(longest_s - 1)
    assert not after(1)
    assert not after(9999)
    assert after(0, "a")


def test_views_that_cannot_be_read_are_no_sign_of_life() -> None:
    now_s, store = [0.0], MemoryStore()
    store.put("ledgers", [Row("a", "1", b"{}")])
    judging = Judging(store, 0.0, lambda: now_s[0])

    def broken(*_: object, **__: object) -> None:
        raise StorageFailed("disk I/O error")

    assert judging.goes_on()
    store.scan = broken
    now_s[0] = LONGEST_S
    assert not judging.goes_on()
