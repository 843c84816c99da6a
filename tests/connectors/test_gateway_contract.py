"""Every gateway does what is asked of gateways, and the checks find those that do not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.memory import MemoryGateway
from connectors.gateways.shelves import Place
from connectors.gateways.trials import Outcome, Trial
from connectors.mixes import overshoot, reverted
from optimizer.errors import GatewayUnreachable, RevisionConflict
from optimizer.ports import Write
from tests.connectors.gateway_kinds import KINDS, a_trial, pushed_to_four_replicas

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.documents import Document
    from optimizer.ports import Capabilities


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_does_all_that_is_asked_of_it_and_the_checks_leave_nothing_behind(
    kind: Callable[[Path], Trial], tmp_path: Path
) -> None:
    trial = kind(tmp_path)
    results = {one.name: (one.outcome, one.detail) for one in run(trial)}
    assert list(trial.open().routes()) == []
    assert len(results) == len(CHECKS)
    if not trial.open().capabilities().tells_replicas:
        assert results.pop("replicas_follow")[0] is Outcome.CANNOT
    assert {name: told for name, told in results.items() if told[0] is not Outcome.HELD} == {}


class Forgetful(MemoryGateway):
    """Says it is done and does nothing."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        pass


class Blind(MemoryGateway):
    """Takes whatever it is given."""

    def apply(self, document: Document, expected: int, key: str) -> None:  # noqa: ARG002 - the port's
        self.overwrite(document)


class Expecting(MemoryGateway):
    """Does not look whether what it is given is in force already."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        there = self.read(document.route)
        if there == document:
            raise RevisionConflict("it is there", document.revision)
        super().apply(document, expected, key)


class Careless(MemoryGateway):
    """Looks at the order of revisions, but not at what was expected."""

    def apply(self, document: Document, expected: int, key: str) -> None:  # noqa: ARG002 - the port's
        there = self.read(document.route)
        super().apply(document, there.revision if there else 0, key)


class Renaming(MemoryGateway):
    """Takes another document under the revision that is there."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        there = self.read(document.route)
        if there and there != document and there.revision == document.revision == expected:
            self.overwrite(document)
        else:
            super().apply(document, expected, key)


class Downhill(MemoryGateway):
    """Takes an older revision, if only what is there was expected."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        there = self.read(document.route)
        if there and there.revision == expected > document.revision:
            self.overwrite(document)
        else:
            super().apply(document, expected, key)


class Abrupt(MemoryGateway):
    """Writes nothing more of what broke off, yet says it is done."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        with self._shelf.taken() as contents:
            running = contents.places.get(document.route, Place()).replicas.values()
        if all(each[-1].document != document for each in running):
            super().apply(document, expected, key)


class Silent(MemoryGateway):
    """Says that all is well when the way broke off."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        with suppress(GatewayUnreachable):
            super().apply(document, expected, key)


class Overshooting(MemoryGateway):
    """Lets the new arm have everything in between."""

    def plan(self, document: Document) -> list[Write]:
        new = next(arm.id for arm in document.arms if arm.id != document.incumbent)
        return [Write("all of it first", {new: 1.0}), *super().plan(document)]


class Misplanning(MemoryGateway):
    """Plans something else than what it is asked for."""

    def plan(self, document: Document) -> list[Write]:
        return [*super().plan(document), Write("the rest", {document.incumbent: 1.0})]


class Stuck(MemoryGateway):
    """Has a replica that does not follow."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        self.faults.stale = {"b"}
        super().apply(document, expected, key)


class Boastful(MemoryGateway):
    """Tells of revisions nobody wrote."""

    def observe(self, route: str) -> dict[str, int | None]:
        return {name: (found or 0) + 1 for name, found in super().observe(route).items()}


class Unrepentant(MemoryGateway):
    """Reverts nothing."""

    def revert(self, route: str, expected: int) -> None:
        there = self.read(route)
        if there is None or there.revision != expected:
            raise RevisionConflict("another one", there.revision if there else 0)


class Hasty(MemoryGateway):
    """Reverts, renews and removes without looking at what is there."""

    def revert(self, route: str, expected: int) -> None:  # noqa: ARG002 - the port's
        there = self.read(route)
        if there:
            self.overwrite(reverted(there))

    def renew(self, route: str, revision: int) -> None:
        pass

    def remove(self, route: str, expected: int) -> None:  # noqa: ARG002 - the port's
        there = self.read(route)
        super().remove(route, there.revision if there else 0)


class Racing(MemoryGateway):
    """Looks first and writes later, without holding anybody up."""

    def apply(self, document: Document, expected: int, key: str) -> None:
        super().apply(document, expected, key) if expected == 0 else self._late(document, expected)

    def _late(self, document: Document, expected: int) -> None:
        there = self.read(document.route)
        if there == document:
            return
        found = there.revision if there else 0
        stays = there and there.reason not in ("one", "other")
        if not stays or found != expected or document.revision <= found:
            if there and {there.reason, document.reason} == {"one", "other"}:
                self.overwrite(document)
                return
            raise RevisionConflict("another one", found)
        self.overwrite(document)


class Unleased(MemoryGateway):
    """Has no leases, and says so."""

    def capabilities(self) -> Capabilities:
        return super().capabilities()._replace(leases=False)


class Hoarding(MemoryGateway):
    """Never lets a route go."""

    def remove(self, route: str, expected: int) -> None:
        there = self.read(route)
        if there is None or there.revision != expected:
            raise RevisionConflict("another one", there.revision if there else 0)
        super().remove(route, expected)
        self._gone = {*getattr(self, "_gone", ()), route}

    def routes(self) -> list[str]:
        return [*super().routes(), *getattr(self, "_gone", ())]


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Forgetful, "a_document_is_read_back_as_it_was_applied"),
        (Blind, "an_older_revision_is_refused"),
        (Blind, "another_writer_is_noticed"),
        (Expecting, "applying_twice_is_applying_once"),
        (Expecting, "a_restart_in_the_middle_changes_nothing"),
        (Blind, "a_document_with_faults_is_refused"),
        (Careless, "what_is_expected_must_be_there"),
        (Renaming, "a_revision_means_one_document"),
        (Downhill, "an_older_revision_is_refused"),
        (Abrupt, "what_failed_half_way_is_finished"),
        (Silent, "what_failed_half_way_is_finished"),
        (Overshooting, "a_plan_ends_where_it_should"),
        (Misplanning, "a_plan_ends_where_it_should"),
        (Stuck, "replicas_follow"),
        (Boastful, "replicas_follow"),
        (Unrepentant, "the_incumbent_takes_over"),
        (Hasty, "the_incumbent_takes_over"),
        (Hasty, "a_lease_is_renewed"),
        (Hasty, "what_is_removed_is_gone"),
        (Racing, "of_two_writers_at_once_one_wins"),
        (Hoarding, "what_is_removed_is_gone"),
    ],
)
def test_a_gateway_that_does_not_is_found_out(kind: type[MemoryGateway], check: str) -> None:
    results = {one.name: one for one in run(a_trial(kind, replicas=("a", "b"), pushes=True))}
    assert results[check].outcome is Outcome.BROKEN
    assert results[check].detail


def test_what_a_gateway_cannot_do_and_what_cannot_be_shown_are_told_apart() -> None:
    trial = replace(a_trial(Unleased), break_off=None)
    other = {one.name: one.outcome for one in run(trial) if one.outcome is not Outcome.HELD}
    assert other == {
        "a_lease_is_renewed": Outcome.CANNOT,
        "what_failed_half_way_is_finished": Outcome.UNSHOWN,
    }


def test_a_gateway_nobody_reaches_is_told_at_once() -> None:
    trial = a_trial()
    gateway = trial.open()
    gateway.faults.unreachable_calls = 1
    with pytest.raises(GatewayUnreachable, match="nobody answers"):
        next(run(replace(trial, open=lambda: gateway)))


def test_the_incumbent_may_have_more_traffic_on_the_way(tmp_path: Path) -> None:
    trial = pushed_to_four_replicas(tmp_path)
    new, old = (arm.id for arm in trial.arms)
    plan = [Write("the new arm", {old: 1.0}), Write("both", {new: 0.5, old: 0.5})]
    assert overshoot(trial.document(1, 10), plan, trial.document(2, 100)) == ""
    swapped = replace(trial.document(2, 100), incumbent=new)
    assert "has 100.0%" in overshoot(trial.document(1, 10), plan, swapped)


def test_a_plan_that_pushes_passes_through_the_mixes_between(tmp_path: Path) -> None:
    trial = pushed_to_four_replicas(tmp_path)
    gateway, new = trial.open(), trial.arms[0].id
    gateway.apply(trial.document(1, 0), 0, "1")
    shares = [write.mix[new] for write in gateway.plan(trial.document(2, 100))]
    assert shares == pytest.approx([0.125, 0.25, 0.375, 0.5])
    assert overshoot(trial.document(1, 0), gateway.plan(trial.document(2, 100)),
                     trial.document(2, 100)) == ""  # fmt: skip
