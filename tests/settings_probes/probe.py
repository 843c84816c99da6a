"""What a probe is: one key under two values, and what the product then does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from optimizer.settings import Settings, validate


class Probe(NamedTuple):
    """Two values of a key that lead the product's own code to different results.

    Attributes:
        key: The key, as `keys_in_force` writes it.
        values: The two values.
        see: Runs the product under settings and gives what could be seen from outside.
        wanted: What must be seen under each value; the two differ.
        given: The settings around the key; where the key goes through a list, its first item.
    """

    key: str
    values: tuple[Any, Any]
    see: Callable[[Settings], Any]
    wanted: tuple[Any, Any]
    given: Mapping[str, Any] = {}

    def seen(self) -> tuple[Any, Any]:
        """Run the product under each value."""
        one, other = (self.see(self._settings(value)) for value in self.values)
        return one, other

    def _settings(self, value: Any) -> Settings:
        mapping: Any = deepcopy(dict(self.given))
        *sections, name = self.key.split(".")
        place = mapping
        for section in sections:
            if section.endswith("[]"):
                place = place.setdefault(section.removesuffix("[]"), [{}])[0]
            else:
                place = place.setdefault(section, {})
        place[name] = value
        return validate(mapping)
