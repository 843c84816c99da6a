"""The words of a fault: the value seen, without its passwords, and the nearest known name."""

from __future__ import annotations

import re
import reprlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

MASK = "***"
# The password of `scheme://user:password@host`, up to the last @, and of `?password=...`.
CREDENTIALS = re.compile(
    r"(://[^:/@\s]*:)\S*@|((?:password|passwd|token|secret|key)=)[^&\s]+", re.IGNORECASE
)
# Names under which options of a client keep what is secret: sasl.password, ssl.key.pem, ...
SECRET_NAME = re.compile(
    r"password|secret|token$|api.?key|\.pem$|oauthbearer.config", re.IGNORECASE
)
LONGEST_NAME = 100
LONGEST_VALUE = 120


def masked(text: str) -> str:
    """Put `***` for a password inside a connection string or URL."""
    return CREDENTIALS.sub(
        lambda found: f"{found[1]}{MASK}@" if found[1] else f"{found[2]}{MASK}", text
    )


def is_secret(name: object, value: object) -> bool:
    """Tell whether a value is not to be shown, by the name it has."""
    return isinstance(name, str) and isinstance(value, str) and bool(SECRET_NAME.search(name))


class _Short(reprlib.Repr):
    """Shows a value within one line, whatever it holds, however large, even inside itself."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 80
        self.maxlevel = 3

    def repr_str(self, x: str, level: int) -> str:
        """Mask before cutting: a cut could take away the @ that gives a password away."""
        return super().repr_str(masked(x), level)

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        """Mask what stands under a name of a secret."""
        hidden = {name: MASK if is_secret(name, item) else item for name, item in x.items()}
        return super().repr_dict(hidden, level)

    def repr_int(self, x: int, level: int) -> str:
        """Show a number, unless it has more digits than Python agrees to write."""
        return super().repr_int(x, level) if x.bit_length() < LONGEST_NAME * 10 else "a huge number"

    def repr_NoneType(self, x: None, level: int) -> str:  # noqa: ARG002, N802 - the name reprlib calls
        """Show null as YAML writes it."""
        return "null"

    def repr_bool(self, x: bool, level: int) -> str:  # noqa: ARG002, FBT001 - the signature reprlib calls
        """Show a switch as YAML writes it."""
        return "true" if x else "false"


def shown(value: object) -> str:
    """Show a value as a fault names it: one line, cut short, passwords masked."""
    text = _Short().repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def nearest(name: str, known: Collection[str]) -> str:
    """Give the known name most like this one; there is always one, however unlike."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    return get_close_matches(name[:LONGEST_NAME], known, n=1, cutoff=0)[0]


def unknown(key: str, meant: str) -> str:
    """Say that a key is no setting, and what was perhaps meant."""
    return f"{key} is not a setting: did you mean {meant}?"
