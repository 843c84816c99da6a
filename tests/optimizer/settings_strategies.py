"""Values for every knob: ones that fit, ones that do not, and mappings made of them."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import strategies as st

from optimizer.errors import SettingsInvalid
from optimizer.settings import validate
from optimizer.settings.kinds import Choice, Labels, Names, Number, Parameters, Switch, Text
from optimizer.settings.knobs import Knob, walk
from optimizer.settings.scores import MOST
from optimizer.settings.tree import TREE

KNOBS: dict[str, Knob] = {
    key: knob for key, knob in walk(TREE, into_lists=True) if isinstance(knob, Knob)
}
IN_FORCE = {key: knob for key, knob in KNOBS.items() if not knob.later}


def faults_of(mapping: object, environment: dict[str, object] | None = None) -> list[str]:
    """What `validate` finds wrong; fails the test when it finds nothing."""
    with pytest.raises(SettingsInvalid) as caught:
        validate(mapping, environment)
    return caught.value.faults


def without_variables(faults: list[str]) -> list[str]:
    """The faults without the variable that each ends with."""
    return [re.sub(r" \((from )?OPTIMIZER_[A-Z_]+\)$", "", fault) for fault in faults]


LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]))
PROSE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def fitting(knob: Knob) -> st.SearchStrategy[Any]:
    """Values that a knob takes."""
    values = _fitting(knob.kind)
    return values | st.none() if knob.null else values


def _fitting(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each kind
    match kind:
        case Number():
            return _numbers(kind)
        case Choice():
            return st.sampled_from(kind.allowed)
        case Switch():
            return st.booleans()
        case Names():
            return st.lists(_names(kind), max_size=min(kind.most, 5), unique=True)
        case Labels():
            return st.dictionaries(LINES.filter(bool), st.floats(0, 1), max_size=3)
        case Parameters():
            return st.dictionaries(
                LINES, st.integers() | LINES | st.lists(st.booleans()), max_size=3
            )
        case Text():
            return st.from_regex(kind.pattern, fullmatch=True).filter(lambda text: len(text) < 200)


def _names(kind: Names) -> st.SearchStrategy[str]:
    if kind.pattern == Names().pattern:
        return LINES.filter(bool)
    return st.from_regex(kind.pattern, fullmatch=True).filter(lambda name: len(name) < 200)


def _numbers(kind: Number) -> st.SearchStrategy[Any]:
    if kind.whole:
        step = kind.step or 1
        least, most = int(kind.least), int(kind.most or 10**9)
        return st.integers(math.ceil(least / step), most // step).map(lambda n: n * step)
    return st.floats(
        kind.least if kind.above is None else kind.above,
        next((bound for bound in (kind.most, kind.below) if bound is not None), 1e12),
        exclude_min=kind.above is not None,
        exclude_max=kind.below is not None,
    )


def _outside(kind: Number) -> list[float]:
    bounds = {
        kind.above: kind.above,
        kind.below: kind.below,
        kind.least: math.nextafter(kind.least or 0.0, -math.inf),
        kind.most: math.nextafter(kind.most or 0.0, math.inf),
    }
    fractions = [kind.least + 0.5] if kind.whole else []
    if kind.step:
        fractions.append(kind.least + 1)
    return [outside for bound, outside in bounds.items() if bound is not None] + fractions


def misfits(knob: Knob) -> list[Any]:  # noqa: PLR0911 - one for each kind
    """Values that a knob refuses, at the edge of its range where it has one."""
    wrong_type = [[1], {"a": 1}, math.nan, *([] if knob.null else [None])]
    match knob.kind:
        case Number() as kind:
            return [*wrong_type, "12", True, math.inf, 10**400, *_outside(kind)]
        case Switch():
            return [*wrong_type, "true", 1]
        case Choice():
            return [*wrong_type, "", "no such name"]
        case Text() as kind:
            return [*wrong_type, 12, True, "\0", "\ud800", "a" * (kind.most + 1)]
        case Names() as kind:
            twice, many = ["a", "a"], [str(number) for number in range(kind.most + 1)]
            return [{"a": 1}, "a", [1], [""], ["a\nb"], twice, many]
        case Parameters():
            return [None, [1], "a", {1: 2}, {"a": math.nan}, {"a": object()}]
        case Labels() as kind:
            many = {str(number): 1 for number in range(kind.most + 1)}
            return [None, [1], "a", {1: 1}, {"": 1}, {"a": 1.5}, {"a": -1}, {"a": True}, many]


def another(knob: Knob) -> Any:
    """A value in a knob's range that is not its default."""
    match knob.kind:
        case Number() as kind:
            start = max(kind.least or 0, kind.above or 0) if knob.default is None else knob.default
            return start + (1 if kind.whole else 0.01)
        case Choice() as kind:
            return next(name for name in kind.allowed if name != knob.default)
        case Switch():
            return not knob.default
        case Names():
            return ["another"]
        case Text(pattern=r"[0-9a-fA-F]{64}"):
            return 64 * "5"
        case _:
            return "another"


CHECKS = {"stamps.check", "sources[].stamps"}  # these need a key to check with
STAMP_KEY = "the key of all stamps"

# What an item of each list must have, with a value that fits.
OBJECTS = "gateway.gateway_api.routes[]"
NEEDED = {
    "routes[].route": "a/b/c",
    "sources[].source": "spans",
    "scores[].name": "good",
    f"{OBJECTS}.route": "a/b/c",
    f"{OBJECTS}.name": "chat",
    f"{OBJECTS}.backends[].arm": "small",
    f"{OBJECTS}.backends[].name": "small-model",
}


def mapping_of(values: dict[str, Any]) -> dict[str, Any]:
    """Nest values by dotted key; what is inside a list becomes one item, with its needs."""
    nested: dict[str, Any] = {}
    needed = {
        name: value
        for name, value in NEEDED.items()
        if any(key.startswith(name.partition("[]")[0] + "[]") for key in values)
    }
    for section in ("routes[].incumbent.", "routes[].candidates[]."):
        if any(key.startswith(section) for key in values):
            needed[f"{section}model"] = f"model of {section}"
    if CHECKS & values.keys():
        needed["stamps.key"] = STAMP_KEY
    for key, value in (needed | values | _other_ends(values)).items():
        place: Any = nested
        *sections, name = key.split(".")
        for section in sections:
            if section.endswith("[]"):
                place = place.setdefault(section[:-2], [{}])[0]
            else:
                place = place.setdefault(section, {})
        place[name] = value
    return nested


def _other_ends(values: dict[str, Any]) -> dict[str, float | None]:
    """A scale has two ends or none; where one is varied the other is as far as it can be."""
    least, most = "scores[].min", "scores[].max"
    other = {least: most, most: least}
    ends = {least: -MOST, most: MOST}
    varied = [end for end in ends if values.get(end) is not None]
    return {other[end]: ends[other[end]] for end in varied if other[end] not in values}


def as_named(key: str) -> str:
    """The key as a fault names it, when each list has one item."""
    return key.replace("[]", "[0]")


def variable(key: str) -> str:
    """The variable that sets a key, worked out anew."""
    return "OPTIMIZER_" + key.partition("[")[0].upper().replace(".", "__")


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    """Mappings whose every value fits, and that contradict nothing."""
    keys = draw(st.lists(st.sampled_from(sorted(IN_FORCE)), max_size=12, unique=True))
    values = {key: draw(fitting(IN_FORCE[key])) for key in keys}
    disorder = values.get("stream.allowed_disorder_secs", 15)
    if values.get("stream.dedupe_secs", 120) <= disorder:
        values["stream.dedupe_secs"] = disorder + 1
    if "scores[].min" in values:
        values.pop("scores[].max", None)
    if values.get("stamps.key") is None:  # without it nothing can be checked
        for check in CHECKS & values.keys():
            values[check] = "off"
    for key in {name for name in values if name.endswith("_topics")}:  # a topic is in one list
        values[key] = [f"{key}.{topic}" for topic in values[key]]
    for section, model in (("incumbent", "one"), ("candidates[]", "another")):
        if f"routes[].{section}.model" in values:
            values[f"routes[].{section}.model"] = model
    return mapping_of(values)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary()
)
NAMES = st.sampled_from(sorted({part.rstrip("[]") for key in KNOBS for part in key.split(".")}))
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(NAMES | st.text(max_size=8) | st.integers(), inner, max_size=8)
    ),
    max_leaves=40,
)
