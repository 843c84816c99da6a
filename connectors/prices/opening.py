"""The price book that the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.prices.overrides import OverriddenPrices, read_overrides
from connectors.prices.published import PublishedPrices

if TYPE_CHECKING:
    from optimizer.observe.price import Book
    from optimizer.settings.sections import PriceSettings


def open_prices(settings: PriceSettings) -> Book:
    """Open published prices, and the operator's own where the settings name a file of them.

    Raises:
        SettingsInvalid: The file cannot be read, or has faults; lists all of them.
    """
    published = PublishedPrices()
    if settings.overrides is None:
        return published
    return OverriddenPrices(read_overrides(Path(settings.overrides)), published)
