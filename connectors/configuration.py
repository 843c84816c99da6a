"""Settings from a YAML file and the environment, and settings shown as YAML."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

import yaml

from optimizer.settings import (
    MASK,
    PREFIX,
    Items,
    Knob,
    Settings,
    Text,
    as_mapping,
    is_secret,
    masked,
    nearest,
    unknown,
    validate,
    variables,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMESTAMP = "tag:yaml.org,2002:timestamp"
# PyYAML follows YAML 1.1, where 1e-4 is text; everybody else reads a number.
EXPONENT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+\Z")
FLOAT = "tag:yaml.org,2002:float"
RARE_LINE_ENDS = re.compile("[\r\x85\u2028\u2029]")
STARTS_OF_NUMBERS = list("-+.0123456789")
# What PyYAML lets escape beside its own errors, on `!!bool maybe`, `!!int x` and endless nesting.
UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the settings: defaults, then the file, then the environment.

    Args:
        path: A YAML file; None for none.
        environment: Variables by name; those that begin with `OPTIMIZER_` count, empty ones do
            not. A double underscore stands for the dot of a key; a value is YAML, but taken as it
            stands where text is expected.

    Raises:
        SettingsInvalid: Anything is wrong with either; lists all faults.
    """
    faults: list[str] = []
    given = {} if path is None else _read(path, faults)
    values = _from_variables(environment, faults)
    return validate(given, values, tuple(faults))


def located(settings: Settings, path: Path | None) -> Settings:
    """Let relative paths in settings start from their file's folder; without a file, from here."""
    overrides = settings.prices.overrides
    if overrides is None or path is None:
        return settings
    start = path.parent.resolve()
    return replace(settings, prices=replace(settings.prices, overrides=str(start / overrides)))


def masked_mapping(settings: Settings) -> dict[str, Any]:
    """Give all settings as plain data; only passwords are masked."""
    told: dict[str, Any] = _without_passwords(_without_secrets(as_mapping(settings)))
    return told


def show(settings: Settings) -> str:
    """Write all settings as YAML that loads to the same; only passwords are masked."""
    return yaml.dump(
        masked_mapping(settings),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


class _Loader(yaml.SafeLoader):
    """Reads plain data; notes keys that stand twice, which PyYAML would settle in silence."""

    # Settings hold no dates, and a version such as 2024-06-01 is text to whoever writes it.
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name for it
        first: [rule for rule in rules if rule[0] != TIMESTAMP]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: bytes | str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping; looked at before `<<` merges others into it."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue
            if first := lines.get(key.value):
                self.repeated.append(f"line {line}: {key.value} stands already in line {first}")
            lines.setdefault(key.value, line)
        return node


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Escape ends of lines that are no newline: PyYAML folds them when it only quotes."""
        style = '"' if RARE_LINE_ENDS.search(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)

for reads_or_writes in (_Loader, _Dumper):
    reads_or_writes.add_implicit_resolver(FLOAT, EXPONENT, STARTS_OF_NUMBERS)


def _read(path: Path, faults: list[str]) -> object:
    """Read a file; what it holds may be anything."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        faults.append(f"{path} is not there: name a file that exists, or none for the defaults")
        return {}
    except OSError as error:
        faults.append(f"{path} cannot be read: {error.strerror}")
        return {}
    given, wrong = _parse(text)
    faults.extend(f"{path}, {fault}" for fault in wrong)
    return given


def _parse(text: bytes | str) -> tuple[object, list[str]]:
    """Read YAML: what it holds, and what is wrong with it."""
    try:
        loader = _Loader(text)
        return loader.get_single_data(), loader.repeated
    except UNREADABLE as error:
        return None, [f"{_place(error)}not YAML: {_problem(error)}"]


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "


def _problem(error: Exception) -> str:
    """Say what is wrong without quoting the text, which may hold a password."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return (
        masked(str(problem)) if problem else "a value does not fit its tag, or is nested too deep"
    )


def _from_variables(environment: Mapping[str, str], faults: list[str]) -> dict[str, object]:
    """Give the values that variables set, by dotted key."""
    known = variables()
    values: dict[str, object] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            faults.append(unknown(name, nearest(name, known)))
        elif text:
            key, node = known[name]
            value, wrong = _value(text, node)
            if wrong:
                faults.extend(f"{name}, {fault}" for fault in wrong)
            else:
                values[key] = value
    return values


def _value(text: str, node: Knob | Items) -> tuple[object, list[str]]:
    """Read a variable: YAML, but as it stands where text is expected; and what is wrong with it."""
    if isinstance(node, Knob) and isinstance(node.kind, Text):
        return (None if node.null and text == "null" else text), []
    return _parse(text)


def _without_secrets(mapping: dict[str, Any]) -> dict[str, Any]:
    """Mask the values of knobs that are never shown, in place."""
    for key, node in variables().values():
        if isinstance(node, Knob) and node.secret:
            *sections, name = key.split(".")
            place = reduce(getitem, sections, mapping)
            place[name] = place[name] and MASK
    return mapping


def _without_passwords(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case list():
            return [_without_passwords(item) for item in value]
        case dict():
            return {
                name: MASK if is_secret(name, item) else _without_passwords(item)
                for name, item in value.items()
            }
        case _:
            return value
