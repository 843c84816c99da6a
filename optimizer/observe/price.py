"""What calls cost, in columns: prices by call time, tiers by input tokens, integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from optimizer.prices import Price, PriceBook, Rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

# Together they keep every product of tokens and rate below 2**63: an input of 3e9 tokens (cached
# ones added) and an output of 1e9, at 2,000 dollars per million, are 8e18 pico-dollars.
MAX_TOKENS = 1_000_000_000
MAX_RATE_PUSD = 2_000_000_000

UNKNOWN = 0  # the index of the history without a price
MAX_FOUND = 65_536
FIRST_NS, LAST_NS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Book(PriceBook, Protocol):
    """A price book that tells which of its prices were set by the operator."""

    def overridden(self, model: str, provider: str = "") -> bool:
        """Tell whether the operator set this model's price."""


class Priced(NamedTuple):
    """Where a model's prices stand.

    Attributes:
        history: Its place in the table; `UNKNOWN` when no price is known.
        agreed: The operator set its price.
    """

    history: int
    agreed: bool


class Usage(NamedTuple):
    """What calls used, arrays of one length.

    Attributes:
        end_ns: When they ended, nanoseconds since the epoch.
        tokens_in: Input tokens, cached ones included; -1 absent.
        tokens_out: Output tokens; -1 absent.
        tokens_cached: Those of the input that were read from a cache; 0 where that is absent.
        cache_write: Those of the input that were written to a cache; 0 where that is absent.
        failed: They ended in an error.
    """

    end_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    tokens_cached: Ints
    cache_write: Ints
    failed: Bools


class PriceTable:
    """Price histories laid out for columns; asks its book once per model and provider."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._found: dict[tuple[tuple[str, ...], str], Priced] = {}
        self._histories: dict[tuple[Price, ...], int] = {}
        self._rows = _Rows()
        self._index(())

    def find(self, models: tuple[str, ...], provider: str) -> Priced:
        """Give the prices of the first of several names of one model that has any.

        Args:
            models: Names by preference, such as the model that answered, then the one asked for.
            provider: Who served it, canonical; `""` when unknown.
        """
        found = self._found.get((models, provider))
        if found is None:
            if len(self._found) >= MAX_FOUND:
                self._found.clear()
            found = self._found[models, provider] = self._ask(models, provider)
        return found

    def cost(self, index: Ints, usage: Usage) -> Ints:
        """Give what calls cost.

        Args:
            index: Each call's price history, as `find` gave it.
            usage: What each used; no count above three times `MAX_TOKENS`.

        Returns:
            Nano-dollars, rounded once, halves up; -1 where the price is not known, or where a
            call that succeeded does not tell its tokens. A failed call without tokens cost nothing.
        """
        row = self._rows.at(index, usage.end_ns)
        tokens_in, tokens_out, cached, written = usage[1:5]
        told_in, told_out = tokens_in >= 0, tokens_out >= 0
        spent_in, spent_out = tokens_in * told_in, tokens_out * told_out
        amounts = np.stack((spent_in - cached - written, spent_out, cached, written))
        pusd = (self._rows.rates(row, tokens_in) * amounts).sum(axis=0)
        known = self._rows.known[row] & (usage.failed | (told_in & told_out))
        cost = np.where(known, (pusd + 500) // 1000, -1)
        cost[usage.failed & ~(told_in | told_out)] = 0
        return cost

    def _ask(self, models: tuple[str, ...], provider: str) -> Priced:
        for model in models:
            if self._book.overridden(model, provider):
                return Priced(self._index(self._book.history(model, provider)), agreed=True)
        for model in models:
            if history := self._book.history(model, provider):
                return Priced(self._index(history), agreed=False)
        return Priced(UNKNOWN, agreed=False)

    def _index(self, history: tuple[Price, ...]) -> int:
        index = self._histories.get(history)
        if index is None:
            index = self._histories[history] = self._rows.add(history)
        return index


class _Rows:
    """A row for each price of each history, in force from `since` until before `until`."""

    def __init__(self) -> None:
        self._tiers: list[Sequence[Rates]] = []
        self._since: list[int] = []
        self._until: list[int] = []
        self._first: list[int] = []
        self._built = -1

    def add(self, history: tuple[Price, ...]) -> int:
        """Add a history and give its index; before its first price nothing is known."""
        self._first.append(len(self._since))
        starts = [FIRST_NS, *(price.from_ns for price in history)]
        self._since += starts
        self._until += [*starts[1:], LAST_NS]
        self._tiers += [(), *(price.tiers if _is_sound(price) else () for price in history)]
        return len(self._first) - 1

    def at(self, index: Ints, end_ns: Ints) -> Ints:
        """Give the row in force for each call. Most batches need no search at all."""
        if self._built != len(self._since):
            self._build()
        row = self._current[index]
        if not len(row) or (self._lately <= end_ns.min() and end_ns.max() < self._soon):
            return row
        stale = (end_ns < self._since_ns[row]) | (end_ns >= self._until_ns[row])
        for history in np.unique(index[stale]).tolist():
            mine = index == history
            first, last = self._bounds[history : history + 2]
            after = np.searchsorted(self._since_ns[first:last], end_ns[mine], "right")
            row[mine] = first + after - 1
            self._current[history] = first + int(after[-1]) - 1
        self._look_around()
        return row

    def rates(self, row: Ints, tokens_in: Ints) -> Ints:
        """Give (4, calls) what a token of each sort costs in the highest tier the input reaches."""
        tier = row * self._width
        for above in self._above[1:]:
            tier += tokens_in > above[row]
        return self._rates[:, tier]

    def _build(self) -> None:
        """Lay all rows out as arrays, tiers side by side, short ones filled with their last."""
        self._built = len(self._since)
        self._width = max(1, *(len(tiers) for tiers in self._tiers))
        nothing = Rates(0, 0, 0, 0, 0)
        filled = [
            [*tiers, *([(tiers[-1] if tiers else nothing)] * (self._width - len(tiers)))]
            for tiers in self._tiers
        ]
        table = np.array(filled, np.int64).reshape(len(filled), self._width, 5)
        above = table[:, :, 0].T.copy()
        for place, tiers in enumerate(self._tiers):
            above[len(tiers) :, place] = LAST_NS
        self._above = above
        self._rates = table[:, :, 1:].reshape(-1, 4).T.copy()
        self.known = np.array([bool(tiers) for tiers in self._tiers])
        self._since_ns = np.array(self._since, np.int64)
        self._until_ns = np.array(self._until, np.int64)
        self._current = np.array(self._first, np.int64)  # each history's row in the newest batch
        self._bounds = [*self._first, self._built]
        self._look_around()

    def _look_around(self) -> None:
        """Note between which instants the current rows of all histories are in force."""
        self._lately = int(self._since_ns[self._current].max())
        self._soon = int(self._until_ns[self._current].min())


def _is_sound(price: Price) -> bool:
    return all(0 <= rate <= MAX_RATE_PUSD for tier in price.tiers for rate in tier[1:])
