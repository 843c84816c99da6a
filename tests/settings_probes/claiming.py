"""Keys that say what telemetry may claim: records through the whole job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from optimizer.observe.stamps import Stamp, sign
from optimizer.windows import WindowSummary
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import a_request, a_span, as_record, counts_of, outputs_of

if TYPE_CHECKING:
    from optimizer.settings import Settings

KEY, OTHER_KEY = "the key of all stamps", "the key of a rival!!"
SIGNED = as_record(
    a_span(
        **{
            "llm.optimizer.route": "answer",
            "llm.optimizer.arm": "small",
            "llm.optimizer.signature": sign(KEY, Stamp("default", "answer", "small")),
        }
    )
)
UNSIGNED = as_record(a_span(**{"llm.optimizer.arm": "small"}))


def routes(settings: Settings) -> set[str]:
    """Name the route of a call whose stamp is not signed."""
    outputs = outputs_of(settings, [UNSIGNED])
    return {each.route for each in outputs if isinstance(each, WindowSummary)}


def told(counted: str, settings: Settings) -> int:
    """How many of a call rightly signed by `KEY` and one unsigned the ledger counts so."""
    return counts_of(settings, [SIGNED, UNSIGNED._replace(offset=1)])[counted]


def names(part: str, settings: Settings) -> list[str]:
    """Name the routes or arms that three calls of different ones count for."""
    stamps = [{f"llm.optimizer.{part}": name} for name in ("one", "two", "three")]
    spans = [a_span(number, **stamp) for number, stamp in enumerate(stamps, 1)]
    outputs = outputs_of(settings, [as_record(*spans)])
    return sorted({getattr(each, part) for each in outputs if isinstance(each, WindowSummary)})


ROUTES = ["acme/shop/one", "acme/shop/three", "acme/shop/two"]


def counted(settings: Settings) -> tuple[int, int]:
    """How many of a gateway's call and its caller's two are counted, and how many shadowed."""
    requests = (a_request(a_span(1), scope="litellm"), a_request(a_span(2), a_span(3), scope="sdk"))
    records = [
        as_record(offset=offset)._replace(body=request) for offset, request in enumerate(requests)
    ]
    counts = counts_of(settings, records)
    return counts["counted"], counts["shadowed"]


TAKEN, IGNORED = {"default/shop/answer"}, {"default/shop/default"}
PROBES = (
    Probe(
        "stamps.check",
        ("required", "preferred"),
        routes,
        (IGNORED, TAKEN),
        {"stamps": {"key": KEY}},
    ),
    Probe(
        "stamps.check",
        ("off", "preferred"),
        partial(told, "unsigned"),
        (0, 1),
        {"stamps": {"key": KEY}},
    ),
    Probe(
        "stamps.key",
        (KEY, OTHER_KEY),
        partial(told, "badly_signed"),
        (0, 1),
        {"stamps": {"check": "preferred"}},
    ),
    Probe("telemetry.producer", ("gateway", None), counted, ((1, 2), (3, 0))),
    Probe("telemetry.producer", ("sdk", "litellm"), counted, ((2, 1), (1, 2))),
    Probe(
        "routes[].producer",
        ("gateway", None),
        counted,
        ((1, 2), (2, 1)),
        {"routes": [{"route": "default/shop/answer"}], "telemetry": {"producer": "sdk"}},
    ),
    Probe(
        "limits.routes",
        (3, 1),
        partial(names, "route"),
        (ROUTES, ["acme/shop/one", "acme/~other/~other"]),
        {"input": {"tenant": "acme"}},
    ),
    Probe(
        "limits.arms",
        (3, 2),
        partial(names, "arm"),
        (["one", "three", "two"], ["one", "two", "~other"]),
    ),
    Probe(
        "sources[].stamps",
        ("required", None),
        routes,
        (IGNORED, TAKEN),
        {"stamps": {"key": KEY}, "sources": [{"source": "p0"}]},
    ),
)
