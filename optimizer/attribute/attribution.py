"""Attribution: judgements of all partitions meet the calls of all, pane by pane of event time.

What has come of a pane is taken when the least of the partitions' watermarks has passed it: first
the calls that can be found from then on, then the scores that count in it. So neither the order in
which partitions are read nor how records are grouped can change what comes out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.attribute.counting import Memory, pane_of
from optimizer.attribute.coverage import Covered
from optimizer.attribute.findable import Findable
from optimizer.attribute.lookup import (
    AMBIGUOUS,
    UNKNOWN,
    Answers,
    Keys,
    Question,
    look_up,
    look_up_exactly,
    nothing,
)
from optimizer.attribute.owners import with_own_links
from optimizer.attribute.waiting import is_late, next_end, ripens
from optimizer.judgements import ATTRIBUTION, Judged, Seen, join
from optimizer.panes import FINAL_NS, PANE_NS, Mark, Pane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from optimizer.attribute.coverage import Coverage
    from optimizer.attribute.findable import Room
    from optimizer.attribute.runs import Run

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionRules:
    """How far scores and calls may be apart, and how many are remembered.

    Attributes:
        room: How many calls of a pane can be found.
        wait_ns: How long a score waits for its call.
        span_wait_ns: How long it waits for its span or response alone; then calls of its trace
            will do, if they agree.
        keep_ns: How long calls can be found, and repeats of scores are recognised.
        scores: How many scores are remembered.
        tenants: How many tenants the sources have; each has its share of the room.
    """

    room: Room
    wait_ns: int = 900_000_000_000
    span_wait_ns: int = 60_000_000_000
    keep_ns: int = 86_400_000_000_000
    scores: int = 1_000_000
    tenants: int = 1


class Unattributed(NamedTuple):
    """A score that counts for no arm.

    Attributes:
        partition: Where it came from.
        offset: Its record's place there.
        stamp_ns: When its record was taken.
        reason: A short constant name.
        detail: Why, for a person.
        body: A record of this score alone.
        kind: What those bytes are: a `RecordKind`.
        place: Its number among the scores of its record.
    """

    partition: str
    offset: int
    stamp_ns: int
    reason: str
    detail: str
    body: bytes
    kind: int
    place: int


class Attribution:
    """The one place where scores meet calls; one owner, changed in place.

    Args:
        rules: How long is waited and remembered.
        partitions: The source partitions whose watermarks are waited for.

    Attributes:
        watermark_ns: The least of the partitions' watermarks.
        counts: What became of the judgements.
        covered: Calls and scores by arm.
    """

    def __init__(self, rules: AttributionRules, partitions: Iterable[str]) -> None:
        self.marks = dict.fromkeys(partitions, -1)
        self.watermark_ns = -1
        self.latest_ns = -1
        self.counts: Counter[str] = Counter()
        self.covered = Covered()
        self.calls = Findable(rules.room, rules.tenants)
        self.memory = Memory(rules.scores)
        self.judged: dict[int, list[Judged]] = {}
        self.seen: dict[int, list[Seen]] = {}
        self.waiting = join([])
        self._rules = rules

    def take(self, item: Judged | Seen | Mark) -> Iterator[Pane | Mark | Unattributed]:
        """Take what a partition has; a watermark that moves the least one resolves what it can."""
        match item:
            case Seen():
                self.seen.setdefault(item.pane, []).append(item)
            case Judged():
                panes = item.rows["count_ns"] // PANE_NS
                for pane in np.unique(panes).tolist():
                    self.judged.setdefault(pane, []).append(item.take(panes == pane))
            case Mark():
                yield from self._advance(item)

    def told(self) -> Iterator[Coverage]:
        """Give the coverage that has changed since this was asked last."""
        yield from self.covered.told()
        # How far the fastest partition is ahead is chance; the final watermark is no time.
        reached_ns = min(self.watermark_ns, self.latest_ns)
        self.covered.forget((reached_ns - self._rules.keep_ns) // PANE_NS)

    def _advance(self, mark: Mark) -> Iterator[Pane | Mark | Unattributed]:
        self.marks[mark.partition] = max(mark.watermark_ns, self.marks.get(mark.partition, -1))
        self.latest_ns = max(self.latest_ns, mark.latest_ns)
        least_ns = min(self.marks.values())
        if least_ns <= self.watermark_ns:
            return
        since = self.watermark_ns // PANE_NS  # the panes before it are resolved
        self.watermark_ns = least_ns
        ended = least_ns >= FINAL_NS
        until = (self.latest_ns if ended else least_ns) // PANE_NS
        for pane in sorted(pane for pane in {*self.judged, *self.seen} if pane < until):
            yield from self._end_waits(since, pane)
            yield from self._resolve(pane, (pane + 1) * PANE_NS)
            since = max(since, pane + 1)
        yield from self._end_waits(since, until)
        if ended:  # nothing more comes, so nothing waits for it
            yield from self._resolve(until, FINAL_NS)
        yield Mark(ATTRIBUTION, least_ns, self.latest_ns)

    def _end_waits(self, since: int, until: int) -> Iterator[Pane | Unattributed]:
        """Resolve the panes from one to another, that one left out, in which only waiting ends."""
        while since < until:
            pane = next_end(self.waiting.rows, since, self._rules)
            if pane is None or pane >= until:
                return
            yield from self._resolve(pane, (pane + 1) * PANE_NS)
            since = pane + 1

    def _resolve(self, pane: int, given_up_ns: int) -> Iterator[Pane | Unattributed]:
        """Resolve what counts in a pane, and what has waited for its calls."""
        since_ns = pane * PANE_NS - self._rules.keep_ns
        new = self._remember(pane, since_ns)
        parts = sorted(self.judged.pop(pane, []), key=lambda part: part.partitions)
        waited = len(self.waiting.rows)
        judged = join([self.waiting, *parts])
        if not len(judged.rows):
            return
        # What waited stands first and counts first: it came earlier.
        judged = judged.take(np.argsort(judged.rows["count_ns"], kind="stable"))
        self.counts["judged"] += len(judged.rows) - waited
        keys = Keys()
        links = with_own_links(judged.rows, judged.tenants, judged.rows["tenant"])
        asked = Question(links, self._tenants(judged, keys), since_ns)
        answers = self._echoed(judged, keys)
        asking = answers.keys == UNKNOWN
        waits = np.arange(len(asking)) < waited  # and was looked up in all runs but the new ones
        for some, runs in ((asking & waits, new), (asking & ~waits, self.calls.runs())):
            if some.any():
                answers.fill(some, look_up_exactly(asked.take(some), runs, keys))
        # Once, in a pane that event time tells: the span may be one around the call, never seen.
        ripe = ripens(judged.rows, pane, self._rules)
        ripe = self._ask_traces(asked, ripe, answers, keys)
        answers.keys[ripe & (answers.keys == AMBIGUOUS)] = UNKNOWN  # its span would settle it
        late = is_late(judged.rows, answers.keys == UNKNOWN, given_up_ns, self._rules)
        self._ask_traces(asked, late, answers, keys)  # its span was never seen: whatever they tell
        yield from self._settle(pane, judged, answers, keys, late)

    def _ask_traces(self, asked: Question, some: Mask, answers: Answers, keys: Keys) -> Mask:
        """Look up by their traces those of some scores that nothing was found for; tell which."""
        asks: Mask = some & (answers.keys == UNKNOWN) & (asked.scores["trace"] != 0)
        if asks.any():
            answers.fill(asks, look_up(asked.take(asks), "trace", self.calls.runs(), keys))
        return asks

    def _settle(
        self, pane: int, judged: Judged, answers: Answers, keys: Keys, late: Mask
    ) -> Iterator[Pane | Unattributed]:
        """Count what was found, set aside what will not be, let the rest wait."""
        unknown = answers.keys == UNKNOWN
        dead = (answers.keys == AMBIGUOUS) | (unknown & late)
        yield from self._set_aside(judged.take(dead), answers.keys[dead])
        self.waiting = join([judged.take(unknown & ~late)])
        found = answers.keys >= 0
        if found.any():
            known = Answers(answers.keys[found], answers.slots[found])
            yield from self._count(pane, judged.take(found), known, keys)

    def _echoed(self, judged: Judged, keys: Keys) -> Answers:
        """Answer for the scores that tell themselves where their call was made."""
        answers = nothing(len(judged.rows))
        echoed = judged.rows["key"] >= 0
        if echoed.any():
            rows = judged.rows[echoed]
            answers.fill(echoed, Answers(keys.codes(judged.keys, rows["key"]), rows["slot"]))
        return answers

    def _remember(self, pane: int, since_ns: int) -> list[Run]:
        """Let calls be found from now on; give them, and forget those that are too old."""
        self.calls.forget(pane, since_ns)
        self.counts["forgotten_scores"] += self.memory.forget(since_ns)
        seen = sorted(self.seen.pop(pane, []), key=lambda one: one.partition)
        for one in seen:
            self.covered.see(pane, one.calls)
        new = self.calls.add(pane, seen)
        found = sum(len(run.rows) for run in new)
        self.counts["findable"] += found
        self.counts["unfindable"] += sum(len(one.rows) for one in seen) - found
        return new

    @staticmethod
    def _tenants(judged: Judged, keys: Keys) -> NDArray[np.int64]:
        codes = np.array([keys.tenant(name) for name in judged.tenants], np.int64)
        tenants: NDArray[np.int64] = codes[judged.rows["tenant"]]
        return tenants

    def _count(self, pane: int, judged: Judged, answers: Answers, keys: Keys) -> Iterator[Pane]:
        counted = self.memory.count(pane, judged.rows, answers, keys)
        self.counts["scores"] += len(counted.fresh)
        self.counts["corrected_scores"] += counted.corrected
        self.counts["repeated_scores"] += counted.repeated
        rows = judged.rows[counted.fresh]
        told = np.stack((answers.keys[counted.fresh], rows["name"], rows["judge"]), axis=1)
        for (code, name, judge), count in zip(*_counts(told), strict=True):
            arm = keys.keys[code][:2]
            self.covered.score(pane, arm, judged.names[name], judge, count)
        if len(counted.keys):
            yield pane_of(ATTRIBUTION, pane, counted, keys)

    def _set_aside(self, judged: Judged, answers: NDArray[np.int64]) -> Iterator[Unattributed]:
        for row, body, answer in zip(judged.rows, judged.bodies, answers.tolist(), strict=True):
            reason = "ambiguous_score" if answer == AMBIGUOUS else "unresolved_score"
            self.counts[f"dead:{reason}"] += 1
            yield Unattributed(
                partition=judged.partitions[row["partition"]],
                offset=int(row["offset"]),
                stamp_ns=int(row["stamp_ns"]),
                reason=reason,
                detail=_DETAILS[reason].format(
                    name=judged.names[row["name"]], wait=self._rules.wait_ns / 1e9
                ),
                body=body,
                kind=int(row["kind"]),
                place=int(row["place"]),
            )


_DETAILS = {
    "ambiguous_score": "the calls that {name} may be about are of different routes, arms or "
    "revisions: name the call's span or response, or echo its route and arm",
    "unresolved_score": "no call that {name} may be about was seen within {wait:.0f} s of it "
    "(attribution.wait_secs), or it was one too many to be found (attribution.max_calls): name a "
    "span, trace or response (responses only with attribution.index: responses) that telemetry "
    "shows, or echo the call's route and arm",
}


def _counts(rows: NDArray[np.int64]) -> tuple[list[list[int]], list[int]]:
    """Give the distinct rows of a table and how often each is there."""
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    return distinct.tolist(), counts.tolist()
