"""LiteLLM's admin API: the gateway does what is asked of gateways, and who meddles is told of."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.http import HttpClient
from connectors.gateways.litellm_admin.gateway import LiteLLMAdmin
from connectors.gateways.trials import Outcome, Trial
from connectors.mixes import reverted
from optimizer.documents import Unit
from optimizer.errors import (
    GatewayRefused,
    GatewayUnreachable,
    RevisionConflict,
    SettingsInvalid,
)
from optimizer.models import Arm, ModelConfig
from optimizer.settings import LiteLLMAdminSettings
from tests.faulty_way import EVERY, Fault, FaultyWay, Kind
from tests.litellm_reference import KEY, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUTE = "default/shop/chat"
CANNOT = {"of_two_writers_at_once_one_wins", "replicas_follow", "a_lease_is_renewed"}


def opened(address: str, timeout_s: float = 5.0, **more: Any) -> LiteLLMAdmin:
    return LiteLLMAdmin(HttpClient(address, KEY, timeout_s), LiteLLMAdminSettings(**more))


def a_trial(proxy: Reference, address: str = "", **more: Any) -> Trial:
    def break_off(_: object, writes: int) -> None:
        proxy.most_writes = writes

    return Trial(
        open=lambda: opened(address or proxy.address, **more),
        route=ROUTE,
        unit=Unit.CALL,
        break_off=break_off,
    )


@pytest.fixture
def proxy() -> Iterator[Reference]:
    with Reference() as server:
        yield server


@pytest.mark.parametrize("stamped", [False, True])
def test_the_gateway_does_all_that_is_asked_of_it_and_leaves_nothing_behind(
    proxy: Reference, *, stamped: bool
) -> None:
    results = {one.name: one for one in run(a_trial(proxy, stamped=stamped))}
    assert len(results) == len(CHECKS)
    told = {name: one for name, one in results.items() if one.outcome is not Outcome.HELD}
    assert {one.outcome for one in told.values()} == {Outcome.CANNOT}, told
    assert set(told) == CANNOT
    assert proxy.rows == {}


@pytest.mark.parametrize(("stamped", "many"), [(False, 1), (True, 2)])
def test_a_step_is_one_write_and_two_where_both_arms_are_stamped(
    many: int, proxy: Reference, *, stamped: bool
) -> None:
    trial = a_trial(proxy, stamped=stamped)
    gateway = trial.open()
    gateway.apply(trial.document(1), 0, "1")
    for revision, slots in ((2, 50), (3, 100), (4, 0)):
        before = len(proxy.writes)
        gateway.apply(trial.document(revision, slots), revision - 1, "key")
        assert len(proxy.writes) - before == many


def weights(proxy: Reference) -> list[float]:
    return [row["litellm_params"]["weight"] for row in proxy.rows.values()]


def test_an_arm_without_a_share_is_blocked_so_that_nothing_falls_back_on_it(
    proxy: Reference,
) -> None:
    trial = a_trial(proxy)
    new, old = trial.arms
    trial.open().apply(trial.document(1, 50), 0, "1")
    trial.open().revert(ROUTE, 1)
    blocked = {
        row["model_info"]["llm_optimizer"]["arm"]: row["model_info"]["blocked"]
        for row in proxy.rows.values()
    }
    assert blocked == {new.id: True, old.id: False}


def test_what_served_an_earlier_rollout_is_taken_away_and_the_document_stays(
    proxy: Reference,
) -> None:
    trial, third = a_trial(proxy), Arm(config=ModelConfig(model="third"))
    _, old = trial.arms
    trial.open().apply(trial.document(1, 50), 0, "1")
    trial.open().apply(trial.document(2, 0), 1, "2")
    later = replace(trial, arms=(third, old))
    for revision, slots in ((3, 10), (4, 50)):
        trial.open().apply(later.document(revision, slots), revision - 1, "key")
        assert trial.open().read(ROUTE) == later.document(revision, slots)
    assert len(proxy.rows) == 2


def change_a_weight(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["litellm_params"]["weight"] = 1.0


def make_a_weight_no_number(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["litellm_params"]["weight"] = "NaN"


def make_a_weight_boundless(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["litellm_params"]["weight"] = "Infinity"


def change_a_model(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["litellm_params"]["model"] = "another"


def block_the_incumbent(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["model_info"]["blocked"] = True


def add_a_deployment(proxy: Reference) -> None:
    proxy.rows["stray"] = {
        "model_name": ROUTE,
        "litellm_params": {"model": "stray"},
        "model_info": {"id": "stray", "db_model": True},
    }


def take_one_away(proxy: Reference) -> None:
    del proxy.rows[next(iter(proxy.rows))]


def move_one(proxy: Reference) -> None:
    next(iter(proxy.rows.values()))["model_name"] = "elsewhere"


@pytest.mark.parametrize(
    ("meddle", "told"),
    [
        (change_a_weight, "somebody else changed the deployment .* the weight 1 in"),
        (make_a_weight_no_number, "the weight 0 in"),
        (make_a_weight_boundless, r"the weight 1e\+09 in"),
        (change_a_model, "somebody else changed the deployment .* it is another"),
        (block_the_incumbent, "the weight 0 in"),
        (add_a_deployment, "has the deployment stray of somebody else: name a model group"),
        (take_one_away, "somebody else took a deployment away"),
        (move_one, "in the model group elsewhere$"),
    ],
)
def test_who_meddles_makes_another_document_of_it_until_the_next_one_or_a_revert(
    meddle: Callable[[Reference], None], told: str, proxy: Reference
) -> None:
    trial = a_trial(proxy)
    gateway = trial.open()
    gateway.apply(trial.document(1, 50), 0, "1")
    meddle(proxy)
    found = gateway.read(ROUTE)
    assert found is not None
    assert found != trial.document(1, 50)
    assert found.revision == 1
    with pytest.raises(RevisionConflict):
        gateway.apply(trial.document(1, 50), 1, "1")
    assert re.search(told, found.reason), found.reason
    proxy.rows.pop("stray", None)
    gateway.apply(trial.document(2, 50), 1, "2")
    assert gateway.read(ROUTE) == trial.document(2, 50)


def test_the_incumbent_takes_over_whoever_meddled(proxy: Reference) -> None:
    trial = a_trial(proxy)
    gateway = trial.open()
    gateway.apply(trial.document(1, 50), 0, "1")
    change_a_weight(proxy)
    gateway.revert(ROUTE, 1)
    assert gateway.read(ROUTE) == reverted(trial.document(1, 50))


@pytest.mark.parametrize("name", ["weight", "revision"])
@pytest.mark.parametrize("value", ["two", None, [1]])
def test_the_incumbent_takes_over_whatever_somebody_wrote_beside_deployments(
    name: str, value: object, proxy: Reference
) -> None:
    trial = a_trial(proxy)
    gateway = trial.open()
    gateway.apply(trial.document(1, 50), 0, "1")
    for row in proxy.rows.values():
        row["model_info"]["llm_optimizer"][name] = value
    gateway.revert(ROUTE, 1)
    assert gateway.read(ROUTE) == reverted(trial.document(1, 50))


def test_a_damaged_document_is_none_and_the_next_one_replaces_it(proxy: Reference) -> None:
    trial = a_trial(proxy)
    trial.open().apply(trial.document(1), 0, "1")
    for row in proxy.rows.values():
        row["model_info"]["llm_optimizer"]["document"] = "{torn"
    assert trial.open().read(ROUTE) is None
    trial.open().apply(trial.document(2), 0, "2")
    assert trial.open().read(ROUTE) == trial.document(2)


def test_a_group_of_the_proxys_own_file_is_never_touched() -> None:
    with Reference((ROUTE, "openai/gpt-4o")) as proxy:
        trial = a_trial(proxy)
        with pytest.raises(GatewayRefused, match="of the proxy's own file: take it out there, or"):
            trial.open().apply(trial.document(1), 0, "1")
        assert proxy.writes == []


def test_a_proxy_without_a_database_refuses_in_words_that_lead_on() -> None:
    with Reference(has_database=False) as proxy:
        trial = a_trial(proxy)
        assert trial.open().read(ROUTE) is None
        with pytest.raises(
            GatewayRefused, match=r"No DB Connected.* needs a database: give it one"
        ):
            trial.open().apply(trial.document(1), 0, "1")


def test_what_is_no_litellm_proxy_is_refused(proxy: Reference) -> None:
    with pytest.raises(GatewayRefused, match="is it a LiteLLM proxy"):
        opened(f"{proxy.address}/elsewhere").read(ROUTE)


def test_documents_that_deployments_cannot_carry_are_refused(proxy: Reference) -> None:
    trial = a_trial(proxy)
    sticky = replace(trial.document(1), unit=Unit.CONVERSATION)
    prompted = replace(trial, arms=(replace(trial.arms[0], prompt_version="2"), trial.arms[1]))
    cached = replace(trial, arms=(replace(trial.arms[0], cache=True), trial.arms[1]))
    for document, told in (
        (sticky, "OPTIMIZER_ROLLOUT__UNIT"),
        (prompted.document(1), "differ in prompt_version"),
        (cached.document(1), "differ in cache"),
    ):
        with pytest.raises(GatewayRefused, match=told):
            trial.open().apply(document, 0, "1")
    assert proxy.rows == {}


def test_only_parameters_that_somebody_wrote_down_are_a_deployments(proxy: Reference) -> None:
    config = ModelConfig(model="small", temperature=0.2, top_k=5, extra_params={"seed": 7})
    new = Arm(config=config, declared=("temperature",))
    params = {"small": {"model": "openai/small", "api_key": "os.environ/SMALL_KEY"}}
    trial = replace(a_trial(proxy, params=params), arms=(new, Arm(config=ModelConfig(model="a"))))
    trial.open().apply(trial.document(1, 100), 0, "1")
    written = {row["litellm_params"]["model"]: row["litellm_params"] for row in proxy.rows.values()}
    assert written["a"] == {"model": "a", "weight": 500}
    assert written["openai/small"] == {
        "model": "openai/small",
        "api_key": "os.environ/SMALL_KEY",
        "temperature": 0.2,
        "top_k": 5,
        "seed": 7,
        "weight": 500,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"groups": {"a/b/c": 7}}, "groups of a/b/c is 7: must be the name of a model group"),
        ({"groups": {"a/b/c": "x", "a/b/d": "x"}}, "names x for a/b/c and another route"),
        ({"params": {"m": "x"}}, "params of m is 'x': must be a mapping"),
        ({"params": {"m": {"api_key": "sk-1"}}}, "holds api_key itself: name a variable"),
        ({"params": {"m": {"aws_secret_access_key": "x"}}}, "holds aws_secret_access_key itself"),
    ],
)
def test_settings_that_cannot_be_meant_are_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsInvalid, match=told):
        opened("http://127.0.0.1:1", **given)


PEACE, LOST, RESET = None, Fault(Kind.DROP, 0), Fault(Kind.CUT, 400)
UNSENT = Fault(Kind.DROP, 40, is_back=False)


def over(proxy: Reference, faults: list[Fault | None]) -> None:
    """Live through a rollout over a faulty way, trying again and again."""
    with closing(FaultyWay(proxy.port)) as way:
        trial = a_trial(proxy, way.address, timeout_s=0.3)
        gateway = trial.open()

        def over_faults(act: Callable[[], None]) -> None:
            way.faults = iter(faults)
            patiently(act)
            way.faults = iter(())

        for revision, slots in ((1, 0), (2, 10), (3, 100), (4, 0)):
            document = trial.document(revision, slots)
            over_faults(lambda: gateway.apply(document, revision - 1, "key"))  # noqa: B023 - at once
            assert gateway.read(ROUTE) == document
        over_faults(lambda: gateway.revert(ROUTE, 4))
        over_faults(lambda: gateway.remove(ROUTE, 4))
        assert gateway.read(ROUTE) is None
    assert proxy.rows == {}


def patiently(act: Callable[[], None]) -> None:
    for _ in range(12):
        try:
            act()
        except GatewayUnreachable:
            continue
        except RevisionConflict as conflict:
            if conflict.found:
                raise
        return
    raise AssertionError("it never went well")


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([LOST, PEACE, RESET], id="what is there is not read"),
        pytest.param([PEACE, LOST], id="the answer to the write is lost"),
        pytest.param([PEACE, UNSENT, PEACE, PEACE, LOST], id="the write is lost, then a look"),
    ],
)
def test_over_a_faulty_way_it_is_unreachable_at_worst_and_trying_again_converges(
    faults: list[Fault | None], proxy: Reference
) -> None:
    over(proxy, faults)


@pytest.mark.slow
@pytest.mark.parametrize("fault", EVERY, ids=str)
def test_every_fault_on_any_request_is_survived(fault: Fault, proxy: Reference) -> None:
    over(proxy, [fault, PEACE, fault, PEACE, PEACE, fault])
