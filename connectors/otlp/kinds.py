"""Kinds of calls, coded: what is the same for all calls with the same words is looked up once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.observe.call_ids import call_ids, owned
from optimizer.observe.columns import STREAMED
from optimizer.observe.keys import KeyCodes
from optimizer.observe.stamps import Proof
from optimizer.producers import TOLD_BY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from optimizer.observe.keys import KeyTable
    from optimizer.observe.normalize import Normalizer
    from optimizer.observe.readings import Kind
    from optimizer.observe.values import Value
    from optimizer.producers import Producer

NO_CALL = -1
UNDECIDED = -2  # the words asked for do not tell the arm
MAX_SIGNATURES = 65_536  # of all memos together; then they are cleared
MAX_REMEMBERED = 1_024  # bytes of a signature worth remembering


class Facts(NamedTuple):
    """What matters of the kinds of some calls, arrays of one length.

    Attributes:
        price: Price history.
        flags: `STREAMED` or nothing.
        failed: 1 where `error.type` says so.
        silent_tokens_out: Output tokens of a call that does not tell them.
        slot: The slot its resource is stamped with.
        reported: 1 where a cost its producer reports counts.
    """

    price: NDArray[np.int64]
    flags: NDArray[np.int64]
    failed: NDArray[np.int64]
    silent_tokens_out: NDArray[np.int64]
    slot: NDArray[np.int64]
    reported: NDArray[np.int64]


_ALL = len(Facts._fields)
# Rows behind the facts, for few settings ask for them.
_PROOF, _SHADOWED, _OWNER, _ASSIGNED, _TELLER = range(_ALL, _ALL + 5)
_TELLERS = ("", *TOLD_BY.values())


class Kinds:
    """Codes of kinds, and their facts as arrays; no output may depend on a code.

    Attributes:
        keys: Codes of their keys; a key is let into the table with its first call.
        kinds: The kind of each code.
        any_shadowed: Some of them are shadowed.
        any_assigned: Some of them are of calls that are told of when they start.
    """

    def __init__(self, table: KeyTable, normalizer: Normalizer) -> None:
        self.keys = KeyCodes(table)
        self.kinds: list[Kind] = []
        self.signatures = 0
        self.any_shadowed = False
        self.any_assigned = False
        self._any_told_by = False
        self._normalizer = normalizer
        self._codes: dict[Kind, int] = {}
        self._words: dict[bytes, bytes] = {}
        self._facts = np.zeros((_TELLER + 1, 64), np.int64)

    def code(self, kind: Kind) -> int:
        """Give the code of a kind, a new one at first sight."""
        code = self._codes.get(kind)
        if code is None:
            code = self._codes[kind] = len(self.kinds)
            self.kinds.append(kind)
            self.keys.append(kind.key)
            if code == self._facts.shape[1]:
                self._facts = np.concatenate([self._facts, np.zeros_like(self._facts)], axis=1)
            self._facts[:, code] = (
                kind.priced.history,
                STREAMED * kind.streamed,
                bool(kind.error_type),
                kind.silent_tokens_out,
                kind.slot,
                self._normalizer.counts_reported(kind),
                kind.proof,
                kind.shadowed,
                kind.owner,
                kind.assigned,
                _TELLERS.index(TOLD_BY.get(kind.producer, "")),
            )
            self._any_told_by |= kind.producer in TOLD_BY
            self.any_shadowed |= kind.shadowed
            self.any_assigned |= kind.assigned
        return code

    def read(
        self,
        attributes: Mapping[str, Value],
        resource: Mapping[str, Value],
        producer: Producer,
        *,
        assigns: bool = False,
    ) -> int:
        """Give the code of the kind that words tell, `NO_CALL` where it is no call."""
        kind = self._normalizer.kind(attributes, resource, producer, assigns=assigns)
        return NO_CALL if kind is None else self.code(kind)

    def shared(self, raws: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Give a signature to remember, made of words shared with the others.

        Words repeat much more than signatures do, so those that are compared stay in the cache.
        """
        self.signatures += 1
        return tuple(self._words.setdefault(raw, raw) for raw in raws)

    def facts(self, codes: NDArray[np.int64]) -> Facts:
        """Give the facts of coded kinds; those of `NO_CALL` mean nothing."""
        return Facts(*self._facts[:_ALL, codes])

    def shadowed(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which calls are shadowed: their routes have them from another producer."""
        found: NDArray[np.bool_] = self._facts[_SHADOWED, codes] != 0
        return found

    def assigned(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which calls are told of only when they start."""
        found: NDArray[np.bool_] = self._facts[_ASSIGNED, codes] != 0
        return found

    def call_ids(self, codes: NDArray[np.int64], ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Give the ids of calls; (n, 3) words of trace and span id may be another tenant's too."""
        found = call_ids(ids)
        if not self._normalizer.identities.resource_keys:
            return found
        return owned(found, self._facts[_OWNER, codes].astype(np.uint64))

    def told_by(self, codes: NDArray[np.int64]) -> dict[str, int]:
        """Count the calls by which of those that may tell of the same ones told of them."""
        if not self._any_told_by:
            return {}
        counts = np.bincount(self._facts[_TELLER, codes], minlength=len(_TELLERS)).tolist()
        return dict(zip(_TELLERS[1:], counts[1:], strict=True))

    def doubts(self, codes: NDArray[np.int64]) -> dict[str, int]:
        """Count the calls whose stamps are not signed, or not rightly, where that is checked."""
        if not self._normalizer.checks_stamps:
            return {}
        counts = np.bincount(self._facts[_PROOF, codes], minlength=len(Proof)).tolist()
        return {proof.name.lower(): counts[proof] for proof in Proof if proof is not Proof.SOUND}


class Signatures(dict[tuple[bytes, ...], int]):
    """The kind of each combination of undecoded words seen; works new ones out."""

    def __init__(
        self,
        keys: tuple[str, ...],
        kinds: Kinds,
        value: Callable[[bytes], Value],
        read: Callable[[Mapping[str, Value]], int],
    ) -> None:
        super().__init__()
        self._keys = keys
        self._kinds = kinds
        self._value = value
        self._read = read

    def __missing__(self, raws: tuple[bytes, ...]) -> int:
        """Work out a combination that is not remembered."""
        pairs = zip(self._keys, raws, strict=True)
        code = self._read({key: self._value(raw) for key, raw in pairs if raw})
        if sum(map(len, raws)) <= MAX_REMEMBERED:
            self[self._kinds.shared(raws)] = code
        return code
