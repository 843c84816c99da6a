"""Prices in a table: made by hand, for tests and for those who know their models."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from optimizer.prices import Price, Rates

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

PUSD_PER_TOKEN = 1_000_000  # a dollar per million tokens is a million pico-dollars a token


def per_million(
    input_usd: float | str | Decimal,
    output_usd: float | str | Decimal = 0,
    cache_read_usd: float | str | Decimal | None = None,
    cache_write_usd: float | str | Decimal | None = None,
    *,
    from_ns: int = 0,
) -> Price:
    """Give a price without tiers.

    Args:
        input_usd: Dollars per million input tokens.
        output_usd: Dollars per million output tokens.
        cache_read_usd: Dollars per million input tokens read from a cache; as input if None.
        cache_write_usd: Dollars per million input tokens written to a cache; as input if None.
        from_ns: First instant it is in force.
    """
    reads = input_usd if cache_read_usd is None else cache_read_usd
    writes = input_usd if cache_write_usd is None else cache_write_usd
    rates = (pico(Decimal(str(usd))) for usd in (input_usd, output_usd, reads, writes))
    return Price(from_ns=from_ns, tiers=(Rates(0, *rates),))


def pico(usd_per_million: Decimal) -> int:
    """Give whole pico-dollars a token of dollars per million tokens."""
    return int((usd_per_million * PUSD_PER_TOKEN).to_integral_value(ROUND_HALF_EVEN))


class TablePrices:
    """Prices by model, whoever the provider.

    Args:
        histories: Each model's prices by rising `from_ns`.
        agreed: The models whose prices the operator set.
    """

    def __init__(
        self, histories: Mapping[str, Sequence[Price]], agreed: Container[str] = ()
    ) -> None:
        self._histories = {model: tuple(prices) for model, prices in histories.items()}
        self._agreed = agreed

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:  # noqa: ARG002 - the port's
        """Give a model's prices; empty when it is not in the table."""
        return self._histories.get(model, ())

    def overridden(self, model: str, provider: str = "") -> bool:  # noqa: ARG002 - the port's
        """Tell whether the operator set this model's price."""
        return model in self._agreed
