"""Kinds of calls, coded: what is the same for all calls with the same words is looked up once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.otlp.any_value import any_value
from optimizer.observe.columns import STREAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optimizer.observe.columns import KeyTable
    from optimizer.observe.normalize import Kind, Normalizer
    from optimizer.observe.values import Value

NO_CALL = -1
UNDECIDED = -2  # the words asked for do not tell the arm
MAX_SIGNATURES = 65_536  # of all memos together; then they are cleared
MAX_REMEMBERED = 1_024  # bytes of a signature worth remembering


class Kinds:
    """Codes of kinds, and their facts as arrays; no output may depend on a code.

    Attributes:
        table: Codes of the keys.
        kinds: The kind of each code.
    """

    _FACTS = ("key", "price", "flags", "failed", "silent_tokens_out", "slot", "reported")

    def __init__(self, table: KeyTable, normalizer: Normalizer) -> None:
        self.table = table
        self.kinds: list[Kind] = []
        self.signatures = 0
        self._normalizer = normalizer
        self._codes: dict[Kind, int] = {}
        self._facts = np.zeros((len(self._FACTS), 64), np.int64)

    def code(self, kind: Kind) -> int:
        """Give the code of a kind, a new one at first sight."""
        code = self._codes.get(kind)
        if code is None:
            code = self._codes[kind] = len(self.kinds)
            self.kinds.append(kind)
            if code == self._facts.shape[1]:
                self._facts = np.concatenate([self._facts, np.zeros_like(self._facts)], axis=1)
            self._facts[:, code] = (
                self.table.code(kind.key),
                kind.priced.index,
                STREAMED * kind.streamed,
                bool(kind.error_type),
                kind.silent_tokens_out,
                kind.slot,
                self._normalizer.counts_reported(kind),
            )
        return code

    def read(self, attributes: Mapping[str, Value], resource: Mapping[str, Value]) -> int:
        """Give the code of the kind that words tell, `NO_CALL` where it is no call."""
        kind = self._normalizer.kind(attributes, resource)
        return NO_CALL if kind is None else self.code(kind)

    def fact(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Give one fact of all kinds, by code."""
        return self._facts[self._FACTS.index(name)]


class Signatures(dict[tuple[bytes, ...], int]):
    """The kind of each combination of undecoded words seen; works new ones out."""

    def __init__(
        self, keys: tuple[str, ...], kinds: Kinds, read: Callable[[Mapping[str, Value]], int]
    ) -> None:
        super().__init__()
        self._keys = keys
        self._kinds = kinds
        self._read = read

    def __missing__(self, raws: tuple[bytes, ...]) -> int:
        """Work out a combination that is not remembered."""
        pairs = zip(self._keys, raws, strict=True)
        code = self._read({key: any_value(raw) for key, raw in pairs if raw})
        if sum(map(len, raws)) <= MAX_REMEMBERED:
            self._kinds.signatures += 1
            self[raws] = code
        return code
