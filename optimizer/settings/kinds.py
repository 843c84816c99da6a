"""What a knob's value may be: seven kinds, each says its rule, what breaks it, and reads a value.

Every kind has `rule` (what a value must be, in words), `fault(value)` (`""` for a value that fits)
and `read(value)` (a value that fits, as the type the settings hold).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import StrEnum

# What every encoder and every log can carry: no lone surrogates, and in one line of text neither
# control characters nor what some readers take for the end of a line.
NO_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
LINE = rf"[^\s{NO_LINE}][^{NO_LINE}]*"
PART = rf"[^/\s{NO_LINE}][^/{NO_LINE}]*"
PROSE = r"[^\x00\ud800-\udfff]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A finite number in a range; true and false are not numbers.

    Attributes:
        least: Smallest value allowed.
        above: What it must exceed.
        most: Greatest value allowed.
        below: What it must stay under.
        whole: No fraction.
        step: What it must be a multiple of; 0 for anything.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    whole: bool = False
    step: int = 0

    @property
    def rule(self) -> str:
        """Name the type and the range."""
        return " ".join(filter(None, ("a whole number" if self.whole else "a number", self._range)))

    @property
    def _range(self) -> str:
        """Name the range: `from 0 to 2`, `above 0`; `""` when every number is allowed."""
        bounds = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        words = [f"{name} {_plain(bound)}" for name, bound in bounds.items() if bound is not None]
        if self.least is not None and self.most is not None:
            words = [f"from {_plain(self.least)} to {_plain(self.most)}"]
        return " and ".join([*words, *([f"a multiple of {self.step}"] if self.step else [])])

    def fault(self, value: object) -> str:
        """Say what is wrong with a value."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be {self.rule}"
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            return f"must be finite, {self.rule}"
        if self.whole and isinstance(value, float) and not value.is_integer():
            return f"must be {self.rule}"
        return "" if self._allows(number) else f"must be {self._range}"

    def _allows(self, number: float) -> bool:
        return (
            (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
            and (not self.step or number % self.step == 0)
        )

    def read(self, value: object) -> float:
        """Give an int for a whole number, else a float."""
        number = cast("float", value)
        return int(number) if self.whole else float(number)


def _plain(bound: float) -> str:
    """Write a bound without a needless fraction or exponent."""
    return str(int(bound)) if bound == int(bound) else str(bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text of a form.

    Attributes:
        pattern: What all of it must match; the part of regular expressions that JSON Schema shares.
        rule: The same in words.
        most: Most characters.
        promised: What will be allowed once it is built; `""` for nothing.
    """

    pattern: str = LINE
    rule: str = "one line of text"
    most: int = 1000
    promised: str = ""

    def fault(self, value: object) -> str:
        """Say what is wrong with a value."""
        if not isinstance(value, str):
            return f"must be {self.rule}, in quotes if it looks like something else"
        if self.promised and re.fullmatch(self.promised, value):
            return f"not available yet, must be {self.rule}"
        if len(value) > self.most:
            return f"must have at most {self.most} characters"
        return "" if re.fullmatch(self.pattern, value) else f"must be {self.rule}"

    def read(self, value: object) -> str:
        """Give the text."""
        return str(value)


OFF = "off"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names.

    Attributes:
        names: All of them.
    """

    names: type[StrEnum]

    @property
    def allowed(self) -> tuple[str, ...]:
        """Give the names that can be chosen."""
        return tuple(name.value for name in self.names)

    @property
    def rule(self) -> str:
        """Name the choices."""
        return f"one of {', '.join(self.allowed)}"

    def fault(self, value: object) -> str:
        """Say what is wrong with a value."""
        value = self._meant(value)
        if isinstance(value, str) and value in self.allowed:
            return ""
        return f"must be {self.rule}"

    def read(self, value: object) -> StrEnum:
        """Give the member of that name."""
        return self.names(cast("str", self._meant(value)))

    def _meant(self, value: object) -> object:
        """Give what was written: YAML 1.1 reads a bare `off` as false."""
        return OFF if value is False and OFF in self.allowed else value


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    rule = "true or false"

    def fault(self, value: object) -> str:
        """Say what is wrong with a value."""
        return "" if isinstance(value, bool) else f"must be {self.rule}"

    def read(self, value: object) -> bool:
        """Give the switch's position."""
        return value is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A list of different names.

    Attributes:
        most: Most names in the list.
        length: Most characters in a name.
        pattern: What all of a name must match.
        form: The same in words.
    """

    most: int = 100
    length: int = 200
    pattern: str = LINE
    form: str = "one line of text"

    @property
    def rule(self) -> str:
        """Name the form and the length."""
        return f"a list of at most {self.most} different names, such as [a, b]"

    def fault(self, value: object) -> str:
        """Say what is wrong with a value, naming the first item that does not fit."""
        if not isinstance(value, list | tuple) or len(value) > self.most:
            return f"must be {self.rule}"
        form = Text(most=self.length, pattern=self.pattern, rule=self.form)
        for number, name in enumerate(value):
            if fault := form.fault(name):
                return f"item {number} {fault}"
            if name in value[:number]:
                return f"item {number} is there twice, must be {self.rule}"
        return ""

    def read(self, value: object) -> tuple[str, ...]:
        """Give the names, in the order given."""
        return tuple(cast("Sequence[str]", value))


@dataclass(frozen=True, slots=True)
class Parameters:
    """Names and values that go to the provider as they are."""

    rule = "a mapping of names to what JSON can hold"

    def fault(self, value: object) -> str:
        """Say what is wrong with a value."""
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            return f"must be {self.rule}"
        try:
            json.dumps(value, allow_nan=False, sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            return f"must be {self.rule}"
        return ""

    def read(self, value: object) -> dict[str, object]:
        """Give a copy that nobody else can change."""
        copy: dict[str, object] = json.loads(json.dumps(value))
        return copy


LABEL, SHARE = Text(most=200), Number(least=0, most=1)


@dataclass(frozen=True, slots=True)
class Labels:
    """What labels stand for: numbers from 0 to 1."""

    rule = "a mapping of at most 100 labels to numbers from 0 to 1"
    most = 100

    def fault(self, value: object) -> str:
        """Say what is wrong with a value, naming the first label that does not fit."""
        if not isinstance(value, dict) or len(value) > self.most:
            return f"must be {self.rule}"
        for label, number in value.items():
            if fault := LABEL.fault(label):
                return f"label {label!r} {fault}"
            if fault := SHARE.fault(number):
                return f"label {label} {fault}"
        return ""

    def read(self, value: object) -> dict[str, float]:
        """Give a copy that nobody else can change."""
        return {label: float(number) for label, number in cast("dict[str, float]", value).items()}


Kind = Number | Text | Choice | Switch | Names | Parameters | Labels
