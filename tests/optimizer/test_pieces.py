"""Pieces are there as long as any snapshot that names them may be the one that is resumed."""

from __future__ import annotations

import random

from connectors.vaults.memory import MemoryVault
from optimizer.pieces import Pieces


def test_a_crash_before_the_first_snapshot_after_a_resumption_is_durable_costs_nothing() -> None:
    vault = MemoryVault()
    first = Pieces(vault, "p")
    name = first.keep(b"old")
    first.settle({name})
    resumed = Pieces(vault, "p")
    assert resumed.fetch(name) == b"old"
    resumed.settle({resumed.keep(b"new")})  # and then it is killed: the engine never wrote this one
    assert Pieces(vault, "p").fetch(name) == b"old"


def test_whenever_it_is_killed_the_newest_durable_snapshot_finds_its_pieces() -> None:
    for seed in range(300):
        rng, vault = random.Random(seed), MemoryVault()
        pieces, held = Pieces(vault, "p"), [b"first"]
        durable = newest = settle(pieces, held)
        for _ in range(30):
            held = [*held, rng.randbytes(8)][-rng.randint(1, 4) :]
            durable, newest = newest, settle(pieces, held)  # taken only when the last is durable
            if rng.random() < 0.5:
                newest = rng.choice([durable, newest])  # killed before it was durable, or after
                pieces = Pieces(vault, "p")
                held = [pieces.fetch(name) for name in newest]


def settle(pieces: Pieces, held: list[bytes]) -> list[str]:
    snapshot = [pieces.keep(piece) for piece in held]
    pieces.settle(set(snapshot))
    return snapshot


def test_what_no_snapshot_needs_any_more_is_let_go() -> None:
    vault = MemoryVault()
    pieces = Pieces(vault, "p")
    for number in range(10):
        pieces.settle({pieces.keep(bytes(100) + bytes([number]))})
    assert vault.size() == 2 * 101
