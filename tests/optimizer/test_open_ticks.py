"""Ten seconds at a time: what is told, when, and of what came before its turn was over."""

import pytest

from optimizer.events import Call
from optimizer.observe.columns import from_calls
from optimizer.observe.keys import KeyTable
from optimizer.observe.open_panes import OpenPane
from optimizer.open_ticks import OpenTicks
from optimizer.panes import AT, FINAL_NS, PANE_NS
from tests.builders import ROUTE


def a_pane(tick, late_at_ns=-1):
    """One call in ten seconds."""
    table, pane = KeyTable(), OpenPane()
    pane.add(
        from_calls(
            [
                Call(
                    route=ROUTE,
                    arm="a",
                    slot=3,
                    revision=1,
                    call_id=tick,
                    end_ns=tick * PANE_NS,
                    latency_ns=1,
                )
            ],
            table,
        ),
        table,
    )
    return pane.seal("p", tick, late_at_ns, table)


@pytest.mark.parametrize("of_tick", [3, 9, 10])
def test_calls_of_a_partition_that_begins_behind_are_told_with_the_next_ten_seconds(of_tick):
    ticks = OpenTicks({ROUTE})
    ticks.add(a_pane(9))
    assert ticks.take(10 * PANE_NS, {ROUTE})
    ticks.add(a_pane(of_tick))
    end_ns = ticks.next_end_ns(20 * PANE_NS, FINAL_NS, acting=True)
    assert end_ns == 11 * PANE_NS
    assert ticks.take(end_ns, {ROUTE})[ROUTE].sums[:, AT["calls"]].sum() == 1
    assert ticks.dump()[2] == {}
