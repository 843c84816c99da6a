"""What every gateway must do, tried on one from outside: on ours in tests, on a user's by command.

Each check begins with a route that has no document and leaves one behind; `run` takes it away.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.gateways.trials import (
    Broken,
    Cannot,
    Outcome,
    Result,
    Trial,
    Unshown,
    conflict,
    conflicts,
    differ,
    is_one_of,
    runs,
    same,
    wins,
)
from connectors.mixes import mix_of, overshoot, reverted
from optimizer.errors import DocumentInvalid, GatewayRefused, GatewayUnreachable, OptimizerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.ports import Gateway


def run(trial: Trial) -> Iterator[Result]:
    """Make every check; the route has no document in the end.

    Raises:
        GatewayUnreachable: It does not answer.
    """
    for check in CHECKS:
        clear(trial)
        yield _made(check, trial)
    clear(trial)


def clear(trial: Trial) -> None:
    """Take away what is there of the trial's route."""
    gateway = trial.open()
    left = gateway.read(trial.route)
    if left is not None:
        gateway.remove(trial.route, left.revision)


def _made(check: Check, trial: Trial) -> Result:
    name, claim = check.__name__, (check.__doc__ or "").rstrip(".")
    try:
        return Result(name, claim, Outcome.HELD, check(trial) or "")
    except Cannot as told:
        return Result(name, claim, Outcome.CANNOT, str(told))
    except Unshown as told:
        return Result(name, claim, Outcome.UNSHOWN, str(told))
    except GatewayUnreachable:
        raise  # it is not the gateway's fault, and what comes after would say the same
    except (Broken, OptimizerError) as told:
        return Result(name, claim, Outcome.BROKEN, f"{type(told).__name__}: {told}")


def a_document_is_read_back_as_it_was_applied(trial: Trial) -> None:
    """What was applied is read back whole, by another process too."""
    gateway, document = trial.open(), trial.document(1)
    same(gateway.read(trial.route), None)
    gateway.apply(document, 0, "1")
    for reader in (gateway, trial.open()):
        same(reader.read(trial.route), document)
        if trial.route not in reader.routes():
            raise Broken(f"routes() does not name {trial.route}")


def a_plan_ends_where_it_should(trial: Trial) -> str:
    """A plan ends at the document's shares, and no arm passes beyond what it had and will have."""
    gateway, before = trial.open(), None
    for revision, slots in enumerate((0, 10, 100, 0), 1):
        document = trial.document(revision, slots)
        plan = gateway.plan(document)
        if not plan or differ(plan[-1].mix, mix_of([document])):
            raise Broken(f"{slots} slots end at {dict(plan[-1].mix) if plan else 'nothing'}")
        if told := overshoot(before, plan, document):
            raise Broken(told)
        gateway.apply(document, revision - 1, str(revision))
        before = document
    return "one write a document" if len(plan) == 1 else f"{len(plan)} writes a document"


def applying_twice_is_applying_once(trial: Trial) -> None:
    """The same document with the same key does nothing the second time."""
    gateway, document = trial.open(), trial.document(1)
    for again in (gateway, gateway, trial.open()):
        again.apply(document, 0, "1")
        same(again.read(trial.route), document)


def an_older_revision_is_refused(trial: Trial) -> None:
    """A document older than the one that is there is refused, and nothing changes."""
    gateway = trial.open()
    gateway.apply(trial.document(1), 0, "1")
    gateway.apply(trial.document(2, 50), 1, "2")
    for expected in (0, 1, 2):
        conflict(gateway, trial.document(1), expected, found=2)
    same(gateway.read(trial.route), trial.document(2, 50))


def a_revision_means_one_document(trial: Trial) -> None:
    """Another document under the revision that is there is refused, and nothing changes."""
    gateway = trial.open()
    gateway.apply(trial.document(2), 0, "2")
    conflict(gateway, trial.document(2, 50), 2, found=2)
    same(gateway.read(trial.route), trial.document(2))


def what_is_expected_must_be_there(trial: Trial) -> None:
    """A newer document is refused where another revision is there than expected."""
    gateway = trial.open()
    conflict(gateway, trial.document(5), 4, found=0)
    gateway.apply(trial.document(3), 0, "3")
    conflict(gateway, trial.document(5), 4, found=3)
    same(gateway.read(trial.route), trial.document(3))


def a_document_with_faults_is_refused(trial: Trial) -> None:
    """A document whose slots do not sum to all is refused, and nothing changes."""
    gateway, good = trial.open(), trial.document(1)
    gateway.apply(good, 0, "1")
    bad = replace(trial.document(2), allotments=good.allotments[:1])
    try:
        gateway.apply(bad, 1, "2")
    except (DocumentInvalid, GatewayRefused):
        same(gateway.read(trial.route), good)
    else:
        raise Broken("nobody refused it")


def another_writer_is_noticed(trial: Trial) -> None:
    """What another process writes meanwhile is a conflict, and is read."""
    gateway, other = trial.open(), trial.open()
    gateway.apply(trial.document(1), 0, "1")
    foreign = replace(trial.document(4, 30), reason="somebody else's")
    other.apply(foreign, 1, "foreign")
    conflict(gateway, trial.document(2, 50), 1, found=4)
    same(gateway.read(trial.route), foreign)


def of_two_writers_at_once_one_wins(trial: Trial) -> str:
    """Of two processes that replace the same document at once, one is refused."""
    if not trial.open().capabilities().compares:
        raise Cannot(
            "it does not compare and write in one step: let one actuator write, nobody else"
        )
    for start in range(1, 6):
        trial.open().apply(trial.document(start), start - 1, str(start))
        rivals = [replace(trial.document(start + 1), reason=name) for name in ("one", "other")]
        with ThreadPoolExecutor(2) as pool:
            won = [*pool.map(wins, [trial] * 2, rivals, [start] * 2)]
        if won.count(True) != 1:
            raise Broken(f"{won.count(True)} of two were told that they had won")
        same(trial.open().read(trial.route), rivals[won.index(True)])
        trial.open().remove(trial.route, start + 1)
        trial.open().apply(trial.document(start), 0, "again")
    return "five times"


def what_failed_half_way_is_finished(trial: Trial) -> str:
    """A document that broke off after some of its writes is finished by trying again."""
    if trial.break_off is None:
        raise Unshown("nothing here can break off the way to it")
    trial.open().apply(trial.document(1), 0, "1")
    many = len(trial.open().plan(trial.document(2, 50)))
    for done in range(many):
        clear(trial)
        _break_off(trial, trial.break_off, done)
    return "its one write" if many == 1 else f"after each of {many} writes"


def _break_off(trial: Trial, break_off: Callable[[Gateway, int], None], done: int) -> None:
    first, second, gateway = trial.document(1), trial.document(2, 50), trial.open()
    gateway.apply(first, 0, "1")
    break_off(gateway, done)
    try:
        gateway.apply(second, 1, "2")
    except GatewayUnreachable:
        is_one_of(trial, first, second)
    else:
        raise Broken(f"nobody was told that it broke off after {done} writes")
    trial.open().apply(second, 1, "2")  # as a process that was started anew
    same(trial.open().read(trial.route), second)
    runs(trial, trial.open(), second)


def a_restart_in_the_middle_changes_nothing(trial: Trial) -> None:
    """A process that does not know that its document took effect applies it again in peace."""
    trial.open().apply(trial.document(1), 0, "1")
    trial.open().apply(trial.document(2, 50), 1, "2")
    trial.open().apply(trial.document(2, 50), 1, "2")
    same(trial.open().read(trial.route), trial.document(2, 50))


def replicas_follow(trial: Trial) -> str:
    """Each replica that tells what it runs comes to run the document in force."""
    gateway = trial.open()
    if not gateway.capabilities().tells_replicas:
        raise Cannot("nobody tells what its replicas run: only telemetry shows it")
    gateway.apply(trial.document(1), 0, "1")
    document = trial.document(2, 50)
    gateway.apply(document, 1, "2")
    return runs(trial, gateway, document)


def the_incumbent_takes_over(trial: Trial) -> None:
    """After a revert the incumbent serves all, until the next document."""
    gateway, document = trial.open(), trial.document(3, 50, leased=True)
    gateway.apply(document, 0, "3")
    conflicts(lambda: gateway.revert(trial.route, 2), found=3)
    gateway.revert(trial.route, 3)
    same(trial.open().read(trial.route), reverted(document))
    gateway.apply(trial.document(4, 20), 3, "4")
    same(gateway.read(trial.route), trial.document(4, 20))


def a_lease_is_renewed(trial: Trial) -> None:
    """A leased document can be renewed while it is in force, and only then."""
    gateway = trial.open()
    if not gateway.capabilities().leases:
        raise Cannot("it has no leases: a rollout goes on when nobody watches it any more")
    gateway.apply(trial.document(1, leased=True), 0, "1")
    gateway.renew(trial.route, 1)
    gateway.apply(trial.document(2, leased=True), 1, "2")
    conflicts(lambda: gateway.renew(trial.route, 1), found=2)
    same(gateway.read(trial.route), trial.document(2, leased=True))


def what_is_removed_is_gone(trial: Trial) -> None:
    """A document that was taken away is gone; another revision than it is not."""
    gateway = trial.open()
    gateway.apply(trial.document(2), 0, "2")
    conflicts(lambda: gateway.remove(trial.route, 1), found=2)
    gateway.remove(trial.route, 2)
    same(trial.open().read(trial.route), None)
    if trial.route in gateway.routes():
        raise Broken(f"routes() still names {trial.route}")


Check = Callable[[Trial], str | None]
CHECKS: tuple[Check, ...] = (
    a_document_is_read_back_as_it_was_applied,
    a_plan_ends_where_it_should,
    applying_twice_is_applying_once,
    an_older_revision_is_refused,
    a_revision_means_one_document,
    what_is_expected_must_be_there,
    a_document_with_faults_is_refused,
    another_writer_is_noticed,
    of_two_writers_at_once_one_wins,
    what_failed_half_way_is_finished,
    a_restart_in_the_middle_changes_nothing,
    replicas_follow,
    the_incumbent_takes_over,
    a_lease_is_renewed,
    what_is_removed_is_gone,
)
