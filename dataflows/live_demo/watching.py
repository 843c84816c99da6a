"""What one sees of the demo: each decision as it is made, and shares as they are found."""

from __future__ import annotations

import json
import statistics
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from optimizer.documents import SLOTS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

    from dataflows.live_demo.callers import Call

_WORDS = {
    "pending": "PROPOSED",
    "validation_failed": "REFUSED",
    "deployed": "PROMOTED",
    "completed": "KEPT",
    "rolled_back": "ROLLED BACK",
    "deployment_failed": "FAILED",
    "cancelled": "CANCELLED",
}
_VERDICTS = {"pass": "PASSED", "need_data": "WAITS", "pause": "PAUSED", "invalid": "PAUSED"}
_ENDS = {"validation_failed", "completed", "rolled_back", "deployment_failed", "cancelled"}
_GREEN, _RED, _BOLD, _DIM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COLOURS = {
    "PROMOTED": _GREEN, "KEPT": _GREEN, "ROLLED BACK": _RED, "REFUSED": _RED, "FAILED": _RED,
    "OBSERVED": _DIM, "WAITS": _DIM,
}  # fmt: skip
_LATELY_S = 60.0
_SETTLED_S = 3.0  # after a document is out: it is followed, and calls under way have ended


class Watching:
    """Reads what a run says, prints what is news, and remembers how it ended.

    Args:
        process: The run; its standard output is JSON lines.

    Attributes:
        ended: The last status of each decision that is over, by route.
        commanded: The shares in force by model, by route.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.ended: dict[str, str] = {}
        self.commanded: dict[str, dict[str, float]] = {}
        self._since_s: dict[str, float] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._now_s = 0.0
        self._lines = process.stdout
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def tick(self, now_s: float) -> None:
        """Tell what time it is, by the clock of the calls."""
        self._now_s = now_s

    def look(self, calls: Iterable[Call]) -> None:
        """Print how the calls since each route's document share among models, and their speed."""
        for route, (commanded, since_s) in self._in_force().items():
            found = [
                call
                for call in calls
                if call.route == route and call.ended_s > since_s + _SETTLED_S
            ]
            if found:
                self.say(route, "OBSERVED", _observed(commanded, found))

    def say(self, route: str, word: str, text: str) -> None:
        """Print a line."""
        colour = _COLOURS.get(word, _BOLD) if sys.stdout.isatty() else ""
        plain = _PLAIN if colour else ""
        at = datetime.now(UTC)  # noqa: TID251 - an edge: what is watched happens now
        short = route.rpartition("/")[2]
        with self._lock:
            sys.stdout.write(f"{at:%H:%M:%S}  {short:<8} {colour}{word:<12}{plain} {text}\n")
            sys.stdout.flush()

    def close(self) -> None:
        """Wait until all that was said has been read."""
        self._thread.join()

    def _in_force(self) -> Mapping[str, tuple[dict[str, float], float]]:
        with self._lock:
            return {
                route: (dict(shares), self._since_s[route])
                for route, shares in self.commanded.items()
            }

    def _read(self) -> None:
        for line in self._lines or ():
            said = json.loads(line)
            match said["type"]:
                case "finding":
                    self._finding(said)
                case "decision":
                    self._decision(said)
                case "document":
                    self._document(said)
                case "rollout":
                    self._rollout(said)

    def _finding(self, said: dict[str, Any]) -> None:
        if said["status"] == "open" and said["id"] not in self._told:
            self._told.add(said["id"])
            self.say(said["route"], "FOUND", said["title"])

    def _decision(self, said: dict[str, Any]) -> None:
        word = _WORDS.get(said["status"])
        if word is None:
            return
        candidate, incumbent = _model(said["candidate"]), _model(said["incumbent"])
        is_new = said["status"] == "pending"
        text = f"{candidate} instead of {incumbent}" if is_new else f"{candidate}: {said['reason']}"
        self.say(said["route"], word, text)
        if said["status"] in _ENDS:
            self.ended[said["route"]] = said["status"]

    def _document(self, said: dict[str, Any]) -> None:
        shares = {_model(one["arm"]): one["slots"] / SLOTS for one in said["allotments"]}
        with self._lock:
            self.commanded[said["route"]] = shares
            self._since_s[said["route"]] = self._now_s
        told = ", ".join(f"{share:.0%} {model}" for model, share in shares.items())
        self.say(said["route"], "COMMANDED", f"revision {said['revision']}: {told}")

    def _rollout(self, said: dict[str, Any]) -> None:
        verdict = said["verdict"]
        if verdict["detail"] and verdict["kind"] in _VERDICTS and said["phase"] == "rolling_out":
            self.say(said["route"], _VERDICTS[verdict["kind"]], verdict["detail"])


def _model(arm: str) -> str:
    """Give the model of an arm's id, which ends in a digest of all that makes the arm."""
    return arm.rpartition("-")[0]


def _observed(commanded: Mapping[str, float], calls: list[Call]) -> str:
    """Say how calls share among models since the document, and how fast they were lately."""
    counts = Counter(call.model for call in calls)
    newest_s = max(call.ended_s for call in calls)
    parts = []
    for model in sorted(counts, key=lambda model: counts[model]):
        mine = [call for call in calls if call.model == model]
        lately = [call.latency_ms for call in mine if call.ended_s > newest_s - _LATELY_S]
        speed = f", {statistics.median(lately):,.0f} ms" if lately else ""
        share = len(mine) / len(calls)
        parts.append(f"{model} {share:.1%} (commanded {commanded.get(model, 0):.0%}{speed})")
    return f"{len(calls):,} calls: {', '.join(parts)}"
