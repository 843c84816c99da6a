"""Published prices are the catalogue's to the nano-dollar; the operator's own win over them."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from genai_prices import Usage as CatalogueUsage, calc_price
from genai_prices.data import providers

from connectors.prices import (
    OverriddenPrices,
    PublishedPrices,
    TablePrices,
    open_prices,
    per_million,
)
from connectors.prices.overrides import KEYS, read_overrides
from optimizer.errors import SettingsInvalid
from optimizer.observe.price import PriceTable, Usage
from optimizer.prices import price_at
from optimizer.settings import PriceSettings

BOOK = PublishedPrices()
YEAR_2026_NS = 1_767_225_600 * 10**9


def rates(book, model, provider="", at_ns=YEAR_2026_NS):
    """Give the first tier in force, dollars per million tokens."""
    price = price_at(book.history(model, provider), at_ns)
    return tuple(rate / 1e6 for rate in price.tiers[0][1:]) if price else None


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("gpt-4o", "openai", (2.5, 10, 1.25, 2.5)),
        ("GPT-4o", "openai", (2.5, 10, 1.25, 2.5)),
        ("gpt-4o-2024-08-06", "openai", (2.5, 10, 1.25, 2.5)),
        ("gpt-4o", "azure.ai.openai", (2.5, 10, 1.25, 2.5)),
        ("gpt-4o", "", (2.5, 10, 1.25, 2.5)),
        ("gpt-4o-mini", "openai", (0.15, 0.6, 0.075, 0.15)),
        ("text-embedding-3-small", "openai", (0.02, 0, 0.02, 0.02)),
        ("claude-3-5-sonnet-20241022", "anthropic", (3, 15, 0.3, 3.75)),
        ("gemini-2.5-flash", "gcp.gemini", (0.3, 2.5, 0.03, 0.3)),
        ("gemini-2.5-flash", "gcp.vertex_ai", (0.3, 2.5, 0.03, 0.3)),
        ("gemini-2.5-flash", "gcp.gen_ai", (0.3, 2.5, 0.03, 0.3)),
        ("grok-4", "x_ai", (3, 15, 0.75, 3)),
        ("unheard-of", "openai", None),
        ("unheard-of", "", None),
        ("gpt-4o", "my-own-machine", None),
        ("chat", "openai", None),
        ("", "", None),
        ("sonar-pro", "perplexity", None),  # each request has a price of its own
    ],
)
def test_published_prices_are_found_by_model_and_provider(model, provider, expected):
    assert rates(BOOK, model, provider) == expected
    assert not BOOK.overridden(model, provider)


@pytest.mark.slow
def test_costs_are_those_of_the_catalogue():
    rng = random.Random(1)
    table = PriceTable(BOOK)
    owners = [provider for provider in providers if provider.id != "openrouter"]
    pairs = [(provider, model) for provider in owners for model in provider.models]
    compared = unpriced = 0
    for provider, model in rng.sample(pairs, 400):
        priced = table.find((model.id,), provider.id)
        if not priced.history:
            unpriced += 1
            continue
        tokens_in = rng.choice((0, 1_000, 128_000, 199_999, 200_000, 200_001, 272_001, 600_000))
        cached = rng.randrange(tokens_in + 1)
        written = rng.randrange(tokens_in - cached + 1)
        tokens_out = rng.randrange(5_000)
        at = rng.randrange(1_704_067_200, 1_830_000_000)
        expected = calc_price(
            CatalogueUsage(
                input_tokens=tokens_in,
                cache_read_tokens=cached,
                cache_write_tokens=written,
                output_tokens=tokens_out,
            ),
            model.id,
            provider_id=provider.id,
            genai_request_timestamp=datetime.fromtimestamp(at, UTC),
        ).total_price
        numbers = (at * 10**9, tokens_in, tokens_out, cached, written, False)
        usage = Usage(*(np.array([number]) for number in numbers))
        (found,) = table.cost(np.array([priced.history]), usage).tolist()
        assert abs(Decimal(found) - expected * 10**9) <= Decimal("0.5"), (provider.id, model.id)
        compared += 1
    assert compared > 250
    assert unpriced < 100


@pytest.mark.slow
def test_a_price_that_changed_is_a_history():
    changed = [
        (provider, model)
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list) and len(BOOK.history(model.id, provider.id)) > 1
    ]
    assert len(changed) > 100
    for provider, model in changed[:50]:
        history = BOOK.history(model.id, provider.id)
        starts = [price.from_ns for price in history]
        assert starts == sorted(set(starts))
        assert starts[0] == 0
        assert all(one.tiers != other.tiers for one, other in pairwise(history))


@pytest.mark.parametrize(
    ("clock", "usd"), [("00:29", 0.135), ("00:30", 0.27), ("16:29", 0.27), ("16:30", 0.135)]
)
@pytest.mark.parametrize("day", ["2024-02-29", "2026-06-01", "2033-12-31"])
def test_a_price_by_the_hour_is_a_history_too(clock, usd, day):
    instant = datetime.fromisoformat(f"{day}T{clock}:00+00:00")
    found = rates(BOOK, "deepseek-chat", "deepseek", int(instant.timestamp()) * 10**9)
    assert found is not None
    assert found[0] == usd


def test_no_byte_ever_goes_out():
    script = """
import sys, threading
def watch(event, args):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "urllib.")):
        raise SystemExit("went out: " + event)
sys.addaudithook(watch)
from connectors.prices import open_prices
from optimizer.settings import PriceSettings
assert "genai_prices" not in sys.modules
book = open_prices(PriceSettings())
assert book.history("gpt-4o", "openai") and not book.history("unheard-of", "openai")
from genai_prices import data_snapshot
assert data_snapshot._custom_snapshot is None
assert threading.active_count() == 1
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def written(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    return path


OVERRIDES = """
gpt-4o:
  - {from: 2026-01-01T00:00:00Z, input: 2.0, output: 8.0, cache_read: 1, cache_write: 2.25}
  - {from: "2026-06-01", input: 1.5, output: 6}
Llama-3.3-70B:
  - {input: 0.4, output: 0.4, provider: vLLM}
  - input: 0.00000123
claude-3-5-sonnet-20241022:
  - {input: 1, output: 2, provider: bedrock}
"""
JUNE_NS = 1_780_272_000 * 10**9


def test_the_operators_prices_win(tmp_path):
    path = written(tmp_path, OVERRIDES)
    book = open_prices(PriceSettings(overrides=str(path)))
    assert rates(book, "gpt-4o", "openai", YEAR_2026_NS - 1) == (2.5, 10, 1.25, 2.5)
    assert rates(book, "gpt-4o", "openai", YEAR_2026_NS) == (2, 8, 1, 2.25)
    assert rates(book, "gpt-4o", "openai", JUNE_NS) == (1.5, 6, 1.5, 1.5)
    assert rates(book, "gpt-4o-2024-08-06", "azure.ai.openai", JUNE_NS) == (1.5, 6, 1.5, 1.5)
    assert rates(book, "llama-3.3-70b", "vllm") == (0.4, 0.4, 0.4, 0.4)
    assert rates(book, "llama-3.3-70b", "groq") == (1e-6, 0, 1e-6, 1e-6)
    assert rates(book, "claude-3-5-sonnet-20241022", "anthropic") == (3, 15, 0.3, 3.75)
    assert rates(book, "claude-3-5-sonnet-20241022", "aws.bedrock") == (1, 2, 1, 1)
    assert book.overridden("gpt-4o", "openai")
    assert book.overridden("gpt-4o-2024-08-06")
    assert not book.overridden("claude-3-5-sonnet-20241022", "anthropic")
    assert not book.overridden("gpt-4o-mini", "openai")


def test_an_empty_file_overrides_nothing(tmp_path):
    assert read_overrides(written(tmp_path, "# nothing yet\n")) == {}


def test_an_override_stands_over_any_book():
    under = TablePrices({"m": [per_million(5)], "n": [per_million(6)]}, agreed={"n"})
    book = OverriddenPrices({}, under)
    assert book.history("m") == (per_million(5),)
    assert book.overridden("n")


FAULTY = """
gpt-4o:
  - {from: soon, input: -1, output: many, colour: red}
  - {output: 8}
  - {input: 2001, provider: [a]}
  - {input: 1, input: 2}
  - {from: 2026-01-01, input: 1}
  - {from: 2026-01-01T00:00:00+00:00, input: 2}
gpt-4o: []
other: 5
last:
  - 5
  - {input: .nan, cache_read: .inf, cache_write: null, from: null}
"""


def test_all_faults_are_told_at_once(tmp_path):
    path = written(tmp_path, FAULTY)
    with pytest.raises(SettingsInvalid) as refused:
        open_prices(PriceSettings(overrides=str(path)))
    range_ = "must be dollars per million tokens, 0 to 2000"
    assert [fault.removeprefix(f"{path} ") for fault in refused.value.faults] == [
        f"line 3: gpt-4o: colour is not known: {', '.join(KEYS)} are",
        f"line 3: gpt-4o: input is -1: {range_}",
        f"line 3: gpt-4o: output is many: {range_}",
        "line 3: gpt-4o: from is soon: must be like 2026-01-01T00:00:00Z",
        "line 4: gpt-4o: input is missing: give dollars per million input tokens",
        f"line 5: gpt-4o: input is 2001: {range_}",
        "line 5: gpt-4o: provider must be one value",
        "line 6: input stands already in line 6",
        "line 8: gpt-4o has a price from then on in line 7",
        "line 9: gpt-4o stands already in line 2",
        "line 10: other must be a list of prices",
        "line 12: last must hold names and values",
        f"line 13: last: input is .nan: {range_}",
        f"line 13: last: cache_read is .inf: {range_}",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [", "is not YAML"),
        ("[1, 2]", "line 1: the file must hold names and values"),
        ("a: &x [*x]", "line 1: a must hold names and values"),
        ("? [a]\n: []\n", "line 1: a name in the file must be one value"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_file_that_is_none_says_so(tmp_path, text, fault):
    path = written(tmp_path, text)
    with pytest.raises(SettingsInvalid, match=fault):
        open_prices(PriceSettings(overrides=str(path)))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SettingsInvalid, match="cannot be read: No such file"):
        open_prices(PriceSettings(overrides=str(tmp_path / "none.yaml")))
    with pytest.raises(SettingsInvalid, match="cannot be read: Is a directory"):
        open_prices(PriceSettings(overrides=str(tmp_path)))


def test_a_table_holds_what_it_was_given():
    price = per_million("2.5", 10, "1.25")
    assert price.tiers[0] == (0, 2_500_000, 10_000_000, 1_250_000, 2_500_000)
    book = TablePrices({"m": [price]}, agreed={"m"})
    assert book.history("m", "anyone") == (price,)
    assert book.history("n") == ()
    assert book.overridden("m")
    assert not book.overridden("n")
