"""Remote gateways do what is asked of gateways, over TCP, whatever goes wrong on the way."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.trials import Outcome
from optimizer.errors import GatewayUnreachable
from tests.connectors.gateways.scenes import QUICK_S, REMOTES, Remote, Scene, hampered
from tests.faulty_way import EVERY, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.gateways.trials import Trial

each_remote = pytest.mark.parametrize("remote", REMOTES, ids=lambda remote: remote.name)


def outcomes(trial: Trial) -> dict[str, tuple[Outcome, str]]:
    return {one.name: (one.outcome, one.detail) for one in run(trial)}


def broken(results: dict[str, tuple[Outcome, str]], remote: Remote) -> dict[str, object]:
    """Give what did not come out as this kind says."""
    return {
        name: told
        for name, told in results.items()
        if told[0] is not (Outcome.CANNOT if name in remote.cannot else Outcome.HELD)
    }


@each_remote
def test_a_remote_gateway_does_all_that_is_asked_of_it(remote: Remote, tmp_path: Path) -> None:
    with closing(Scene(remote, tmp_path)) as scene:
        results = outcomes(scene.trial())
        assert len(results) == len(CHECKS)
        assert broken(results, remote) == {}
        assert list(scene.gateway().routes()) == []


@each_remote
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))]
)
def test_it_does_so_over_a_way_that_fails_all_the_time(
    seed: int, remote: Remote, tmp_path: Path
) -> None:
    with closing(Scene(remote, tmp_path, QUICK_S)) as scene:
        results = outcomes(hampered(scene, seed, 0.08 if seed == 1 else 0.3))
        results.pop("what_failed_half_way_is_finished")  # all the others show it here
        assert broken(results, remote) == {}
        assert scene.way.taken > 100


@each_remote
@pytest.mark.parametrize("fault", EVERY[::5], ids=str)
def test_with_a_fault_on_any_connection_it_is_the_old_document_or_the_new_one(
    fault: Fault, remote: Remote, tmp_path: Path
) -> None:
    with closing(Scene(remote, tmp_path, QUICK_S)) as scene:
        trial = scene.trial()
        first, second = trial.document(1), trial.document(2, 50)
        for at in range(3):
            scene.patient_gateway().apply(first, 0, "1")
            scene.way.faults = iter([*[None] * at, fault])
            try:
                scene.gateway().apply(second, 1, "2")
            except GatewayUnreachable:
                scene.way.faults = iter(())
                assert scene.patient_gateway().read(trial.route) in (first, second)
            scene.way.faults = iter(())
            scene.restart()
            scene.patient_gateway().apply(second, 1, "2")
            assert scene.patient_gateway().read(trial.route) == second
            scene.patient_gateway().remove(trial.route, 2)
