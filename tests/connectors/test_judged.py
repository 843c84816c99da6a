"""Recorded judgements are what they were, but for the words they came in."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from connectors.decoding import RecordDecoder
from connectors.judged import dump_judgements, load_judgements
from connectors.prices import open_prices
from optimizer.errors import DecodeFailed
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import SourceSettings, validate

WORDS = st.text(max_size=8)
LINK = st.integers(0, 2**64 - 1)
JUDGEMENTS = st.builds(
    Judgement,
    identity=LINK,
    time_ns=st.integers(-1, 2**62),
    value=st.integers(0, 1_000_000),
    name=WORDS,
    judge=st.sampled_from(Judge),
    tenant=st.just("acme"),
    trace=LINK,
    span=LINK,
    response=LINK,
    key=st.none() | st.tuples(WORDS.map("acme/{}".format), WORDS, st.integers(0, 2**40), WORDS),
    slot=st.integers(-1, 199),
    body=st.just(b"what the user said"),
    kind=st.just(int(RecordKind.SCORE)),
)
SOURCE = SourceSettings(source="a", tenant="acme")


@given(st.lists(JUDGEMENTS, max_size=4))
def test_what_is_written_is_read_and_each_can_be_read_alone(given: list[Judgement]) -> None:
    body = dump_judgements(given)
    assert b"user said" not in body
    found = load_judgements(body, SOURCE)
    bare = [one._replace(body=b"", kind=0) for one in given]
    assert [one._replace(body=b"", kind=0) for one in found] == bare
    for one in found:
        assert one.kind == RecordKind.JUDGED
        assert load_judgements(one.body, SOURCE) == (one,)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x01", b"\x91\x01", b"\x91\x91\x01", b"\x91\xc0"])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(DecodeFailed, match="not_judgements"):
        load_judgements(body, SOURCE)


def test_nobody_judges_calls_of_another_tenant() -> None:
    one = Judgement(1, 2, 3, "thumbs", Judge.HUMAN, "other")
    settings = validate({"sources": [{"source": "a", "tenant": "acme"}]})
    decoder = RecordDecoder(settings, open_prices(settings.prices), "a/0")
    own = Record("a/0", 0, 0, RecordKind.JUDGED, dump_judgements([one._replace(tenant="acme")]))
    assert [found.name for found in decoder.decode(own, KeyTable()).judgements] == ["thumbs"]
    with pytest.raises(DecodeFailed, match="another_tenant: tenant is other: must be acme"):
        decoder.decode(own._replace(body=dump_judgements([one])), KeyTable())
    echoed = one._replace(tenant="acme", key=("other/shop/answer", "b", 0, ""))
    with pytest.raises(DecodeFailed, match="another_tenant: tenant is other: must be acme"):
        decoder.decode(own._replace(body=dump_judgements([echoed])), KeyTable())
