"""What calls cost, in columns: prices by call time, tiers by input tokens, integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from optimizer.prices import Price, PriceBook, Rates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

# Together they keep every product of tokens and rate below 2**63: an input of 3e9 tokens (cached
# ones added) and an output of 1e9, at 2,000 dollars per million, are 8e18 pico-dollars.
MAX_TOKENS = 1_000_000_000
MAX_RATE_PUSD = 2_000_000_000

UNKNOWN = 0  # the index of the history without a price
FREE = Price(from_ns=0, tiers=(Rates(0, 0, 0, 0, 0),))
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
        agreed: What a producer reports does not count, for the operator set its price.
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

    def free(self) -> Priced:
        """Give the prices of what costs nothing, whatever its model."""
        return Priced(self._index((FREE,)), agreed=True)

    def cost(self, history: Ints, usage: Usage) -> Ints:
        """Give what calls cost.

        Args:
            history: Each call's price history, as `find` gave it.
            usage: What each used; no count above three times `MAX_TOKENS`.

        Returns:
            Nano-dollars, rounded once, halves up; -1 where the price is not known, or where a
            call that succeeded does not tell its tokens. A failed call without tokens, or with
            none told, cost nothing.
        """
        row = self._rows.at(history, usage.end_ns)
        tokens_in, tokens_out, cached, written = usage[1:5]
        told_in, told_out = tokens_in >= 0, tokens_out >= 0
        amounts = np.empty((4, len(row)), np.int64)
        amounts[0] = tokens_in * told_in - cached - written
        amounts[1], amounts[2], amounts[3] = tokens_out * told_out, cached, written
        pusd = (self._rows.rates(row, tokens_in) * amounts).sum(axis=0)
        known = self._rows.known[row] & (usage.failed | (told_in & told_out))
        cost = np.where(known, (pusd + 500) // 1000, -1)
        cost[usage.failed & (tokens_in <= 0) & (tokens_out <= 0)] = 0
        return cost

    def first_tier(self, history: int, at_ns: int) -> tuple[int, ...] | None:
        """Give what a token of each sort costs where the context is short, as in `Rates`.

        Args:
            history: A price history, as `find` gave it.
            at_ns: When, nanoseconds since the epoch.

        Returns:
            Pico-dollars for input, output, cache reads and cache writes; None where the price is
            not known.
        """
        row = self._rows.at(np.array([history]), np.array([at_ns]))
        if not self._rows.known[row][0]:
            return None
        return tuple(self._rows.rates(row, np.zeros(1, np.int64))[:, 0].tolist())

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
    """A row for each price of each history, in force from one instant until before another."""

    def __init__(self) -> None:
        self._tables: list[Ints] = []
        self._starts: list[Ints] = []
        self._built = -1

    def add(self, history: tuple[Price, ...]) -> int:
        """Add a history and give its place; before its first price nothing is known."""
        self._tables.append(_table(history))
        self._starts.append(np.array([FIRST_NS, *(price.from_ns for price in history)], np.int64))
        return len(self._tables) - 1

    def at(self, history: Ints, end_ns: Ints) -> Ints:
        """Give the row in force for each call. Most batches need no search at all."""
        if self._built != len(self._tables):
            self._build()
        row = self._current[history]
        if not len(row) or (self._lately <= end_ns.min() and end_ns.max() < self._soon):
            return row
        stale = (end_ns < self._since_ns[row]) | (end_ns >= self._until_ns[row])
        for place in np.unique(history[stale]).tolist():
            mine = history == place
            after = np.searchsorted(self._starts[place], end_ns[mine], "right")
            row[mine] = self._first[place] + after - 1
            self._current[place] = row[mine][-1]
        self._look_around()
        return row

    def rates(self, row: Ints, tokens_in: Ints) -> Ints:
        """Give (4, calls) what a token of each sort costs in the highest tier the input reaches."""
        tier = row * self._width
        for above in self._above[1:]:
            tier += tokens_in > above[row]
        return self._rates[:, tier]

    def _build(self) -> None:
        """Lay all rows out, their tiers side by side."""
        self._built = len(self._tables)
        self._width = max(table.shape[1] for table in self._tables)
        lengths = [len(starts) for starts in self._starts]
        self._first = np.cumsum([0, *lengths[:-1]])
        laid = np.full((sum(lengths), self._width, 5), LAST_NS)  # tiers no input reaches
        for first, table in zip(self._first.tolist(), self._tables, strict=True):
            laid[first : first + len(table), : table.shape[1]] = table
        self.known = laid[:, 0, 0] != LAST_NS
        self._above = laid[:, :, 0].T.copy()
        rates = np.where(laid[:, :, 1:] == LAST_NS, 0, laid[:, :, 1:])
        self._rates = rates.reshape(-1, 4).T.copy()
        self._since_ns = np.concatenate(self._starts)
        ends = [np.append(starts[1:], LAST_NS) for starts in self._starts]
        self._until_ns = np.concatenate(ends)
        self._current = self._first.copy()  # each history's row in the newest batch
        self._look_around()

    def _look_around(self) -> None:
        """Note between which instants the current rows of all histories are in force."""
        self._lately = int(self._since_ns[self._current].max())
        self._soon = int(self._until_ns[self._current].min())


def _table(history: tuple[Price, ...]) -> Ints:
    """Give (prices + 1, tiers, 5) a history's rates, what is not known filled with `LAST_NS`."""
    width = max([1, *(len(price.tiers) for price in history)])
    table = np.full((len(history) + 1, width, 5), LAST_NS)
    for row, price in enumerate(history, 1):
        if all(0 <= rate <= MAX_RATE_PUSD for tier in price.tiers for rate in tier[1:]):
            table[row, : len(price.tiers)] = price.tiers
    return table
