"""Tenants kept apart: links that only their own scores can ask for, and room of their own.

Whoever learns a trace id of another tenant can write calls and scores of it, any number of them. So
a link is looked up together with its owner, and nobody's flood takes the room of others.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from optimizer.judgements import LINKS, least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.judgements import Key, Rows

    Words = NDArray[np.uint64]
    Codes = NDArray[np.integer]


def owner_of(key: Key) -> str:
    """Name the tenant of a key."""
    return key[0].partition("/")[0]


def with_own_links(rows: Rows, owners: Sequence[str], which: Codes) -> Rows:
    """Give rows whose links are words of their owners; absent ones stay absent.

    Args:
        rows: Calls or scores, n of them.
        owners: Tenants.
        which: (n,) the place of each row's owner among those.
    """
    words = np.array([_word(owner) for owner in owners], np.uint64)
    own = rows.copy()
    for link in LINKS:
        own[link] = np.where(rows[link] == 0, np.uint64(0), rows[link] ^ words[which])
    return own


def share_of(room: int, declared: int, there: int) -> int:
    """Give each tenant's share of some room; a trusted source may name more than the settings."""
    return max(room // max(declared, there), 1)


def least_of_each(calls: Rows, owners: Codes, share: int, most: int) -> Rows:
    """Give the calls of each owner whose trace mixes to the least, `share` of each, `most` of all.

    Args:
        calls: (n,) of `CALLS`.
        owners: (n,) whose they are.
        share: How many each owner has room for.
        most: How many there is room for.
    """
    kept = [least(calls[owners == owner], share) for owner in np.unique(owners).tolist()]
    every = np.concatenate([calls[:0], *kept])
    return every if len(every) <= most else least(every, most)


def beyond_shares(owners: Codes, share: int) -> NDArray[np.bool_]:
    """Tell which of some rows, the oldest first, are more than their owner has room for."""
    beyond = np.zeros(len(owners), np.bool_)
    for owner in np.unique(owners).tolist():
        places = np.flatnonzero(owners == owner)
        beyond[places[: max(len(places) - share, 0)]] = True
    return beyond


def _word(owner: str) -> int:
    digest = hashlib.blake2b(owner.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
