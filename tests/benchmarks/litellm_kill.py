"""Kill a LiteLLM proxy with SIGKILL at random moments of a rollout, in the middle of its calls.

An actuator, a process of its own, brings each step to the folder that the proxy follows. What is
asked: in the end every conversation is where the last document has it, nobody left the cohort while
it grew, and no call was stamped with an older revision than one before.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.client import Client
from tests.benchmarks.figures import Figure
from tests.dataflows.actuating import Scene, wait_until
from tests.litellm.stage import Stage
from tests.litellm.steering import NEW, PAIR, ROUTE, STAMP, a_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.litellm.proxy import Proxy
    from tests.litellm.sink import Seen

# Slots of the new arm at each step; the last one is no step of a rollout any more.
STEPS = (10, 50, 100, 190, 200)
SESSIONS = tuple(f"session-{number:04d}" for number in range(200))
STEP_S = 1.5  # within which a kill comes


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Kill 5 times (once when small)."""
    rng, kills = random.Random(1), 1 if small else 5
    with tempfile.TemporaryDirectory() as folder, closing(Stage(Path(folder))) as stage:
        scene = Scene(Path(folder))
        with closing(scene):
            scene.start(
                OPTIMIZER_GATEWAY__KIND="documents",
                OPTIMIZER_GATEWAY__DOCUMENTS_DIR=str(stage.documents),
                OPTIMIZER_GATEWAY__SIGNING_KEY=PAIR.private,
            )
            stage.proxy.start()
            with calling(stage.proxy, rng) as answered:
                for number, slots in enumerate(STEPS, 1):
                    scene.say(a_step(number, slots, leased=number < len(STEPS)))
                    if number > len(STEPS) - kills:
                        kill(stage.proxy, rng)
                    wait_until(lambda now=number: stage.proxy.runs(ROUTE) == now)
                    time.sleep(STEP_S / 2)
            told = stage.sink.calls()
            ends = wrong_ends(stage)
    yield Figure("litellm_kill", kills, "kills", f"{len(STEPS)} documents, {len(told)} calls told")
    yield Figure("litellm_kill_wrong_ends", ends, "conversations", "0 is asked")
    yield Figure("litellm_kill_lower_revisions", lower_revisions(told), "calls", "0 is asked")
    yield Figure("litellm_kill_left_cohort", left(told), "conversations", "0 is asked")
    untold = len(answered - {str(call.attributes["litellm.call_id"]) for call in told})
    yield Figure("litellm_kill_untold", untold, "calls", f"of {len(answered)}, lost with a process")


def kill(proxy: Proxy, rng: random.Random) -> None:
    """End the proxy at some moment, and start it anew."""
    time.sleep(rng.uniform(0, STEP_S))
    proxy.kill()
    proxy.start()


@contextmanager
def calling(proxy: Proxy, rng: random.Random) -> Iterator[set[str]]:
    """Let callers call all the time; give the ids of the calls that were answered."""
    answered: set[str] = set()
    stop, chosen = threading.Event(), random.Random(rng.random())

    def call() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{threading.get_ident()}-{number}"
            with suppress(OSError, ValueError):  # it was killed
                status, _ = proxy.chat(session=chosen.choice(SESSIONS), call=name)
                if status == 200:
                    answered.add(name)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def wrong_ends(stage: Stage) -> int:
    """Count the conversations that are not where the last document has them."""
    for name in SESSIONS:
        stage.proxy.chat(session=name, call=f"last-{name}")

    def last() -> list[Seen]:  # calls that were under way may still be told of
        calls = stage.sink.calls()
        return [one for one in calls if str(one.attributes["litellm.call_id"]).startswith("last-")]

    wait_until(lambda: len(last()) >= len(SESSIONS))
    calls = last()
    with Client(stage.documents, PAIR.public, routes=[ROUTE]) as client:
        wanted = {name: dict(client.choose(ROUTE, name).stamps) for name in SESSIONS}
    told = {str(call.attributes["gen_ai.conversation.id"]): stamps_of(call) for call in calls}
    return sum(told.get(name) != stamps for name, stamps in wanted.items())


def stamps_of(call: Seen) -> dict[str, object]:
    """Give a call's stamps."""
    return {name: value for name, value in call.attributes.items() if name.startswith(STAMP)}


def lower_revisions(calls: list[Seen]) -> int:
    """Count the calls of an older revision than that of one that began before."""
    stamped = sorted(
        (call.begin_ns, revision)
        for call in calls
        if isinstance(revision := call.attributes.get(f"{STAMP}revision"), int)
    )
    return sum(later < before for (_, before), (_, later) in pairwise(stamped))


def left(calls: list[Seen]) -> int:
    """Count the conversations that were served by another arm once the new one had served them."""
    joined: set[object] = set()
    gone: set[object] = set()
    for call in sorted(calls, key=lambda call: call.begin_ns):
        session = call.attributes["gen_ai.conversation.id"]
        if call.attributes.get(f"{STAMP}arm") == NEW.id:
            joined.add(session)
        elif session in joined:
            gone.add(session)
    return len(gone)
