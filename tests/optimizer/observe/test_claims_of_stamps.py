"""Stamps and their signatures: what is signed, and what becomes of a call by what its says."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, strategies as st

from connectors.prices import TablePrices
from optimizer.observe.identify import Claims, Identities
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.observe.stamps import Proof, Stamp, StampReader, is_signed, sign
from optimizer.settings import StampCheck

KEY = "the key of all stamps"
STAMP = Stamp("acme", "shop/answer", "small", "short", 7, 12)
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


def test_a_signature_is_what_its_page_says() -> None:
    fields = (b"llm-optimizer stamp 1", b"acme", b"shop/answer", b"small", b"short", b"7", b"12")
    content = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert sign(KEY, STAMP) == hmac.new(KEY.encode(), content, hashlib.sha256).hexdigest()


NAMES = st.text(max_size=6)
STAMPS = st.builds(Stamp, NAMES, NAMES, NAMES, NAMES, st.integers(0, 99), st.integers(-1, 199))


@given(STAMPS, STAMPS)
def test_no_two_stamps_are_signed_alike(one: Stamp, other: Stamp) -> None:
    as_read = [Stamp(*(clean_name(name) for name in each[:4]), *each[4:]) for each in (one, other)]
    assert (sign(KEY, one) == sign(KEY, other)) == (as_read[0] == as_read[1])


def clean_name(name: str) -> str:
    kept = "".join(letter if letter.isprintable() else "-" for letter in name.strip())
    return kept.strip()


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param(STAMP._replace(tenant="acmeshop"), id="another tenant"),
        pytest.param(STAMP._replace(route="shop/", arm="answersmall"), id="letters moved along"),
        pytest.param(STAMP._replace(revision=71, slot=2), id="digits moved along"),
        pytest.param(STAMP._replace(slot=-1), id="no slot"),
    ],
)
def test_a_signature_is_of_one_stamp_and_one_key(stamp: Stamp) -> None:
    assert is_signed(KEY, STAMP, sign(KEY, STAMP))
    assert not is_signed(KEY, stamp, sign(KEY, STAMP))
    assert not is_signed("another key of stamps", STAMP, sign(KEY, STAMP))


@pytest.mark.parametrize(
    "signature",
    ["", "0" * 64, sign(KEY, STAMP).upper(), sign(KEY, STAMP)[:-1], "é" * 64, "\ud800"],
)
def test_what_is_no_signature_signs_nothing(signature: str) -> None:
    assert not is_signed(KEY, STAMP, signature)


def stamped(stamp: Stamp, signature: str | None) -> dict[str, str | int]:
    """Write a stamp as attributes."""
    values = {**stamp._asdict(), "signature": signature}
    del values["tenant"]
    return {f"llm.optimizer.{name}": value for name, value in values.items() if value is not None}


RIGHT, WRONG, MISSING = sign(KEY, STAMP), sign(KEY, STAMP._replace(slot=13)), None
TAKEN = ("acme/shop/answer", "small", 7, 12)
IGNORED = ("acme/chat/default", "gpt-4o", 0, -1)


@pytest.mark.parametrize(
    ("check", "signature", "expected", "proof"),
    [
        (StampCheck.OFF, RIGHT, TAKEN, Proof.SOUND),
        (StampCheck.OFF, WRONG, TAKEN, Proof.SOUND),
        (StampCheck.OFF, MISSING, TAKEN, Proof.SOUND),
        (StampCheck.PREFERRED, RIGHT, TAKEN, Proof.SOUND),
        (StampCheck.PREFERRED, WRONG, IGNORED, Proof.BADLY_SIGNED),
        (StampCheck.PREFERRED, MISSING, TAKEN, Proof.UNSIGNED),
        (StampCheck.REQUIRED, RIGHT, TAKEN, Proof.SOUND),
        (StampCheck.REQUIRED, WRONG, IGNORED, Proof.BADLY_SIGNED),
        (StampCheck.REQUIRED, MISSING, IGNORED, Proof.UNSIGNED),
    ],
)
@pytest.mark.parametrize("on_resource", [False, True])
def test_a_stamp_counts_by_its_signature(
    check: StampCheck,
    signature: str | None,
    expected: tuple[str, str, int, int],
    proof: Proof,
    *,
    on_resource: bool,
) -> None:
    stamp, service = stamped(STAMP, signature), {"service.name": "chat"}
    attributes, resource = (CALL, service | stamp) if on_resource else (CALL | stamp, service)
    kind = reader(check).kind(attributes, resource)
    slot = kind.slot if check is not StampCheck.OFF or on_resource else 12
    arm = "gpt-4o" if kind.key.arm.startswith("gpt-4o-") else kind.key.arm
    assert (kind.key.route, arm, kind.key.revision, slot) == expected
    assert kind.proof is proof


def reader(check: StampCheck) -> Normalizer:
    claims = Claims(stamps=StampReader(check, KEY))
    return Normalizer(Identities((), "acme", claims), PriceTable(TablePrices({})))


@pytest.mark.parametrize("check", StampCheck)
def test_a_call_without_a_stamp_needs_no_signature(check: StampCheck) -> None:
    kind = reader(check).kind(CALL, {"service.name": "chat"})
    assert (kind.key.route, kind.proof) == ("acme/chat/default", Proof.SOUND)


def test_a_signature_on_the_resource_does_not_hold_for_what_a_span_says_otherwise() -> None:
    resource = {"service.name": "chat", **stamped(STAMP, RIGHT)}
    own = {**CALL, "llm.optimizer.arm": "large"}
    assert reader(StampCheck.REQUIRED).kind(own, resource).proof is Proof.BADLY_SIGNED
