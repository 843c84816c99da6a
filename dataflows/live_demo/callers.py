"""Those who call: people in conversations, twenty calls a second, who then say if it helped."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from dataflows.live_demo.stage import ROUTES, DemoFailed, post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataflows.live_demo.stage import Stage

CALLS_PER_S = 20.0
_THREADS = 64  # a call takes less than a second
_CONVERSATIONS = 150  # at once, of each route
_TURNS = 2  # the longer, the more uneven are units, and the more it takes to show that calls end
_RATING, _RATING_SD = 0.85, 0.08  # drawn alike for all models: the mocks answer all the same
_RATE_EVERY_S = 1.0


class Call(NamedTuple):
    """A call that was answered.

    Attributes:
        route: Its route.
        model: The model that answered, as its answer says.
        ended_s: When, by the clock that never falls.
        latency_ms: How long it took for the caller.
        trace: Its trace's id.
        rating: How helpful its answer was found, 0 to 1.
    """

    route: str
    model: str
    ended_s: float
    latency_ms: float
    trace: str
    rating: float


class Callers:
    """Call the proxy from threads of their own until told to stop.

    Args:
        stage: Where the proxy and the receiver are.
        groups: The model groups that are called.
        seed: Where chance comes from.
        calls_per_s: How many calls a second, of all routes together.
    """

    def __init__(
        self,
        stage: Stage,
        groups: Sequence[str],
        seed: int = 1,
        calls_per_s: float = CALLS_PER_S,
    ) -> None:
        self._stage = stage
        self._random = Random(seed)  # noqa: S311 - no secret depends on it
        self._pause_s = 1 / calls_per_s
        self._talks: dict[str, list[tuple[str, int]]] = {group: [] for group in groups}
        self._began = 0
        self._stop = threading.Event()
        self._calls: deque[Call] = deque()
        self._unrated: deque[Call] = deque()
        self._faults: deque[str] = deque()
        self._threads = [threading.Thread(target=run) for run in (self._call_on, self._rate_on)]
        self.rated = 0

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Call no more; wait for what is under way, and for its ratings."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def calls(self) -> list[Call]:
        """Give all calls that were answered."""
        return list(self._calls)

    def faults(self) -> list[str]:
        """Give what went wrong with calls and ratings."""
        return list(self._faults)

    def _call_on(self) -> None:
        due_s = _now()
        with ThreadPoolExecutor(_THREADS) as pool:
            while not self._stop.wait(max(due_s - _now(), 0)):
                due_s += self._pause_s
                group = self._random.choice(list(self._talks))
                trace, rating = f"{self._random.getrandbits(128):032x}", self._rating()
                pool.submit(self._guarded, group, self._conversation(group), trace, rating)

    def _rating(self) -> float:
        return min(max(self._random.gauss(_RATING, _RATING_SD), 0.0), 1.0)

    def _conversation(self, group: str) -> str:
        """Give a conversation of those going on, one of them over after some turns."""
        talks = self._talks[group]
        while len(talks) < _CONVERSATIONS:
            self._began += 1
            talks.append((f"{group}-{self._began}", _TURNS))
        place = self._random.randrange(len(talks))
        name, left = talks[place]
        talks[place] = (name, left - 1)
        if left == 1:
            del talks[place]
        return name

    def _guarded(self, group: str, conversation: str, trace: str, rating: float) -> None:
        try:
            call = self._call(group, conversation, trace, rating)
        except (OSError, http.client.HTTPException, DemoFailed) as error:
            self._faults.append(f"{group}: {error}")
            return
        self._calls.append(call)
        self._unrated.append(call)

    def _call(self, group: str, conversation: str, trace: str, rating: float) -> Call:
        question = [{"role": "user", "content": "Where is my order?"}]
        began_s = _now()
        content = post(
            self._stage.ports.proxy,
            "/v1/chat/completions",
            {"model": group, "messages": question},
            authorization=f"Bearer {self._stage.proxy_key}",
            x_litellm_session_id=conversation,
            traceparent=f"00-{trace}-{trace[:16]}-01",
        )
        ended_s = _now()
        model = str(json.loads(content)["choices"][0]["message"]["content"])
        return Call(ROUTES[group], model, ended_s, 1000 * (ended_s - began_s), trace, rating)

    def _rate_on(self) -> None:
        """Send ratings once a second, the last ones when all calls are over."""
        is_over = False
        while not is_over:
            is_over = self._stop.wait(_RATE_EVERY_S) and not self._threads[0].is_alive()
            calls = [self._unrated.popleft() for _ in range(len(self._unrated))]
            if calls:
                self._rate(calls)
            if self._stop.is_set() and not is_over:
                self._threads[0].join()

    def _rate(self, calls: list[Call]) -> None:
        try:
            token = f"Bearer {self._stage.token}"
            post(self._stage.ports.otlp, "/v1/logs", _evaluations(calls), authorization=token)
            self.rated += len(calls)
        except (OSError, http.client.HTTPException, DemoFailed) as error:
            self._faults.append(f"ratings: {error}")


def _evaluations(calls: list[Call]) -> dict[str, object]:
    """Give ratings as OpenTelemetry's evaluation events, each by the trace of its call."""
    time_ns = time.time_ns()  # noqa: TID251 - an edge: when they were given
    records = [
        {
            "timeUnixNano": str(time_ns),
            "eventName": "gen_ai.evaluation.result",
            "traceId": call.trace,
            "attributes": [
                {"key": "gen_ai.evaluation.name", "value": {"stringValue": "helpfulness"}},
                {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": call.rating}},
            ],
        }
        for call in calls
    ]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: when calls are due
