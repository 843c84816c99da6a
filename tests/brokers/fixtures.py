"""Brokers for tests: one of each kind a session, and fresh ones for tests that stop them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.brokers.kinds import KINDS, absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.brokers.broker import Broker


def brokers(*needs: str, fixture: str = "broker") -> pytest.MarkDecorator:
    """Run a test against each kind of broker that can do what it needs; all but Tansu are slow.

    Args:
        needs: What some of them cannot do; `gaps` says which.
        fixture: `broker`, or `own_broker` where the test stops it.
    """
    needs += ("start",) if fixture == "own_broker" else ()
    return pytest.mark.parametrize(fixture, [_case(name, needs) for name in KINDS], indirect=True)


def _case(name: str, needs: tuple[str, ...]) -> object:
    gaps = [reason for need, reason in KINDS[name].gaps.items() if need in needs]
    reason = absent(name) or "; ".join(gaps)
    marks = [pytest.mark.kafka]
    if name != "tansu":
        marks.append(pytest.mark.slow)
    if reason:
        marks.append(pytest.mark.skip(reason=reason))
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Broker]]:
    """Gives the broker of a kind, started when it is first asked for."""
    started: dict[str, Broker] = {}

    def broker_of(name: str) -> Broker:
        if name not in started:
            started[name] = KINDS[name](tmp_path_factory.mktemp(name))
            started[name].start()
        return started[name]

    yield broker_of
    for each in started.values():
        each.close()


@pytest.fixture
def broker(request: pytest.FixtureRequest, running: Callable[[str], Broker]) -> Broker:
    """A broker that other tests use too: take topics of your own."""
    return running(request.param)


@pytest.fixture
def own_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker that may be stopped and killed."""
    made = KINDS[request.param](tmp_path_factory.mktemp(request.param))
    made.start()
    yield made
    made.close()
