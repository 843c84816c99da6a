"""What models cost: published prices, the operator's own over them, and a table for tests."""

from connectors.prices.opening import open_prices
from connectors.prices.overrides import OverriddenPrices
from connectors.prices.published import PublishedPrices
from connectors.prices.table import TablePrices, per_million

__all__ = ["OverriddenPrices", "PublishedPrices", "TablePrices", "open_prices", "per_million"]
