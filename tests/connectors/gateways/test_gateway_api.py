"""Weights of the Gateway API: what is asked of gateways holds, over a faulty way too."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.trials import Outcome, same
from connectors.mixes import reverted
from optimizer.documents import Unit
from optimizer.errors import (
    GatewayUnreachable,
    RevisionConflict,
)
from tests.connectors.acting import Stage, a_document
from tests.connectors.gateways.scenes import Patient
from tests.faulty_way import EVERY, Fault, FaultyWay, Kind, some_of
from tests.kubernetes.api_server import KubernetesApi
from tests.kubernetes.manifests import KINDS, ROUTE, an_object
from tests.kubernetes.opening import a_trial, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CANNOT = {"replicas_follow", "a_lease_is_renewed"}
STEPS = (0, 10, 50, 100, 190, 0)  # slots of the new arm: a rollout, and it is undone


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        yield server


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateway_does_all_that_is_asked_of_it_and_leaves_the_object_as_it_was(
    kind: str, api: KubernetesApi
) -> None:
    before = api.create(an_object(kind))
    results = {
        one.name: (one.outcome, one.detail)
        for one in run(a_trial(lambda: opened(api.address, kind)))
    }
    assert len(results) == len(CHECKS)
    assert {name for name, told in results.items() if told[0] is Outcome.CANNOT} == CANNOT
    others = {name: told for name, told in results.items() if name not in CANNOT}
    assert {name: told for name, told in others.items() if told[0] is not Outcome.HELD} == {}
    after = api.objects[kind, "default", "chat"]
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("annotations", {}) == {}


def patiently(act: Callable[[], Any]) -> Any:
    """Try again as long as nobody can be reached."""
    for _ in range(10):
        with suppress(GatewayUnreachable):
            return act()
    pytest.fail("it could not be reached ten times")


def live_through(way: FaultyWay, kind: str, faults: list[Fault | None]) -> None:
    """Lead a route from its first document to its last, every operation over the faults."""
    way.faults = iter(())
    gateway = opened(way.address, kind, timeout_secs=0.2)
    trial = a_trial(lambda: gateway)
    first, second, third = (trial.document(number, 40 * number) for number in (1, 2, 3))

    def over_faults(act: Callable[[], Any]) -> None:
        way.faults = iter(faults)
        patiently(act)
        way.faults = iter(())

    for document, expected in ((first, 0), (second, 1)):
        over_faults(lambda: gateway.apply(document, expected, "key"))  # noqa: B023 - called at once
        assert gateway.read(ROUTE) == document
    over_faults(lambda: gateway.revert(ROUTE, 2))
    assert gateway.read(ROUTE) == reverted(second)
    over_faults(lambda: gateway.apply(third, 2, "key"))
    over_faults(lambda: same(gateway.read(ROUTE), third))
    assert is_gone_after(lambda: over_faults(lambda: gateway.remove(ROUTE, 3)))
    assert gateway.read(ROUTE) is None


def is_gone_after(remove: Callable[[], None]) -> bool:
    """Tell whether it is removed, also where the answer to that was lost and it is gone by now."""
    try:
        remove()
    except RevisionConflict as conflict:
        return conflict.found == 0
    return True


def over(api: KubernetesApi, kind: str, faults: list[Fault | None]) -> None:
    before = api.create(an_object(kind))
    with closing(FaultyWay(api.port)) as way:
        live_through(way, kind, faults)
    assert api.objects[kind, "default", "chat"]["spec"] == before["spec"]


PEACE, ENDS, RESET = None, Fault(Kind.DROP, 40), Fault(Kind.CUT, 400)
UNSENT = Fault(Kind.DROP, 40, is_back=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([ENDS, PEACE, RESET], id="the object is not read"),
        pytest.param([PEACE, ENDS], id="the answer to the patch is lost"),
        pytest.param([PEACE, UNSENT, PEACE, RESET], id="the patch is lost, then its answer"),
    ],
)
def test_over_a_faulty_way_it_is_unreachable_at_worst_and_trying_again_converges(
    kind: str, faults: list[Fault | None], api: KubernetesApi
) -> None:
    over(api, kind, faults)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", EVERY, ids=str)
def test_every_fault_on_any_request_is_survived(
    kind: str, fault: Fault, api: KubernetesApi
) -> None:
    over(api, kind, [fault, PEACE, fault, PEACE, PEACE, fault])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("seed", "share"), [(1, 0.08), pytest.param(2, 0.3, marks=pytest.mark.slow)]
)
def test_it_does_all_that_is_asked_over_a_way_that_fails_all_the_time(
    kind: str, seed: int, share: float, api: KubernetesApi
) -> None:
    before = api.create(an_object(kind))
    with closing(FaultyWay(api.port)) as way:
        way.faults = some_of(seed, share)
        trial = a_trial(lambda: Patient(opened(way.address, kind, timeout_secs=0.2)))
        trial = replace(trial, break_off=None)  # the way does that all the time
        results = {one.name: (one.outcome, one.detail) for one in run(trial)}
        assert way.taken > 100
    assert results.pop("what_failed_half_way_is_finished")[0] is Outcome.UNSHOWN
    others = {name: told for name, told in results.items() if name not in CANNOT}
    assert {name: told for name, told in others.items() if told[0] is not Outcome.HELD} == {}
    assert api.objects[kind, "default", "chat"]["spec"] == before["spec"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_actuator_brings_a_rollout_there_over_a_way_that_fails(
    kind: str, api: KubernetesApi, tmp_path: Path
) -> None:
    api.create(an_object(kind))
    stage = Stage(tmp_path)
    with closing(FaultyWay(api.port)) as way:
        actuator = stage.actuator(gateway=opened(way.address, kind, timeout_secs=0.2))
        for revision, slots in enumerate(STEPS, 1):
            document = a_document(revision, slots, leased=slots > 0, unit=Unit.CALL)
            way.faults = some_of(revision, 0.2)
            stage.say(document)
            stage.play(actuator, 0.4)
            way.faults = iter(())
            stage.play(actuator, 40, lambda: len(stage.told()) == revision)  # noqa: B023 - now
            assert opened(api.address, kind).read(ROUTE) == document
    assert stage.told() == [("applied", revision) for revision in range(1, len(STEPS) + 1)]


def test_the_actuator_tells_what_somebody_else_did_and_goes_on_with_the_next_revision(
    api: KubernetesApi, tmp_path: Path
) -> None:
    api.create(an_object())
    stage, gateway = Stage(tmp_path), opened(api.address)
    actuator = stage.actuator(gateway=gateway)
    stage.say(a_document(1, 40, unit=Unit.CALL))
    stage.play(actuator, 5)

    def take_all(found: dict[str, Any]) -> None:
        found["spec"]["rules"][1]["backendRefs"][1]["weight"] = 1000

    api.edit("HTTPRoute", "chat", take_all)
    stage.play(actuator, 130)
    assert stage.told() == [("applied", 1), ("conflict", 1)]
    assert "rule chat, which now deals to" in stage.reports()[-1].detail
    assert api.objects["HTTPRoute", "default", "chat"]["spec"]["rules"][1]["backendRefs"][1][
        "weight"
    ] == 1000  # fmt: skip
    stage.say(a_document(2, 0, unit=Unit.CALL))
    stage.play(actuator, 130)
    assert stage.told()[2:] == [("applied", 2)]
    assert gateway.read(ROUTE) == a_document(2, 0, unit=Unit.CALL)
