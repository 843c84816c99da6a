"""What calls are summed by, and how many such keys there may be, whatever names come in.

A name that nobody declared costs memory here and in every shard, and telemetry can make up any
number of them. So the undeclared ones are capped, tenant by tenant, and what comes beyond is pooled
under `~other`. Which names are let in depends on the order of one partition's calls alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from optimizer.settings import Settings

OTHER = "~other"  # what is pooled is called so, be it a route, an arm or a cell
MOST_KEYS = 1 << 17  # undeclared ones in one table; a sketch code has room for 2^18 arms
MOST_OF_TENANT = MOST_KEYS >> 3  # of those, so that one tenant cannot take the room of others
MOST_TENANTS = 1 << 10  # only a trusted source has more than one
MOST_CELLS = 64  # of one arm and revision


class CallKey(NamedTuple):
    """What calls are summed by."""

    route: str
    arm: str
    revision: int = 0
    cell: str = ""


POOLED = CallKey(f"{OTHER}/{OTHER}/{OTHER}", OTHER)  # of the tenants beyond the most


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """How many names that nobody declared are told apart; what is declared always is.

    Attributes:
        routes: Of one tenant.
        arms: Arms under their revisions, of one route.
        keys: Of one tenant, of all its routes together.
        declared: The declared arms of each declared route.
    """

    routes: int = 1000
    arms: int = 64
    keys: int = MOST_OF_TENANT
    declared: Mapping[str, frozenset[str]] = field(default_factory=dict)


UNLIMITED = KeyLimits(routes=MOST_KEYS, arms=MOST_KEYS, keys=MOST_KEYS)


def limits_of(settings: Settings) -> KeyLimits:
    """Give the limits that the settings ask for."""
    return KeyLimits(
        routes=settings.limits.routes,
        arms=settings.limits.arms,
        declared={
            route.route: frozenset(arm.id for arm in route.arms) for route in settings.routes
        },
    )


class KeyTable:
    """Codes for keys, handed out in order of first sight; no output may depend on a code.

    Args:
        keys: Those that are let in beforehand, whatever the limits.
        limits: How many others are; a key beyond them counts as the pool it belongs to.

    Attributes:
        keys: The key of each code.
        arms: For each code, the code of its arm: the key with the cell left out.
    """

    def __init__(self, keys: Iterable[CallKey] = (), limits: KeyLimits = UNLIMITED) -> None:
        self.keys: list[CallKey] = []
        self.arms: list[int] = []
        self._codes: dict[CallKey, int] = {}
        self._census = _Census(limits)
        self._order = KeyOrder(*(np.zeros(0, np.int32) for _ in range(2)))
        for key in keys:
            if key not in self._codes:
                self._add(key)

    def __len__(self) -> int:
        return len(self.keys)

    def code(self, key: CallKey) -> int:
        """Give the code of a key, or of its pool; a new one at first sight."""
        code = self._codes.get(key)
        if code is None:
            place = self._census.place(key)
            code = self._add(key) if place == key else self.code(place)
        return code

    def _add(self, key: CallKey) -> int:
        self._census.add(key)
        code = self._codes[key] = len(self.keys)
        self.keys.append(key)
        self.arms.append(code)
        if key.cell:
            self.arms[code] = self.code(key._replace(cell=""))
        return code

    def order(self) -> KeyOrder:
        """Give arms and ranks of all codes as arrays; worked out again only when codes came."""
        if len(self._order.rank) != len(self.keys):
            rank = np.empty(len(self.keys), np.int32)
            rank[sorted(range(len(self.keys)), key=self.keys.__getitem__)] = np.arange(len(rank))
            self._order = KeyOrder(np.array(self.arms, np.int32), rank)
        return self._order


class KeyOrder(NamedTuple):
    """How the codes of a key table stand to each other.

    Attributes:
        arm: (codes,) the code of each code's arm.
        rank: (codes,) the place of each code's key among all, by name.
    """

    arm: NDArray[np.int32]
    rank: NDArray[np.int32]


class KeyCodes:
    """Codes of the keys in a list; a key is let into the table when its first call comes.

    So what the table holds depends on the calls and their order, not on who knew a name before.

    Args:
        table: Gives the codes.
        keys: The keys the list begins with.
    """

    def __init__(self, table: KeyTable, keys: Iterable[CallKey] = ()) -> None:
        self.table = table
        self._keys = list(keys)
        self._codes = np.full(max(len(self._keys), 64), -1, np.int32)
        self._pooled: set[int] = set()

    def append(self, key: CallKey) -> None:
        """Add a key to the list."""
        if len(self._keys) == len(self._codes):
            self._codes = np.concatenate([self._codes, np.full_like(self._codes, -1)])
        self._keys.append(key)

    def at(self, places: NDArray[np.integer]) -> NDArray[np.int32]:
        """Give the codes of the keys at these places of the list, one a call, in their order."""
        codes: NDArray[np.int32] = self._codes[places]
        unknown = codes < 0
        if unknown.any():
            for place in dict.fromkeys(places[unknown].tolist()):
                code = self._codes[place] = self.table.code(self._keys[place])
                if self.table.keys[code] != self._keys[place]:
                    self._pooled.add(place)
            codes = self._codes[places]
        return codes

    def pooled(self, places: NDArray[np.integer]) -> int:
        """Count the calls at these places that count as a pool; `at` was asked for them before."""
        if not self._pooled:
            return 0
        return int(np.isin(places, np.fromiter(self._pooled, np.int64)).sum())


class _Census:
    """Who is in a table: counts of what nobody declared."""

    def __init__(self, limits: KeyLimits) -> None:
        self._limits = limits
        self._tenants = {route.partition("/")[0] for route in limits.declared}
        self._all = 0  # undeclared keys
        self._keys: Counter[str] = Counter()  # those, by tenant
        self._routes: Counter[str] = Counter()  # undeclared ones, by tenant
        self._arms: dict[str, set[tuple[str, int]]] = {}  # all, by route
        self._undeclared: Counter[str] = Counter()  # arms under their revisions, by route
        self._cells: Counter[CallKey] = Counter()  # by key without the cell

    def place(self, key: CallKey) -> CallKey:
        """Give the key that calls of a key not in the table count as: itself, or a pool.

        What was pooled once is pooled again, however many keys come in between.
        """
        tenant = key.route.partition("/")[0]
        if tenant not in self._tenants and len(self._tenants) >= MOST_TENANTS:
            return POOLED
        pool = _pool_of(tenant)
        if key.route == pool or not self._takes_route(key.route, tenant):
            return CallKey(pool, OTHER)
        if not self._takes_arm(key, tenant):
            is_declared = key.arm in self._limits.declared.get(key.route, ())
            key = key._replace(arm=key.arm if is_declared else OTHER, revision=0)
        return key if self._takes_cell(key, tenant) else key._replace(cell="")

    def add(self, key: CallKey) -> None:
        """Count a key that is let in."""
        tenant, arm = key.route.partition("/")[0], (key.arm, key.revision)
        self._tenants.add(tenant)
        self._all += not self._is_free(key)
        self._keys[tenant] += not self._is_free(key)
        arms = self._arms.get(key.route)
        if arms is None:
            arms = self._arms[key.route] = set()
            is_declared = key.route in self._limits.declared
            self._routes[tenant] += not is_declared and key.route != _pool_of(tenant)
        if arm not in arms:
            arms.add(arm)
            self._undeclared[key.route] += not self._is_free(key)
        if key.cell:
            self._cells[key._replace(cell="")] += 1

    def _takes_route(self, route: str, tenant: str) -> bool:
        if route in self._arms or route in self._limits.declared:
            return True
        return self._routes[tenant] < self._limits.routes and self._has_room(tenant)

    def _takes_arm(self, key: CallKey, tenant: str) -> bool:
        known = (key.arm, key.revision) in self._arms.get(key.route, ())
        if known or self._is_free(key):
            return True
        return self._undeclared[key.route] < self._limits.arms and self._has_room(tenant)

    def _takes_cell(self, key: CallKey, tenant: str) -> bool:
        """Take a cell while there are few; identities know only declared ones, events any."""
        few = self._cells[key._replace(cell="")] <= MOST_CELLS  # and the one of all others
        return not key.cell or (few and (self._is_free(key) or self._has_room(tenant)))

    def _is_free(self, key: CallKey) -> bool:
        """Tell whether a key takes nobody's room: what is declared, and the pools."""
        is_known = key.arm == OTHER or key.arm in self._limits.declared.get(key.route, ())
        return is_known and not key.revision

    def _has_room(self, tenant: str) -> bool:
        return self._keys[tenant] < self._limits.keys and self._all < MOST_KEYS


def _pool_of(tenant: str) -> str:
    return f"{tenant}/{OTHER}/{OTHER}"
