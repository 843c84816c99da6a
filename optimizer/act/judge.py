"""Judge: what the evidence of one rollout says, ten seconds at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from optimizer.act.bill import Bill
from optimizer.act.folding import Sight, fold
from optimizer.act.keeping import fill, keep
from optimizer.act.minutes import Minute, empty_minute
from optimizer.act.signals import signals_of
from optimizer.act.terms import Terms
from optimizer.act.trials import Outcome, Trials
from optimizer.act.wording import QUIET, verdict_of, with_unrevisioned
from optimizer.errors import UnknownVersion
from optimizer.panes import MINUTE_NS, PANE_NS
from optimizer.rollouts import Verdict

if TYPE_CHECKING:
    from optimizer.rollouts import Tick

_VERSION = 2


class Judge:
    """Judges one rollout, or one holdback, from its ticks.

    Comparisons are made when a minute of event time is over; hard limits, strays and hanging are
    looked at with each tick.

    Args:
        terms: What it is judged by.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._trials = Trials.begin(terms)
        self._minute = empty_minute(1)
        self._bill = Bill.empty()
        self._minute_end_ns = 0
        self._slots, self._began_ns = 0, 0
        self._said: tuple[Outcome, Verdict] | None = None
        self._revisions = (0, 0)  # the rollout's first, and its step's

    @classmethod
    def begin(cls, terms: Terms) -> Judge:
        """Begin with no evidence."""
        return cls(terms)

    @property
    def calls(self) -> tuple[int, int]:
        """Calls of the candidate and of the incumbent in this step."""
        candidate, control = self._trials.share.stamped[0].tolist()
        return int(candidate), int(control)

    def begin_step(self, *, slots: int, next_slots: int, revision: int, at_ns: int) -> None:
        """Judge a step from now on.

        Args:
            slots: The candidate owns slots 0 to this.
            next_slots: How many it would own after passing: a step of the terms' ladder; in a
                holdback anything.
            revision: The document's; only its calls count as the step's.
            at_ns: When it begins.

        Raises:
            ValueError: The ladder has no such step.
        """
        self._close_minute()
        self._said = None
        self._trials.begin_step(slots, next_slots)
        self._bill.begin_step()
        self._minute_end_ns = at_ns - at_ns % MINUTE_NS + MINUTE_NS
        self._slots, self._began_ns = slots, at_ns
        self._revisions = (self._revisions[0] or revision, revision)

    def take(self, tick: Tick) -> Verdict:
        """Add ten seconds, and look.

        Args:
            tick: They; ticks come in the order of time.

        Returns:
            What all evidence says now.
        """
        if tick.end_ns > self._minute_end_ns:
            self._close_minute()
            self._minute_end_ns = -(-tick.end_ns // MINUTE_NS) * MINUTE_NS
        sight = self._sight(tick.end_ns - PANE_NS)
        folded = fold(tick.rows, sight)
        self._bill.add(tick.rows, sight)
        self._trials.take_instant(folded.instant, folded.minute.slot_calls[..., 0])
        self._minute = Minute(*map(np.add, self._minute, folded.minute))
        if tick.end_ns == self._minute_end_ns:
            self._close_minute()
        return self._look(tick)

    def _look(self, tick: Tick) -> Verdict:
        """Look; while nothing but time has passed since the minute, say what was said then."""
        outcomes, breaches = self._trials.outcomes()
        outcome = Outcome(int(outcomes[0]))
        if self._said is None or self._said[0] != outcome or outcome not in QUIET:
            verdict = verdict_of(self._trials, outcome, breaches, tick.end_ns)
            if outcome is Outcome.SHARE_MISMATCH:
                verdict = with_unrevisioned(verdict, tick.rows)
            told = signals_of(self._trials, self._bill)
            if told:
                detail = f"{verdict.detail} (besides: {', '.join(told)})"
                verdict = replace(verdict, detail=detail)
            self._said = outcome, verdict
        return self._said[1]

    def dump(self) -> bytes:
        """Give all of it as bytes, every number as it is."""
        numbers = (self._minute_end_ns, self._slots, self._began_ns, self._revisions)
        arrays = keep((self._trials, self._minute, self._bill))
        return msgspec.msgpack.encode((_VERSION, self._terms, numbers, self._said, arrays))

    @classmethod
    def load(cls, dumped: bytes) -> Judge:
        """Go on from what `dump` gave.

        Raises:
            UnknownVersion: The bytes are of another version.
        """
        version, terms, numbers, said, arrays = msgspec.msgpack.decode(dumped)
        if version != _VERSION:
            raise UnknownVersion(
                f"evidence of a rollout has version {version}: only {_VERSION} is known; resume "
                "with the program that wrote it, or start from an empty recovery folder"
            )
        judge = cls(msgspec.convert(terms, Terms))
        judge._minute_end_ns, judge._slots, judge._began_ns, revisions = numbers
        judge._revisions = tuple(revisions)
        judge._said = (Outcome(said[0]), msgspec.convert(said[1], Verdict)) if said else None
        fill((judge._trials, judge._minute, judge._bill), arrays)
        return judge

    def _sight(self, start_ns: int) -> Sight:
        first, revision = self._revisions
        # Nearly none of the calls that were under way when the step began takes longer than that.
        under_way_ns = 2e9 * self._terms.first_look_secs
        return Sight(
            arms=self._terms.arms,
            first_revision=first,
            revision=revision,
            owned=self._slots,
            slow_bucket=self._terms.slow_bucket,
            limit_bucket=self._terms.limit_bucket,
            old_are_strays=start_ns >= self._began_ns + under_way_ns,
        )

    def _close_minute(self) -> None:
        if self._minute.trials.any() or self._minute.known.any():
            self._trials.take_minute(self._minute)
            self._minute = empty_minute(1)
        self._said = None  # a minute without calls says something too
