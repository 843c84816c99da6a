"""What a call would cost on another model: its listed price for the same tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.prices import price_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from optimizer.prices import Price

PUSD_PER_USD = 1e12


class Mix(NamedTuple):
    """Tokens of a mean call.

    Attributes:
        tokens_in: Input, cached ones included.
        tokens_out: Output.
        tokens_cached: Of the input, what came from a cache.
    """

    tokens_in: float
    tokens_out: float
    tokens_cached: float


def cost_usd(history: Sequence[Price], mix: Mix, at: datetime) -> float | None:
    """Give what a call of these tokens costs at an instant; None when no price is listed.

    The rates are those of the mean call's length, as nothing tells how lengths vary around it.
    """
    price = price_at(history, int(at.timestamp()) * 10**9)
    if price is None or not (mix.tokens_in or mix.tokens_out):
        return None
    rates = [tier for tier in price.tiers if mix.tokens_in > tier.above_tokens] or price.tiers[:1]
    cached = min(mix.tokens_cached, mix.tokens_in)
    pusd = (
        (mix.tokens_in - cached) * rates[-1].input_pusd
        + cached * rates[-1].cache_read_pusd
        + mix.tokens_out * rates[-1].output_pusd
    )
    return pusd / PUSD_PER_USD
