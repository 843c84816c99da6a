"""Every score counts where, when and for whom a plain reckoning says: one score at a time.

The reckoning takes what leaves the partitions and knows neither runs nor watermarks, only panes.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.judgements import Judged, Seen
from optimizer.panes import PANE_NS, Mark
from tests.optimizer.attribute.a_stream import (
    NAMES,
    RULES,
    SECOND,
    START,
    Said,
    Step,
    attributed,
    beat,
    call,
    end,
    items_of,
    merged,
    score,
    split_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.attribute.attribution import AttributionRules

SEEDS = range(250)
SPAN_WAITS_S = (0, 7, 25, 40, 60, 90)


class Links(NamedTuple):
    """What a call or a score can be found by."""

    trace: int
    span: int
    response: int


class SeenCall(NamedTuple):
    """A call as it can be found from a pane on."""

    pane: int
    links: Links
    arm: str


class Given(NamedTuple):
    """A score that can count from a pane on."""

    count_ns: int
    links: Links
    name: str
    value: float


class Fate(NamedTuple):
    """What becomes of a score: how it was found, in which pane, and its arm or the reason."""

    how: str
    pane: int
    what: str


@dataclass(frozen=True)
class Reckoning:
    """The rules, over all that was seen."""

    calls: list[SeenCall]
    last: int  # the pane in which the replay ends
    rules: AttributionRules

    def fate(self, given: Given) -> Fate:
        """Tell what becomes of a score, pane by pane."""
        first = given.count_ns // PANE_NS
        for pane in range(first, self.last + 1):
            exact = self._exactly(given.links, pane)
            if exact:
                return _fate("exactly", pane, exact)
            trace = self._found("trace", given.links, pane)
            if pane == (given.count_ns + self.rules.span_wait_ns) // PANE_NS and len(trace) == 1:
                return _fate("early", pane, trace)
            if pane in ((given.count_ns + self.rules.wait_ns) // PANE_NS, self.last):
                return _fate("late", pane, trace)
        raise AssertionError(given)

    def _exactly(self, links: Links, pane: int) -> set[str]:
        if not links.span and not links.response:
            return self._found("trace", links, pane)
        return self._found("span", links, pane) or self._found("response", links, pane)

    def _found(self, by: str, links: Links, pane: int) -> set[str]:
        wanted = getattr(links, by)
        return {
            one.arm
            for one in self.calls
            if wanted and one.pane <= pane and getattr(one.links, by) == wanted
            if links.trace in {0, one.links.trace}
        }


def _fate(how: str, pane: int, arms: set[str]) -> Fate:
    match sorted(arms):
        case [arm]:
            return Fate(how, pane, arm)
        case []:
            return Fate(how, pane, "unresolved_score")
        case _:
            return Fate(how, pane, "ambiguous_score")


def _links(row: Any) -> Links:
    return Links(int(row["trace"]), int(row["span"]), int(row["response"]))


def reckoned(items: Iterable[Any], rules: AttributionRules) -> dict[Given, Fate]:
    """Reckon what becomes of every score of what leaves the partitions."""
    calls, given, latest_ns = [], [], -1
    for item in items:
        match item:
            case Seen():
                calls += [
                    SeenCall(item.pane, _links(row), item.keys[row["key"]][1]) for row in item.rows
                ]
            case Judged(rows=rows, names=names):
                given += [
                    Given(int(row["count_ns"]), _links(row), names[row["name"]], row["value"] / 1e6)
                    for row in rows
                ]
            case Mark():
                latest_ns = max(latest_ns, item.latest_ns)
    reckoning = Reckoning(calls, latest_ns // PANE_NS, rules)
    return {one: reckoning.fate(one) for one in given}


def world(rng: random.Random) -> dict[str, list[Step]]:
    """Calls and scores of a few traces in three partitions, some late, in any order."""

    def link() -> int:
        return rng.choice((0, 1, 2, 3, 4, 5))

    numbers = iter(range(1, 1000))

    def step() -> Step:
        match rng.choice(("call", "score", "score", "beat")):
            case "call":
                at_s, late_s = rng.randrange(200), rng.choice((0, 0, 0, 50))
                return call(
                    at_s,
                    trace=rng.randint(1, 4),
                    span=rng.randint(1, 4),
                    arm=rng.choice("aaab"),
                    arrives_s=at_s + late_s,
                    response=link(),
                )
            case "score":
                number = next(numbers)
                links = {"trace": link(), "span": link(), "response": rng.choice((0, 0, link()))}
                value = rng.randrange(1000) / 1000
                at_s = rng.randrange(200)
                return score(at_s, value, identity=number, name=f"s{number}", **links)
            case _:
                return beat(rng.randrange(200))

    steps = {name: [step() for _ in range(rng.randrange(12))] for name in NAMES}
    return {name: [*mine, end()] for name, mine in steps.items()}


def counted(fates: dict[Given, Fate]) -> tuple[Any, Any]:
    """Tell by pane and arm how many scores count and their sum, and who is set aside and why."""
    sums: dict[tuple[int, str], list[float]] = {}
    dead = set()
    for given, (_, pane, what) in fates.items():
        if what.endswith("_score"):
            dead.add((what, given.name))
        else:
            sums.setdefault((pane, what), []).append(given.value)
    lines = [
        ((pane * PANE_NS - START) // SECOND, arm, len(values), round(sum(values), 6))
        for (pane, arm), values in sums.items()
    ]
    return sorted(lines), dead


def what(said: Said) -> tuple[Any, Any]:
    """Tell the same of what attribution said."""
    dead = {(one.reason, *re.findall(r"that (s\d+) may", one.detail)) for one in said.dead}
    return sorted((*line[:3], round(line[3], 6)) for line in said.sums()), dead


def test_every_score_counts_as_is_reckoned_however_it_comes() -> None:
    met: Counter[tuple[str, bool]] = Counter()
    for seed in SEEDS:
        rng = random.Random(seed)
        steps = world(rng)
        rules = replace(RULES, span_wait_ns=rng.choice(SPAN_WAITS_S) * SECOND)
        crashes = sorted(rng.sample(range(40), 4))
        whole = {name: items_of(name, mine) for name, mine in steps.items()}
        broken = {
            name: split_up(items_of(name, mine, crashes), rng.randint(1, 3))
            for name, mine in steps.items()
        }
        every = [item for items in whole.values() for item in items]
        fates = reckoned(every, rules)
        order = [rng.randrange(3) for _ in range(60)]
        said = attributed(merged(broken, order), NAMES, rules, crashes)
        assert what(said) == counted(fates), seed
        assert what(attributed(every, NAMES, rules)) == counted(fates), seed
        met.update((fate.how, fate.what.endswith("_score")) for fate in fates.values())
    assert min(met[kind] for kind in (("exactly", False), ("early", False), ("late", False))) > 100
    assert met["late", True] > 100
    assert met["early", True] == 0


def test_a_service_that_judges_within_its_own_span_waits_no_longer_for_its_scores() -> None:
    for seed in range(100):
        rng = random.Random(seed)
        arms = {trace: rng.choice("ab") for trace in range(1, 13)}
        at_s = {trace: rng.randrange(100) for trace in arms}
        calls = [
            call(at_s[trace] + more, trace, 10 * trace + more, arm)
            for trace, arm in sorted(arms.items(), key=lambda item: at_s[item[0]])
            for more in range(rng.randint(1, 3))
        ]
        given = sorted((at_s[trace] + 3, trace) for trace in arms)
        scores = [score(second, trace=trace, span=999 + trace) for second, trace in given]
        streams = {
            "calls": items_of("calls", [*calls, beat(500)], disorder_s=3),
            "feed": items_of("feed", [*scores, beat(500)]),
        }
        order = [rng.randrange(2) for _ in range(40)]
        said = attributed(
            merged({**streams, "more": []}, order), ("calls", "feed"), resume_at=[5, 9, 13]
        )
        expected = Counter(((second + 30) // 10 * 10, arms[trace]) for second, trace in given)
        assert {(pane, arm): n for pane, arm, n, _ in said.sums()} == expected
        assert said.dead == []
