"""Published prices, as the package genai-prices was released with them. Nothing is ever fetched."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connectors.prices.table import pico
from optimizer.observe.price import MAX_RATE_PUSD
from optimizer.prices import Price, Rates

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the catalogue calls providers whose canonical name it does not recognise.
CATALOGUE_NAMES = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
}
# Each of our rates as the catalogue names it; the caches fall back to input.
INPUT, OUTPUT = "input_mtok", "output_mtok"
RATES = (INPUT, OUTPUT, "cache_read_mtok", "cache_write_mtok")
# Prices of what telemetry does not tell: a model that has one cannot be priced by its tokens.
UNTOLD = frozenset({"requests_kcount", "output_reasoning_mtok", "output_citation_mtok"})
# Prices that change with the hour are laid out day by day; the last one then stays in force.
DAYS = [date(2024, 1, 1) + timedelta(days=day) for day in range(12 * 365)]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PublishedPrices:
    """The catalogue. Standard prices: batches and service tiers are not told apart."""

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:
        """Give a model's prices by rising `from_ns`.

        Args:
            model: Its name as its provider spells it, of any case, also with the date of its
                version.
            provider: Its provider, canonical. Without one it is guessed from the model; one that
                the catalogue does not know has no price, for it may be anybody's own machine.

        Returns:
            Empty when the model is not known, or costs something that its tokens do not tell.
        """
        found = _find(model.lower(), provider)
        return _history(found) if found else ()

    def overridden(self, model: str, provider: str = "") -> bool:  # noqa: ARG002 - the port's
        """Tell that no price here was set by the operator."""
        return False


def _find(model: str, provider: str) -> Any:
    """Find a model in the catalogue, None when it is not there."""
    # Imported here: it takes 0.3 s, and not every command prices calls.
    from genai_prices.data import providers  # noqa: PLC0415
    from genai_prices.data_snapshot import find_provider_by_id  # noqa: PLC0415

    if provider:
        owner = find_provider_by_id(providers, CATALOGUE_NAMES.get(provider, provider))
    else:
        matching = (
            item for item in providers if item.model_match and item.model_match.is_match(model)
        )
        owner = next(matching, None)
    return owner.find_model(model, all_providers=providers) if owner else None


def _history(model: Any) -> tuple[Price, ...]:
    prices: list[Price] = []
    for at in sorted(set(_changes(model))):
        tiers = _tiers(model.get_prices(at).__dict__)
        if not tiers:
            return ()
        if not prices or tiers != prices[-1].tiers:
            prices.append(
                Price(from_ns=(at - EPOCH) // timedelta(microseconds=1) * 1000, tiers=tiers)
            )
    return tuple(prices)


def _changes(model: Any) -> Iterator[datetime]:
    """Give every instant at which a model's price may change."""
    yield EPOCH
    conditions = (
        [item.constraint for item in model.prices] if isinstance(model.prices, list) else []
    )
    for condition in conditions:
        if hasattr(condition, "start_date"):
            yield datetime.combine(condition.start_date, time(), UTC)
        elif condition is not None:
            for day in DAYS:
                for clock in (condition.start_time, condition.end_time):
                    zone = clock.tzinfo or UTC
                    yield datetime.combine(day, clock.replace(tzinfo=zone)).astimezone(UTC)


def _tiers(prices: dict[str, Any]) -> tuple[Rates, ...]:
    """Give the rates of a catalogue's price; empty where tokens do not tell the cost."""
    if prices.get(INPUT) is None or UNTOLD & prices.keys():
        return ()
    told = [prices.get(name) for name in RATES]
    parts = [
        _steps(price or (Decimal(0) if name == OUTPUT else prices[INPUT]))
        for name, price in zip(RATES, told, strict=True)
    ]
    tiers = tuple(
        Rates(above, *(max(step for step in part if step[0] <= above)[1] for part in parts))
        for above in sorted({above for part in parts for above, _ in part})
    )
    return tiers if all(rate <= MAX_RATE_PUSD for tier in tiers for rate in tier[1:]) else ()


def _steps(price: Any) -> list[tuple[int, int]]:
    """Give (input tokens above which it holds, pico-dollars a token) of a price."""
    if isinstance(price, Decimal):
        return [(0, pico(price))]
    return [(0, pico(price.base)), *((tier.start, pico(tier.price)) for tier in price.tiers)]
