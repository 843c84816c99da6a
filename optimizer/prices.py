"""What tokens cost: a model's price history, in whole pico-dollars a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rates(NamedTuple):
    """Pico-dollars (1e-12 USD) a token, for calls with more input than `above_tokens`.

    One dollar per million tokens is 1,000,000 pico-dollars a token.
    """

    above_tokens: int
    input_pusd: int
    output_pusd: int
    cache_read_pusd: int
    cache_write_pusd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A price in force from an instant on.

    Attributes:
        from_ns: First instant, nanoseconds since the epoch.
        tiers: Rates by context length, rising by `above_tokens`, the first from 0 on.
    """

    from_ns: int
    tiers: tuple[Rates, ...]


class PriceBook(Protocol):
    """Knows what models cost; asked once per distinct model, so it may be slow."""

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:
        """Give a model's prices by rising `from_ns`; empty when the model is not known."""


def price_at(history: Sequence[Price], at_ns: int) -> Price | None:
    """Give the price in force at an instant, None before the first."""
    return next((price for price in reversed(history) if price.from_ns <= at_ns), None)
