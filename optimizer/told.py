"""Which routes spans told of lately, so that metrics of the same calls are not counted again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.panes import AT, MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimizer.panes import Pane
    from optimizer.tally import ClosedTally

TOLD_MINUTES = 60


class Told:
    """The newest minute in which spans told of each route.

    Args:
        minutes: That minute by route, of minutes already closed.
        late: Minute and route of late calls in minutes still open.
    """

    def __init__(
        self, minutes: Mapping[str, int] | None = None, late: Iterable[tuple[int, str]] = ()
    ) -> None:
        self._minutes = dict(minutes or {})
        self._late = {(minute, route) for minute, route in late}

    def late(self, correction: Pane) -> None:
        """Take late calls: they tell of their routes when they come, not when they were."""
        minute = correction.late_at_ns // MINUTE_NS
        calls = correction.sums[:, AT["calls"]].tolist()
        told = zip(correction.arms, calls, strict=True)
        self._late |= {(minute, arm.route) for arm, count in told if count}

    def until(self, minute: int, closed: ClosedTally) -> Mapping[str, int]:
        """Give the routes told of in a minute that closes, or within the hour before its end.

        Args:
            minute: The minute; later than the one before.
            closed: Its calls, those of spans alone.
        """
        calls = closed.sums[:, AT["calls"]].tolist()
        told = zip(closed.names, calls, strict=True)
        self._minutes |= {name.route: minute for name, count in told if count}
        came = {(at, route) for at, route in self._late if at <= minute}
        self._late -= came
        for at, route in came:
            self._minutes[route] = max(at, self._minutes.get(route, at))
        oldest = minute - TOLD_MINUTES
        if any(at <= oldest for at in self._minutes.values()):
            self._minutes = {route: at for route, at in self._minutes.items() if at > oldest}
        return self._minutes

    def dump(self) -> tuple[Mapping[str, int], list[tuple[int, str]]]:
        """Give the state as plain values, as the arguments of a new one."""
        return self._minutes, sorted(self._late)
