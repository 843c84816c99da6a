"""Signed stamps by every way a span is read: all say the same, and a stamp is checked once."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from connectors.otlp import OtlpDecoder
from connectors.otlp.plans import Plans
from connectors.prices import TablePrices
from optimizer.models import Arm, ModelConfig
from optimizer.observe.columns import ARRAYS, from_calls
from optimizer.observe.identify import Claims, Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.observe.stamps import Stamp, StampReader, sign
from optimizer.settings import RouteSettings, Settings, StampCheck
from tests.otlp_oracle import from_json, judge
from tests.settings_probes.telemetry import a_request, a_span

KEY = "the key of all stamps"
SMALL = Arm(config=ModelConfig(model="gpt-4o"), prompt="short", declared=("prompt",))
SETTINGS = Settings(routes=(RouteSettings(route="acme/shop/default", candidates=(SMALL,)),))
PRICES = TablePrices({})
SCOPES = ("", "litellm", "opentelemetry.instrumentation.genai.openai")


def a_stamped_span(rng: random.Random, number: int) -> dict[str, Any]:
    """A call with some stamp, signed rightly, wrongly or not at all."""
    route, arm, cell = rng.choice(("", "help", "chat/help")), rng.choice(("", "a")), "short"
    revision, slot = rng.choice((0, 3)), rng.choice((-1, 0, 7))
    signature = sign(KEY, Stamp("acme", route, arm, cell, revision, slot))
    given = {
        "llm.optimizer.route": route,
        "llm.optimizer.arm": arm,
        "llm.optimizer.cell": cell,
        "llm.optimizer.revision": rng.choice((revision, str(revision), float(revision))),
        "llm.optimizer.slot": rng.choice((slot, str(slot), float(slot))),
        "llm.optimizer.signature": rng.choice((signature,) * 4 + (signature[::-1], "", 7, "é")),
        "gen_ai.prompt.name": rng.choice(("short", "long", "")),
    }
    return a_span(number, number % 50, **given)


@pytest.mark.parametrize("check", StampCheck)
@pytest.mark.parametrize("scope", SCOPES)
def test_all_readings_agree_on_signed_stamps(check: StampCheck, scope: str) -> None:
    rng = random.Random(f"{check} {scope}")
    claims = Claims(stamps=StampReader(check, KEY))
    decoder = OtlpDecoder(SETTINGS, PRICES, "acme", claims=claims)
    table, counted = KeyTable(), Counter[str]()
    for _ in range(20):
        body = a_request(*(a_stamped_span(rng, number) for number in range(1, 40)), scope=scope)
        expected = from_calls(judge(from_json(body), SETTINGS, PRICES, "acme", claims).calls, table)
        for encoded in (body, from_json(body)):
            decoded = decoder.decode(encoded, table)
            for name in ARRAYS:
                assert getattr(decoded.columns, name).tolist() == getattr(expected, name).tolist()
            counted.update(decoded.counts)
    assert counted["calls"] == 2 * 20 * 39
    asked = check is not StampCheck.OFF
    assert (counted["unsigned"] > 100, counted["badly_signed"] > 100) == (asked, asked)


class Watched(StampReader):
    """Counts how often it is asked."""

    asked = 0

    def read(self, *given):
        self.asked += 1
        return super().read(*given)


def test_a_stamp_is_checked_once_however_many_calls_carry_it() -> None:
    reader = Watched(StampCheck.PREFERRED, KEY)
    decoder = OtlpDecoder(Settings(), PRICES, "acme", claims=Claims(stamps=reader))
    table = KeyTable()
    for _ in range(3):
        spans = [a_span(number, **{"llm.optimizer.slot": number % 4}) for number in range(1, 101)]
        columns = decoder.decode(from_json(a_request(*spans)), table).columns
        assert columns.slot.tolist() == [number % 4 for number in range(1, 101)]
    assert reader.asked == 4


def test_nothing_more_is_read_of_a_span_while_nothing_is_checked() -> None:
    def keys(check: StampCheck) -> frozenset[str]:
        claims = Claims(stamps=StampReader(check, KEY))
        normalizer = Normalizer(Identities((), "acme", claims), PriceTable(PRICES))
        return Plans(normalizer).of("litellm").keys

    assert keys(StampCheck.REQUIRED) - keys(StampCheck.OFF) == {"llm.optimizer.signature"}
