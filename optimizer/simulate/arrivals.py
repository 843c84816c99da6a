"""When calls are made: by a daily rhythm, as a trace recorded it, or by clients of their own pace.

Every source gives arrivals for any length: a recording that is shorter is repeated from its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 1440 * MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Calls that are made, sorted by time.

    Attributes:
        at_ns: `(n,)` from the start of the world.
        user: `(n,)` who makes it, -1 where the source does not tell.
        tokens_in: `(n,)` input tokens, -1 where the source does not tell.
        tokens_out: `(n,)` output tokens, -1 where the source does not tell.
    """

    at_ns: Ints
    user: Ints
    tokens_in: Ints
    tokens_out: Ints

    def __len__(self) -> int:
        return len(self.at_ns)


def _untold(count: int) -> Ints:
    return np.full(count, -1, np.int64)


def daily(at_ns: Ints, amplitude: float, peak_ns: int) -> Floats:
    """Give the daily rhythm: 1 on average, `1 + amplitude` once a day at `peak_ns`."""
    return 1 + amplitude * np.cos(2 * np.pi * (at_ns - peak_ns) / DAY_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythmic:
    """Poisson arrivals whose rate follows the day, the load, and noise from minute to minute.

    Attributes:
        calls_per_minute: Mean rate over a day, above 0.
        rhythm: Amplitude of the daily rhythm relative to the mean, 0 to 1.
        peak_ns: When it is highest, nanoseconds from the start of the world.
        dispersion: Variance of a minute's rate relative to its square (Gamma); 0 is plain Poisson.
    """

    calls_per_minute: float
    rhythm: float = 0.0
    peak_ns: int = 0
    dispersion: float = 0.0

    def arrive(self, random: np.random.Generator, length_ns: int, load: Floats) -> Arrivals:
        """Draw the arrivals of a world.

        Args:
            random: Seeded stream of its own.
            length_ns: Length of the world.
            load: `(n_minutes,)` relative load of each minute.
        """
        starts = np.arange(len(load), dtype=np.int64) * MINUTE_NS
        rates = self.calls_per_minute * load
        rates = rates * daily(starts + MINUTE_NS // 2, self.rhythm, self.peak_ns)
        if self.dispersion:
            rates = rates * random.gamma(1 / self.dispersion, self.dispersion, len(load))
        counts = random.poisson(rates)
        within = (random.random(int(counts.sum())) * MINUTE_NS).astype(np.int64)
        at_ns = np.sort(np.repeat(starts, counts) + within)
        at_ns = at_ns[at_ns < length_ns]
        none = _untold(len(at_ns))
        return Arrivals(at_ns=at_ns, user=none, tokens_in=none, tokens_out=none)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Arrivals as recorded, repeated as often as the world needs, and stretched.

    Attributes:
        at_ns: `(n,)` sorted, from the start of the recording.
        tokens_in: `(n,)`, -1 where not recorded.
        tokens_out: `(n,)`, -1 where not recorded.
        stretch: Time runs this many times slower than in the recording; above 0.
    """

    at_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    stretch: float = 1.0

    @property
    def period_ns(self) -> int:
        """When it begins anew: the last arrival and one mean gap, stretched."""
        span = int(self.at_ns[-1] - self.at_ns[0])
        return max(1, round((span + span / max(1, len(self.at_ns) - 1)) * self.stretch))

    def arrive(self, random: np.random.Generator, length_ns: int, load: Floats) -> Arrivals:
        """Repeat the recording up to the length; neither `random` nor `load` changes it."""
        del random, load
        repeats = -(-length_ns // self.period_ns)
        once = np.rint((self.at_ns - self.at_ns[0]) * self.stretch).astype(np.int64)
        offsets = np.repeat(np.arange(repeats, dtype=np.int64) * self.period_ns, len(once))
        at_ns = np.tile(once, repeats) + offsets
        kept = at_ns < length_ns
        return Arrivals(
            at_ns=at_ns[kept],
            user=_untold(int(kept.sum())),
            tokens_in=np.tile(self.tokens_in, repeats)[kept],
            tokens_out=np.tile(self.tokens_out, repeats)[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientWindows:
    """Clients that each have a rate and a burstiness in each window; the client is the user.

    Attributes:
        client: `(w,)` number of the client.
        start_ns: `(w,)` start of the window, from the start of the recording.
        calls: `(w,)` mean number of calls in the window.
        cv: `(w,)` coefficient of variation of the gaps between calls.
        tokens_in: `(w, 2)` median and log sd; nan where not recorded.
        tokens_out: `(w, 2)` likewise.
        width_ns: Length of a window.
    """

    client: Ints
    start_ns: Ints
    calls: Floats
    cv: Floats
    tokens_in: Floats
    tokens_out: Floats
    width_ns: int

    @property
    def period_ns(self) -> int:
        """When the recording begins anew: the end of its last window."""
        return int(self.start_ns.max()) + self.width_ns

    def arrive(self, random: np.random.Generator, length_ns: int, load: Floats) -> Arrivals:
        """Draw each window's calls: a Poisson number, gaps of a Gamma with the window's variation.

        The gaps are scaled to fill the window and turned by a random phase, so that the number is
        right on average whatever the burstiness; a plain renewal process would be biased by
        (cv^2 - 1) / 2 calls a window (Cox, "Renewal theory", 1962, section 4.5).
        """
        del load  # the recording has its own ups and downs
        repeats = -(-length_ns // self.period_ns)
        rows = np.tile(np.arange(len(self.client)), repeats)
        starts = self.start_ns[rows] + np.repeat(
            np.arange(repeats, dtype=np.int64) * self.period_ns, len(self.client)
        )
        counts = random.poisson(self.calls[rows])
        row, start = np.repeat(rows, counts), np.repeat(starts, counts)
        at_ns = start + (self._within(random, rows, counts) * self.width_ns).astype(np.int64)
        tokens_in = _lognormal(random, self.tokens_in[row])
        tokens_out = _lognormal(random, self.tokens_out[row])
        order = np.argsort(at_ns, kind="stable")
        order = order[at_ns[order] < length_ns]
        return Arrivals(
            at_ns=at_ns[order],
            user=self.client[row][order],
            tokens_in=tokens_in[order],
            tokens_out=tokens_out[order],
        )

    def _within(self, random: np.random.Generator, rows: Ints, counts: Ints) -> Floats:
        """Give places in [0, 1) of each window's calls."""
        window = np.repeat(np.arange(len(rows)), counts)
        # A tiny shape underflows to a gap of 0; a window of only such gaps would divide by 0.
        gaps = np.maximum(random.standard_gamma(self.cv[rows][window] ** -2.0), 1e-280)
        totals = np.bincount(window, gaps, len(rows))
        shares = gaps / totals[window]
        ends = np.cumsum(shares)
        first = np.cumsum(counts) - counts
        before = np.concatenate([[0.0], ends])[first[window]]
        places: Floats = ends - before + random.random(len(rows))[window]
        return places % 1.0


def _lognormal(random: np.random.Generator, shape: Floats) -> Ints:
    drawn = shape[:, 0] * np.exp(shape[:, 1] * random.standard_normal(len(shape)))
    return np.where(np.isnan(drawn), -1, np.maximum(1, np.rint(np.nan_to_num(drawn)))).astype(
        np.int64
    )


Traffic = Rhythmic | Traced | ClientWindows
