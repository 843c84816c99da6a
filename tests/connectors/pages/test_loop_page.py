"""The page of a loop: it shows what happened, and whatever names say stays text."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.pages.loop_page import loop_page
from connectors.pages.loop_text import loop_text
from connectors.pages.loop_words import fate_words, fates
from connectors.worlds.loop_report import (
    LoopReport,
    RouteReport,
    ToldArm,
    ToldDocument,
    ToldLook,
)
from optimizer.decisions import DecisionStatus
from optimizer.simulate.episodes import Episode
from optimizer.simulate.incidents import Incident, IncidentKind
from optimizer.simulate.ways import BEST_ARM, INCUMBENT, OPTIMIZER, Series, Way
from optimizer.simulate.worth import Figures
from tests.builders import a_decision
from tests.connectors.pages.page_reader import Reader

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
POINTS = 4


def a_way(name: str, saved_usd: float = 0.0, bad_calls: int = 0, arm: str = "small") -> Way:
    total = Figures(
        calls=100,
        failed=2,
        hung=0,
        cost_usd=10.0 - saved_usd,
        latency_ms=900.0,
        latency_p95_ms=2000.0,
        quality=0.8,
    )
    episode = Episode(
        arm=1, first_ns=0, last_ns=60 * 10**9, calls=bad_calls, cost_usd=0.1, undone=True
    )
    return Way(
        name=name,
        total=total,
        by_arm={"large": total},
        bad_calls=bad_calls,
        bad_cost_usd=0.1,
        saved_usd=saved_usd,
        episodes=(episode,) * bool(bad_calls),
        series=Series(
            width_s=3600,
            shares={"large": (1.0, 0.5, 0.5, 1.0), arm: (0.0, 0.5, 0.5, 0.0)},
            saved_usd=tuple(saved_usd * n / POINTS for n in range(1, POINTS + 1)),
            bad_calls=(0, bad_calls, bad_calls, bad_calls),
            quality=(None, 0.8, 0.8, 0.8),
        ),
    )


def a_report(word: str = "small", **changes) -> LoopReport:
    """Four hours of one route; `word` stands wherever a name or a reason may."""
    hour = timedelta(hours=1)
    incident = Incident(
        kind=IncidentKind.LATENCY, route=word, arm=word, start=hour, length=hour, factor=2.0
    )
    document = ToldDocument(
        revision=1,
        at=START + hour,
        followed=START + hour,
        shares={word: 0.5, "large": 0.5},
        decision_id="d",
        reason=word,
    )
    look = ToldLook(
        decision_id="d",
        since=START + hour,
        until=START + 2 * hour,
        candidate=word,
        phase="rolling_out",
        step=0,
        share=0.5,
        kind="need_data",
        reason=word,
        metric=word,
        detail=word,
    )
    route = RouteReport(
        route=f"acme/chat/{word}",
        arms=tuple(
            ToldArm(id=name, name=name, model=name, provider=name) for name in ("large", word)
        ),
        incidents=(incident,),
        decisions=(),
        documents=(document,),
        looks=(look,),
        ways=(
            a_way(OPTIMIZER, 3.0, 7, word),
            a_way(f"rival {word}", 1.0, 40, word),
            a_way(INCUMBENT),
            a_way(BEST_ARM, 4.0),
        ),
    )
    given = {"world": word, "seed": 1, "start": START, "end": START + 4 * hour}
    return LoopReport(**given | {"routes": (route,)} | changes)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_the_page_says_what_happened() -> None:
    reader = read(loop_page([a_report()]))
    words = " ".join(reader.texts)
    for told in (
        "$3.00 (+30.0%)",
        "7 calls",
        "small for 1 min, 7 calls, $0.10; then it was taken away",
        "rolling out, 50.0%: need data, small (small). small",
        "revision 1: 50.0% small, 50.0% large (small)",
        "incident: latency of small",
    ):
        assert told in words
    assert reader.tags.count("svg") == 6


def test_what_became_of_candidates_is_counted_once_each() -> None:
    calm = a_report().routes[0]

    def told(*statuses: tuple[str, DecisionStatus]) -> str:
        decisions = tuple(a_decision(id=name, status=status) for name, status in statuses)
        return fate_words(fates(replace(calm, decisions=decisions)))

    shared, alone, status = "d", "another", DecisionStatus
    assert told((shared, status.DEPLOYING)) == "0 promoted, 0 rolled back"
    assert told((shared, status.DEPLOYED), (shared, status.MONITORING)) == (
        "1 promoted, 0 rolled back"
    )
    assert told((shared, status.DEPLOYED), (shared, status.ROLLED_BACK)) == (
        "1 promoted, 1 rolled back"
    )
    assert told((alone, status.DEPLOYED), (alone, status.COMPLETED)) == (
        "0 promoted, 0 rolled back, 1 reverted"
    )
    assert told((alone, status.PENDING), (alone, status.VALIDATION_FAILED)) == (
        "0 promoted, 0 rolled back"
    )


@pytest.mark.parametrize("hostile", ["</title><script>alert(1)</script>", '"><b>', "&lt;x", "'"])
def test_names_and_reasons_stay_text(hostile: str) -> None:
    usual, odd = read(loop_page([a_report()])), read(loop_page([a_report(hostile)]))
    assert odd.tags == usual.tags
    assert "script" not in odd.tags
    assert any(hostile in text for text in odd.texts)


def test_a_silence_is_a_gap_and_no_change_of_shares() -> None:
    route = a_report().routes[0]

    def drawn(*shares: float) -> str:
        series = replace(
            route.ways[0].series,
            shares={"large": (1.0, shares[0], 1.0, 1.0), "small": (0.0, shares[1], 0.0, 0.0)},
        )
        ways = (replace(route.ways[0], series=series), *route.ways[1:])
        page = loop_page([a_report(routes=(replace(route, ways=ways),))])
        (line,) = re.findall(r'<polyline class="line a1 ours" points="([^"]*)"', page)[:1]
        return line

    assert len(drawn(0.0, 0.0).split()) == 2 * (POINTS - 1)
    assert len(drawn(0.5, 0.5).split()) == 2 * POINTS


def test_the_page_needs_nothing_from_anywhere() -> None:
    reader = read(loop_page([a_report()]))
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not {"href", "src"} & {name for name, _ in reader.attributes}
    assert "url(" not in loop_page([a_report()])
    assert "@import" not in loop_page([a_report()])


def test_several_seeds_are_told_beside_the_first() -> None:
    first = a_report()
    better = replace(first.routes[0], ways=(a_way(OPTIMIZER, 5.0, 0),
                                               *first.routes[0].ways[1:]))  # fmt: skip
    reports = [first, replace(first, seed=2, routes=(better,))]
    words = " ".join(read(loop_page(reports)).texts)
    assert "2 seeds" in words
    assert "$4.00 $3.00 $5.00" in words
    assert "saved $3.00 to $5.00, bad-arm calls 0 to 7" in loop_text(reports)


def test_the_text_tells_each_way() -> None:
    lines = loop_text([a_report()]).splitlines()
    assert lines[0] == "small: 4 h from 2026-03-02 06:00, seed 1"
    assert [line.split("  ")[0] for line in lines[4:8]] == [
        OPTIMIZER,
        "rival small",
        INCUMBENT,
        BEST_ARM,
    ]
    assert lines[8].startswith("met a bad arm: small for 1 min")


def test_a_route_that_nothing_happened_on_has_a_page() -> None:
    calm = a_report().routes[0]
    ways = tuple(
        replace(one, bad_calls=0, episodes=(), series=replace(one.series, bad_calls=(0,) * POINTS))
        for one in calm.ways
    )
    calm = replace(calm, incidents=(), documents=(), looks=(), ways=ways)
    words = " ".join(read(loop_page([a_report(routes=(calm,))])).texts)
    assert "None." in words
    assert "All 0 events" in words
