"""Kill the actuator with SIGKILL at random moments of rollouts, and look at every write it did.

In turn it is the command as a user starts it, and one whose gateway is pushed to, replica by
replica and slowly, so that many kills come in the middle of a step. The next step is said only once
the one before was reported, as a controller that waits for what telemetry shows would.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.actuator import Actuator, open_state
from connectors.api.opening_gateways import MEMORY_FILE
from connectors.gateways.memory import MemoryGateway
from connectors.gateways.shelves import FileShelf
from connectors.gateways.trials import Trial
from connectors.inputs import INPUTS
from connectors.logs.sqlite import SqliteLog
from connectors.recordings import messages
from tests.benchmarks.figures import Figure
from tests.command_line import ENVIRONMENT
from tests.dataflows.actuating import Scene

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.gateways.shelves import Contents
    from optimizer.documents import Document
    from optimizer.observe.columns import Record

# Slots of the new arm: one rollout that is promoted, and one that is rolled back.
STEPS = (0, 10, 50, 100, 190, 200, 10, 50, 0)
REPLICAS = ("a", "b", "c", "d")
WRITE_S = 0.03
STEP_S = 0.3  # a little more than a step of five such writes takes
START_S = 1.2  # and a start
TOO_LONG_S = 120
WRONG = ("wrong_ends", "steps_skipped", "lower_revisions", "false_reports")


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - as others
    """Kill 30 times (3 when small)."""
    kills, done, trials = 3 if small else 30, 0, 0
    rng, wrong = random.Random(1), Counter[str]()
    while done < kills:
        with tempfile.TemporaryDirectory() as folder:
            trial = Played(Path(folder), rng, pushes=trials % 2 == 1)
            done += trial.play(min(kills - done, rng.randint(1, 4)))
            wrong.update(trial.faults())
            wrong["in_mid_step"] += trial.in_mid_step
        trials += 1
    yield Figure("actuator_kill", done, "kills", f"{trials} times {len(STEPS)} documents")
    yield Figure("actuator_kill_in_mid_step", wrong["in_mid_step"], "kills", "replicas differed")
    for name in WRONG:
        yield Figure(f"actuator_kill_{name}", wrong[name], "times", "0 is asked")
    yield Figure("actuator_kill_writes_repeated", wrong["repeated"], "writes", "of equal documents")


class Played:
    """Two rollouts of one route, and the actuators that carry them out."""

    def __init__(self, folder: Path, rng: random.Random, *, pushes: bool) -> None:
        self._folder = folder
        self._scene = Scene(folder)
        self._rng = rng
        self.in_mid_step = 0
        self._pushes = pushes
        self.gateway = pushed_to(folder) if pushes else MemoryGateway(shelf=shelf_of(folder))

    def play(self, kills: int) -> int:
        """Carry both out with some kills; give how many there were."""
        points = [*sorted(self._rng.choices(range(1, len(STEPS) + 1), k=kills)), len(STEPS) + 1]
        said = done = 0
        process, killed_at, began = self._start(), math.inf, now_s()
        while said < len(STEPS) or not self._is_applied(said):
            if now_s() - began > TOO_LONG_S:
                process.kill()
                raise RuntimeError(f"{self._folder}: revision {said} did not come")
            if said < len(STEPS) and self._is_applied(said):
                said += 1
                self._scene.say(document(said))
                if said == points[done]:
                    killed_at = now_s() + self._rng.random() * STEP_S
            if now_s() >= killed_at:
                process.kill()
                process.communicate()
                done += 1
                self.in_mid_step += self._is_half_way()
                process, killed_at = self._start(), math.inf
                if said == points[done]:  # once more in the same step: while it starts
                    killed_at = now_s() + self._rng.random() * START_S
            time.sleep(0.002)
        process.kill()
        process.communicate()
        return done

    def faults(self) -> Counter[str]:
        """Count what must not be, in the gateway's account of every write."""
        found: Counter[str] = Counter()
        newest = range(1, len(STEPS) + 1)
        writes: dict[str, list[int]] = {}
        for one in self.gateway.writes():
            if one.what == "apply":
                writes.setdefault(one.replica, []).append(one.revision)
        for revisions in writes.values():
            found["steps_skipped"] += len(set(newest) - set(revisions))
            found["lower_revisions"] += sum(later < sooner for sooner, later in pairwise(revisions))
            found["repeated"] += len(revisions) - len(set(revisions))
        last, seen = document(len(STEPS)), self.gateway.observe(document(1).route)
        found["wrong_ends"] += self.gateway.read(last.route) != last
        found["wrong_ends"] += {*seen.values()} != {last.revision}
        told = set(self._scene.told())
        found["false_reports"] += len({one for one in told if one[0] not in {"applied", "seen"}})
        found["false_reports"] += len({("applied", each) for each in newest} - told)
        return found

    def _is_half_way(self) -> bool:
        """Tell whether some replicas run another document than others."""
        return len({*self.gateway.observe(document(1).route).values()}) > 1

    def _start(self) -> subprocess.Popen[str]:
        """Start an actuator."""
        if not self._pushes:
            return self._scene.start()
        module = (sys.executable, "-m", "tests.benchmarks.actuator_kill", str(self._folder))
        return subprocess.Popen(module, env=ENVIRONMENT, stderr=subprocess.DEVNULL, text=True)

    def _is_applied(self, revision: int) -> bool:
        return revision == 0 or ("applied", revision) in self._scene.told()


def now_s() -> float:
    """Give the seconds by which kills are timed."""
    return time.monotonic()  # noqa: TID251 - real processes


class SlowGateway(MemoryGateway):
    """A gateway whose every write takes a while."""

    def _note(self, contents: Contents, *arguments: str) -> None:  # type: ignore[override]
        super()._note(contents, *arguments)
        time.sleep(WRITE_S)


def shelf_of(folder: Path) -> FileShelf:
    """Give the file that both gateways keep what they hold in."""
    return FileShelf(folder / "data" / MEMORY_FILE)


def pushed_to(folder: Path) -> MemoryGateway:
    """Open the gateway of a folder that is pushed to."""
    return SlowGateway(replicas=REPLICAS, pushes=True, shelf=shelf_of(folder))


def document(revision: int) -> Document:
    """Give the document of a step."""
    slots = STEPS[revision - 1]
    trial = Trial(open=MemoryGateway, route="default/shop/answer")
    return trial.document(revision, slots, leased=slots not in {0, 200})


def act(folder: Path) -> None:
    """Be an actuator whose gateway is pushed to."""
    log = SqliteLog(folder / "optimizer.db")

    def append(records: Iterable[Record]) -> None:
        log.append(INPUTS, [(one.partition, messages.encode(one)) for one in records])

    state = open_state(folder / "actuator.db")
    Actuator(log, pushed_to(folder), append, state).run(threading.Event())


if __name__ == "__main__":
    act(Path(sys.argv[1]))
