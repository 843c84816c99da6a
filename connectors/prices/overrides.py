"""The operator's own prices: negotiated ones, self-hosted models, discounts. They always win.

The file is YAML, dollars per million tokens; a list of prices for each model:

    gpt-4o:
      - {from: 2026-01-01T00:00:00Z, input: 2.0, output: 8.0, cache_read: 1.0}
    llama-3.3-70b:
      - {input: 0.4, output: 0.4, provider: vllm}

Without `from` a price was always in force; without `provider` it holds for every provider, but one
with the call's provider is preferred. What a cache reads or writes costs as input unless given.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

import yaml

from connectors.prices.table import per_million
from optimizer.errors import SettingsInvalid
from optimizer.observe.aliases import PROVIDERS
from optimizer.observe.words import undated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from optimizer.observe.price import Book
    from optimizer.prices import Price

MAX_USD = 2_000  # per million tokens; the most that columns of costs can hold
AMOUNTS = ("input", "output", "cache_read", "cache_write")
KEYS = ("from", *AMOUNTS, "provider")
NULL = "tag:yaml.org,2002:null"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Override(NamedTuple):
    """A price and whom it concerns; `""` is every provider."""

    provider: str
    price: Price


Overrides = dict[str, list[Override]]


class OverriddenPrices:
    """A price book under the operator's prices.

    Args:
        overrides: The operator's prices by model, in lower case.
        book: What holds for all others, and until an override's first instant.
    """

    def __init__(self, overrides: Mapping[str, list[Override]], book: Book) -> None:
        self._overrides = overrides
        self._book = book

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:
        """Give a model's prices by rising `from_ns`; empty when it is not known."""
        book = self._book.history(model, provider)
        own = self._own(model, provider)
        if not own:
            return book
        return (*(price for price in book if price.from_ns < own[0].from_ns), *own)

    def overridden(self, model: str, provider: str = "") -> bool:
        """Tell whether the operator set this model's price."""
        return bool(self._own(model, provider)) or self._book.overridden(model, provider)

    def _own(self, model: str, provider: str) -> list[Price]:
        """Give the operator's prices, of the model or of the model without its date."""
        for name in (model.lower(), undated(model.lower())):
            found = self._overrides.get(name, [])
            for whose in (provider.lower(), ""):
                prices = [override.price for override in found if override.provider == whose]
                if prices:
                    return sorted(prices, key=lambda price: price.from_ns)
        return []


def read_overrides(path: Path) -> Overrides:
    """Read the operator's prices.

    Raises:
        SettingsInvalid: The file cannot be read, or has faults; lists all of them.
    """
    try:
        root = yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise SettingsInvalid([f"{path} cannot be read: {error.strerror}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsInvalid([f"{path} is not YAML: {' '.join(str(error).split())}"]) from None
    reader = _Reader(str(path))
    overrides = reader.read(root) if root else {}
    if reader.faults:
        raise SettingsInvalid(reader.faults)
    return overrides


class _Reader:
    """Reads the nodes of the file: texts stay texts, so that amounts keep every digit."""

    def __init__(self, path: str) -> None:
        self.faults: list[str] = []
        self._path = path

    def read(self, root: yaml.Node) -> Overrides:
        """Read all models."""
        overrides: Overrides = defaultdict(list)
        for model, node in self._pairs(root, "the file"):
            seen: dict[tuple[str, int], int] = {}
            for item in self._items(node, model):
                override = self._override(item, model)
                if override is None:
                    continue
                when = (override.provider, override.price.from_ns)
                line = item.start_mark.line + 1
                if when in seen:
                    self._fault(item, f"{model} has a price from then on in line {seen[when]}")
                seen.setdefault(when, line)
                overrides[model.lower()].append(override)
        return dict(overrides)

    def _override(self, node: yaml.Node, model: str) -> Override | None:
        """Read one price; None when it has faults."""
        before = len(self.faults)
        given = dict(self._pairs(node, model))
        for name in sorted(given.keys() - set(KEYS)):
            self._fault(given[name], f"{model}: {name} is not known: {', '.join(KEYS)} are")
        if "input" not in given and len(self.faults) == before:
            self._fault(node, f"{model}: input is missing: give dollars per million input tokens")
        amounts = [self._amount(given.get(name), f"{model}: {name}") for name in AMOUNTS]
        from_ns = self._instant(given.get("from"), model)
        provider = self._text(given.get("provider"), f"{model}: provider").lower()
        if len(self.faults) > before:
            return None
        price = per_million(amounts[0] or 0, amounts[1] or 0, *amounts[2:], from_ns=from_ns)
        return Override(PROVIDERS.get(provider, provider), price)

    def _amount(self, node: yaml.Node | None, name: str) -> Decimal | None:
        text = self._text(node, name)
        if node is None or not text:
            return None
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal(-1)
        if not (amount.is_finite() and 0 <= amount <= MAX_USD):
            self._fault(
                node, f"{name} is {text}: must be dollars per million tokens, 0 to {MAX_USD}"
            )
            return None
        return amount

    def _instant(self, node: yaml.Node | None, model: str) -> int:
        text = self._text(node, f"{model}: from")
        if node is None or not text:
            return 0
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            self._fault(node, f"{model}: from is {text}: must be like 2026-01-01T00:00:00Z")
            return 0
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return (instant - EPOCH) // timedelta(microseconds=1) * 1000

    def _text(self, node: yaml.Node | None, name: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return "" if node.tag == NULL else str(node.value).strip()
        if node is not None:
            self._fault(node, f"{name} must be one value")
        return ""

    def _items(self, node: yaml.Node, model: str) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode) and node.value:
            return list(node.value)
        self._fault(node, f"{model} must be a list of prices")
        return []

    def _pairs(self, node: yaml.Node, name: str) -> Iterator[tuple[str, yaml.Node]]:
        """Give the names and values of a mapping, each name once."""
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, f"{name} must hold names and values")
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            text = self._text(key, f"a name in {name}")
            if text in seen:
                self._fault(key, f"{text} stands already in line {seen[text]}")
            elif text:
                yield text, value
            seen.setdefault(text, key.start_mark.line + 1)

    def _fault(self, node: yaml.Node, what: str) -> None:
        self.faults.append(f"{self._path} line {node.start_mark.line + 1}: {what}")
