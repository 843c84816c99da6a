"""What is given is read beside what is declared: values that fit are kept, faults are noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from optimizer.settings.faults import MASK, nearest, shown, unknown
from optimizer.settings.knobs import UNSET, Group, Items, Knob, Node, walk
from optimizer.settings.tree import TREE, variable_of

PLAIN_NAME = re.compile(r"[\w-]{1,60}")


class Reader:
    """Walks the declared members beside what is given; keeps what fits and notes what does not.

    Attributes:
        faults: What is wrong, by key.
    """

    def __init__(self, environment: Mapping[str, object]) -> None:
        self.environment = environment
        self.faults: dict[str, str] = {}

    def fault(self, key: str, value: object, wrong: str) -> None:
        """Note a value that does not fit."""
        origin = "from " if key in self.environment else ""
        self.faults[key] = f"{key} is {shown(value)}: {wrong} ({origin}{variable_of(key)})"

    def is_sound(self, *keys: str) -> bool:
        """Tell whether nothing is wrong with these keys, nor with anything inside them."""
        inside = tuple(f"{key}{mark}" for key in keys for mark in ".[")
        return not any(key in keys or key.startswith(inside) for key in self.faults)

    def group(self, members: Mapping[str, Node], given: object, key: str) -> dict[str, Any]:
        """Read a section: the values that were given and fit, by name."""
        if given is not None and not isinstance(given, Mapping):
            rule = "must be a mapping of names to values"
            self.faults[key] = f"{key or 'the top level'} is {shown(given)}: {rule}"
            given = None
        mapping: Mapping[object, object] = given or {}
        prefix = f"{key}." if key else ""
        self._note_unknown(mapping, members, prefix)
        values: dict[str, Any] = {}
        for name, node in members.items():
            at = prefix + name
            value = self.environment.get(at, mapping.get(name, UNSET))
            read = self._member(node, value, at)
            if read is not UNSET:
                values[name] = read
        return values

    def _note_unknown(
        self, mapping: Mapping[object, object], members: Mapping[str, Node], prefix: str
    ) -> None:
        for name in mapping:
            if name not in members:
                text = name if isinstance(name, str) and PLAIN_NAME.fullmatch(name) else shown(name)
                # A key in the wrong section is told its home; a misspelt one its neighbour.
                homes = [key for key, _ in walk(TREE, into_lists=False) if key.endswith(f".{text}")]
                meant = " or ".join(homes) or prefix + nearest(text, members)
                self.faults[prefix + text] = unknown(prefix + text, meant)

    def _member(self, node: Node, value: object, key: str) -> object:
        """Read one member; UNSET when it is absent or does not fit."""
        match node:
            case Knob():
                return self._knob(node, value, key)
            case Group():
                is_given = value is not UNSET and value is not None
                if is_given or any(other.startswith(f"{key}.") for other in self.environment):
                    return self.group(node.members, value if is_given else None, key)
                return UNSET
            case Items():
                return self._items(node, value, key)

    def _knob(self, knob: Knob, value: object, key: str) -> object:
        if value is UNSET:
            self._note_absent(knob, key)
            return UNSET
        if wrong := "" if value is None and knob.null else knob.kind.fault(value):
            self.fault(key, MASK if knob.secret else value, wrong)
            return UNSET
        read = None if value is None else knob.kind.read(value)
        if knob.later and read != knob.default:
            self.fault(key, value, f"not available yet, must be left at {shown(knob.default)}")
            return UNSET
        return read

    def _note_absent(self, knob: Knob, key: str) -> None:
        """Note a value that had to be given, unless all its section was refused."""
        if knob.required and key.rpartition(".")[0] not in self.faults:
            wrong = f"{key} is not given: must be {knob.kind.rule} ({variable_of(key)})"
            self.faults[key] = wrong

    def _items(self, node: Items, value: object, key: str) -> object:
        if value is UNSET or value is None:
            return UNSET
        if not isinstance(value, list | tuple):
            self.fault(key, value, "must be a list")
            return UNSET
        return [
            self.group(node.members, item, f"{key}[{number}]") for number, item in enumerate(value)
        ]
