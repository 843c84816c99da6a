"""Where a gateway and its callers report the same calls, one producer of a route counts."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from connectors.otlp import OtlpDecoder
from optimizer.observe.columns import ARRAYS, from_calls
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyLimits, KeyTable
from optimizer.observe.links import Links
from optimizer.observe.stamps import StampReader
from optimizer.producers import GATEWAYS, Producer
from optimizer.settings import CountedProducer, RouteSettings, Settings, StampCheck
from tests.connectors.test_otlp_paths import PRICES, request
from tests.otlp_oracle import as_json, from_json, judge
from tests.settings_probes.telemetry import a_request, a_span

KINDS = ("calls", "shadowed", "assignments", "other_spans")


@pytest.mark.parametrize("producer", Producer)
def test_every_producer_can_be_counted_alone_or_with_its_family(producer: Producer) -> None:
    taken = {counted for counted in CountedProducer if counted.takes(producer)}
    family = CountedProducer.GATEWAY if producer in GATEWAYS else CountedProducer.SDK
    assert taken == {family, CountedProducer(producer.value)}


@pytest.mark.parametrize("counted", ["gateway", "sdk", "otel", None])
@pytest.mark.parametrize("own", ["litellm", None])
def test_all_readings_agree_on_who_counts(counted: str | None, own: str | None) -> None:
    route = RouteSettings(route="acme/chat/help", producer=own and CountedProducer(own))
    claims = Claims(producer=counted and CountedProducer(counted))
    settings = Settings(routes=(route,))
    decoder = OtlpDecoder(settings, PRICES, "acme", Links.RESPONSES, claims)
    table, total = KeyTable(limits=KeyLimits(routes=3)), Counter[str]()
    for seed in range(80):
        body = request(random.Random(seed), 12).SerializeToString()
        verdict = judge(body, settings, PRICES, "acme", claims)
        expected = from_calls(verdict.calls, table)
        for encoded in (body, as_json(body)):
            columns, refused, told, *_ = decoder.decode(encoded, table)
            counts = Counter(told)
            for name in set(ARRAYS) - {"links"}:
                assert getattr(columns, name).tolist() == getattr(expected, name).tolist()
            assert [refusal.reason for refusal in refused] == verdict.reasons
            assert counts["shadowed"] == verdict.shadowed
            assert counts["other_spans"] == verdict.others
            assert len(columns.links) == len(columns)  # so scores find none that is shadowed
            told_apart = sum(counts[name] for name in KINDS)
            assert counts["spans"] == len(refused) + told_apart
            total.update(counts)
    assert (total["shadowed"] > 100) == bool(counted or own)


def test_a_shadowed_call_takes_no_room_from_others() -> None:
    claims = Claims(producer=CountedProducer.GATEWAY)
    decoder = OtlpDecoder(Settings(), PRICES, "acme", claims=claims)
    table = KeyTable(limits=KeyLimits(routes=2))
    spans = [a_span(n, **{"llm.optimizer.route": f"made-up-{n}"}) for n in range(1, 50)]
    for scope, count in (("sdk", 0), ("litellm", 49)):
        body = from_json(a_request(*spans, scope=scope))
        assert len(decoder.decode(body, table).columns) == count
    assert {key.route for key in table.keys} == {
        "acme/shop/made-up-1",
        "acme/shop/made-up-2",
        "acme/~other/~other",
    }


def test_small_records_read_together_shadow_and_pool_as_one_by_one() -> None:
    claims = Claims(producer=CountedProducer.SDK, stamps=StampReader(StampCheck.REQUIRED, "k" * 16))
    limits, shadowed, pooled = KeyLimits(routes=1, arms=2), 0, 0
    for seed in range(40):
        rng = random.Random(seed)
        bodies = [request(rng, 3).SerializeToString() for _ in range(5)]
        found = []
        for together in (True, False):
            decoder = OtlpDecoder(Settings(), PRICES, "acme", claims=claims)
            table = KeyTable(limits=limits)
            run = decoder.decode_many(bodies, table) if together else None
            many = run.each() if run else [decoder.decode(body, table) for body in bodies]
            found.append([(one.counts, one.columns.key.tolist()) for one in many] + [table.keys])
        assert found[0] == found[1]
        shadowed += sum(counts.get("shadowed", 0) for counts, _ in found[0][:-1])
        pooled += sum(counts.get("pooled", 0) for counts, _ in found[0][:-1])
    assert shadowed > 20
    assert pooled > 20
