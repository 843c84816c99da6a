"""The loop closed: a world's telemetry to the job, its documents to the world's gateways.

Time goes on ten seconds at once. The calls made in them are assigned by the documents that are
followed by then; their telemetry reaches the job when it arrives, and a document that the job gives
is followed after the world's delay, from the next ten seconds on at the earliest. Every lease is
taken to be renewed. No clock is read: the same world gives the same calls, decisions and documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.worlds.steered import SteeredTelemetry
from optimizer.documents import Document
from optimizer.panes import PANE_NS
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.potential import potential
from optimizer.simulate.simulation import start_ns
from optimizer.simulate.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connectors.worlds import WorldFile
    from optimizer.observe.columns import Record
    from optimizer.simulate.potential import Potential
    from optimizer.simulate.worlds import World


class Said(NamedTuple):
    """What the job said.

    Attributes:
        at_ns: When: the stamp of the record that led to it; of the last one, at the end.
        output: What.
    """

    at_ns: int
    output: Any


class Loop:
    """A world whose traffic documents steer; one owner, changed in place.

    Args:
        file: The world.
        take: Takes a record as the job does, and gives what the job says.
        keep: Sees each record before the job does.
        watch: Sees what is said.

    Attributes:
        drawn: The calls of each route, and what each arm would make of them.
        steering: The documents of each route, by its name, and who served its calls.
        said: All that was said.
    """

    def __init__(
        self,
        file: WorldFile,
        take: Callable[[Record], Iterable[Any]],
        keep: Callable[[Record], None] = lambda _: None,
        watch: Callable[[Said], None] = lambda _: None,
    ) -> None:
        self.world: World = file.world
        self.drawn: list[Potential] = [
            potential(file.world, index) for index in range(len(file.world.routes))
        ]
        self.steering = {one.route.route: Steering(one, file.world.following) for one in self.drawn}
        self.said: list[Said] = []
        self._telemetry = SteeredTelemetry(file.world, file.stamp_key)
        self._take = take
        self._keep = keep
        self._watch = watch
        self._now_ns = start_ns(file.world)

    def run(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Play the world from its start to its end, and take what then still arrives."""
        begin_ns, length_ns = self._now_ns, nanoseconds(self.world.length)
        while self._now_ns < begin_ns + length_ns:
            self._step(min(self._now_ns + PANE_NS, begin_ns + length_ns))
            progress((self._now_ns - begin_ns) / length_ns)
        self._hear(self._telemetry.rest())

    def finish(self, outputs: Iterable[Any]) -> None:
        """Take what the job says at the explicit end of its input."""
        for output in outputs:
            self._tell(Said(self._now_ns, output))

    def _step(self, until_ns: int) -> None:
        for one in self.drawn:
            steering = self.steering[one.route.route]
            rows = steering.serve(until_ns)
            if len(rows):
                self._telemetry.put(one.calls(rows, steering.assigned.take(rows)))
        self._now_ns = until_ns
        self._hear(self._telemetry.until(until_ns))

    def _hear(self, records: Iterable[Record]) -> None:
        for record in records:
            self._keep(record)
            for output in self._take(record):
                self._tell(Said(record.stamp_ns, output))

    def _tell(self, said: Said) -> None:
        self.said.append(said)
        if isinstance(said.output, Document) and said.output.route in self.steering:
            self.steering[said.output.route].publish(said.output, said.at_ns)
        self._watch(said)
