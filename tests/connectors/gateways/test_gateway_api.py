"""Weights of the Gateway API: what is asked of gateways holds, over a faulty way too."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.trials import Outcome, same
from connectors.mixes import reverted
from optimizer.errors import (
    GatewayUnreachable,
    RevisionConflict,
)
from tests.faulty_way import EVERY, Fault, FaultyWay, Kind
from tests.kubernetes.api_server import KubernetesApi
from tests.kubernetes.manifests import KINDS, ROUTE, an_object
from tests.kubernetes.opening import a_trial, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


CANNOT = {"replicas_follow", "a_lease_is_renewed"}


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
