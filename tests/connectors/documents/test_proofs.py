"""A file proves that it is whole and who wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from connectors.documents.leases import begin, lease_file, open_lease
from connectors.documents.proofs import (
    LEASE,
    check_public_keys,
    digest_of,
    key_id,
    new_key_pair,
    public_key_of,
    seal,
    unseal,
)
from connectors.documents.rendering import body_of
from optimizer.errors import DocumentInvalid, SettingsInvalid
from tests.connectors.documents.examples import OTHER_PAIR, PAIR, a_document, a_lease

BODY = body_of(a_document())
SIGNED, UNSIGNED = seal(BODY, PAIR.private), seal(BODY)
SECOND = 10**9


@pytest.mark.parametrize("keys", [(), (PAIR.public,), (OTHER_PAIR.public, PAIR.public)])
def test_a_signed_file_is_opened_with_its_key_or_without_any(keys: tuple[str, ...]) -> None:
    assert unseal(SIGNED, keys) == BODY


def test_the_hash_and_the_signature_are_of_the_body_alone() -> None:
    assert json.loads(SIGNED)["proof"]["sha256"] == digest_of(BODY)
    assert json.loads(SIGNED)["proof"]["key"] == key_id(PAIR.public)
    assert {**json.loads(SIGNED), "proof": 0} == {**json.loads(BODY), "proof": 0}


def test_signing_twice_gives_the_same_file() -> None:
    assert seal(BODY, PAIR.private) == SIGNED


@pytest.mark.parametrize(
    ("data", "keys", "fault"),
    [
        pytest.param(UNSIGNED, (PAIR.public,), "it is not signed", id="unsigned"),
        pytest.param(SIGNED, (OTHER_PAIR.public,), "is signed with the key", id="another key"),
        pytest.param(
            SIGNED.replace(b"gpt-4o-mini", b"gpt-4o-nano"), (), "its SHA-256", id="changed"
        ),
        pytest.param(
            UNSIGNED.replace(digest_of(BODY).encode(), b"0" * 64), (), "its SHA-256", id="digest"
        ),
        pytest.param(BODY, (), "no proof", id="a body alone"),
        pytest.param(b"", (), "no proof", id="nothing"),
        pytest.param(SIGNED[:-1], (), "no proof", id="without its last byte"),
        pytest.param(SIGNED + SIGNED, (), "its SHA-256", id="twice"),
        pytest.param(b"x" * 300_000, (), "must be at most 262144", id="endless"),
        pytest.param(SIGNED.replace(b'"key"', b'"kex"'), (), "its proof is none", id="misnamed"),
        pytest.param(
            seal(BODY, PAIR.private, what=LEASE), (PAIR.public,), "it was changed", id="as a lease"
        ),
    ],
)
def test_other_files_are_refused(data: bytes, keys: tuple[str, ...], fault: str) -> None:
    with pytest.raises(DocumentInvalid, match=fault):
        unseal(data, keys)


def test_a_file_cut_anywhere_is_refused() -> None:
    for end in range(len(SIGNED)):
        with pytest.raises(DocumentInvalid):
            unseal(SIGNED[:end])


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_file_with_any_byte_changed_is_refused(place: int, by: int) -> None:
    data = bytearray(SIGNED)
    data[place] ^= by
    with pytest.raises(DocumentInvalid):
        unseal(bytes(data), (PAIR.public,))


def test_a_signature_moved_to_another_body_is_refused() -> None:
    other = body_of(a_document(revision=8))
    proof = json.loads(SIGNED)["proof"] | {"sha256": digest_of(other)}
    moved = other[:-1] + b',"proof":' + json.dumps(proof, separators=(",", ":")).encode() + b"}\n"
    with pytest.raises(DocumentInvalid, match="it was changed"):
        unseal(moved, (PAIR.public,))


def test_a_parameter_called_proof_changes_nothing() -> None:
    body = b'{"a":1,"proof":{"sha256":"x"}}'
    assert unseal(seal(body, PAIR.private), (PAIR.public,)) == body


def test_key_pairs_are_drawn_anew_and_belong_together() -> None:
    one, other = new_key_pair(), new_key_pair()
    assert one != other
    assert public_key_of(one.private) == one.public


@pytest.mark.parametrize("key", ["", "abc", "g" * 64, "a" * 63])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(SettingsInvalid, match="64 hexadecimal digits"):
        check_public_keys([key])
    with pytest.raises(SettingsInvalid, match="64 hexadecimal digits"):
        seal(BODY, key)


def test_a_private_key_is_never_repeated() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        seal(BODY, "topsecret")
    assert "topsecret" not in str(refused.value)


def test_a_lease_is_read_back_when_its_key_signed_it() -> None:
    lease = a_lease(a_document())
    assert open_lease(lease_file(lease, PAIR.private), (PAIR.public,)) == lease
    with pytest.raises(DocumentInvalid, match="not signed"):
        open_lease(lease_file(lease), (PAIR.public,))


def test_a_document_is_no_lease() -> None:
    with pytest.raises(DocumentInvalid):
        open_lease(SIGNED)


@pytest.mark.parametrize("secs", [-1, 86_401])
def test_a_lease_lasts_at_most_a_day(secs: float) -> None:
    with pytest.raises(DocumentInvalid, match=r"until is .*: must be within a day after"):
        open_lease(lease_file(a_lease(a_document(), secs=secs)))


@pytest.mark.parametrize(
    ("came_s", "wall_s", "monotonic_s", "is_over"),
    [
        pytest.param(0, 299, 299, False, id="both clocks go right"),
        pytest.param(0, 300, 300, True, id="over"),
        pytest.param(0, -9999, 299, False, id="wall clock set back"),
        pytest.param(0, -9999, 300, True, id="wall clock set back makes it no longer"),
        pytest.param(0, 300, 10, True, id="monotonic clock slept"),
        pytest.param(-5000, -4800, 200, False, id="wall clock behind since it came"),
        pytest.param(-5000, -4700, 300, True, id="wall clock behind makes it no longer"),
        pytest.param(290, 300, 10, True, id="came late"),
        pytest.param(500, 500, 0, True, id="came when it was over"),
    ],
)
def test_a_lease_ends_by_whichever_clock_says_so_first(
    *, came_s: float, wall_s: float, monotonic_s: float, is_over: bool
) -> None:
    lease = a_lease(a_document(), secs=300)
    start_ns = int(lease.issued_at.timestamp()) * SECOND
    term = begin(lease, start_ns + came_s * SECOND, 77 * SECOND)
    now = start_ns + wall_s * SECOND, (77 + monotonic_s) * SECOND
    assert term.is_over(*now) is is_over
