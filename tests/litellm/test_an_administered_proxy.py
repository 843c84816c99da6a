"""A real LiteLLM proxy, all but its database, is steered through its admin API."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from connectors.gateways.conformance import CHECKS, clear, run
from connectors.gateways.http import HttpClient
from connectors.gateways.litellm_admin.gateway import LiteLLMAdmin
from connectors.gateways.trials import Outcome, Trial
from optimizer.documents import Unit
from optimizer.errors import GatewayRefused, GatewayUnreachable
from optimizer.settings import LiteLLMAdminSettings
from tests.faulty_way import FaultyWay, some_of
from tests.litellm.environment import python
from tests.litellm.proxy import KEY, Proxy, a_model
from tests.litellm.sink import Sink
from tests.litellm.steering import ROUTE, STAMP, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
GROUP = "chat"
PARAMS = {"custom_llm_provider": "openai", "api_key": "os.environ/NO_KEY", "mock_response": "hello"}
CALLS = 1000
CANNOT = {"of_two_writers_at_once_one_wins", "replicas_follow", "a_lease_is_renewed"}


class Administered(Proxy):
    """A proxy that keeps models in its database, which is a dictionary of its process."""

    def __init__(self, folder: Path, **variables: str) -> None:
        models, variables["CONFIG_FILE_PATH"] = [a_model("of the file")], "config.yaml"
        super().__init__(folder, variables, models)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["general_settings"]["store_model_in_db"] = True
        (folder / "config.yaml").write_text(yaml.safe_dump(config))

    def _command(self) -> list[str]:
        return [str(python()), str(Path(__file__).parent / "in_memory_database.py"), str(self.port)]


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Proxy]:
    """One that carries the plugin too, which finds no documents to follow."""
    folder = tmp_path_factory.mktemp("administered")
    told = variables(folder / "no documents", sink.address)
    proxy = Administered(folder, **told)
    yield proxy.start()
    proxy.stop()


def a_trial(proxy: Proxy, address: str = "", timeout_s: float = 30.0, **more: Any) -> Trial:
    told = {"groups": {ROUTE: GROUP}, "params": {"*": PARAMS}, **more}
    settings = LiteLLMAdminSettings(**told)
    client = HttpClient(address or proxy.address, KEY, timeout_s)
    return Trial(open=lambda: LiteLLMAdmin(client, settings), route=ROUTE, unit=Unit.CALL)


@pytest.mark.parametrize("stamped", [False, True])
def test_a_real_proxy_does_all_that_is_asked_of_gateways(proxy: Proxy, *, stamped: bool) -> None:
    results = {one.name: one for one in run(a_trial(proxy, stamped=stamped))}
    told = {name: one for name, one in results.items() if one.outcome is not Outcome.HELD}
    assert len(results) == len(CHECKS)
    assert {name for name, one in told.items() if one.outcome is Outcome.CANNOT} == CANNOT, told
    rest = {name: one.detail for name, one in told.items() if name not in CANNOT}
    assert rest.keys() == {"what_failed_half_way_is_finished"}, rest  # below, over a faulty way


def test_over_a_faulty_way_a_rollout_converges(proxy: Proxy) -> None:
    with closing(FaultyWay(proxy.port)) as way:
        trial = a_trial(proxy, way.address, 2.0)
        gateway = trial.open()
        for revision, slots in ((1, 0), (2, 10), (3, 50), (4, 100), (5, 0)):
            way.faults = some_of(seed=revision, share=0.4)
            document = trial.document(revision, slots)
            for _ in range(40):
                with suppress(GatewayUnreachable):
                    gateway.apply(document, revision - 1, "key")
                    break
            way.faults = iter(())
            assert gateway.read(ROUTE) == document
        clear(trial)
        assert gateway.read(ROUTE) is None


def served(proxy: Proxy, many: int) -> Counter[str]:
    """Call a group; count the deployments that answered."""
    content = '{"model": "chat", "messages": [{"role": "user", "content": "What is a canary?"}]}'
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}

    def of_one(_: int) -> list[str]:
        found = []
        with closing(HTTPConnection("127.0.0.1", proxy.port, timeout=60)) as connection:
            for _ in range(many // 4):
                connection.request("POST", "/v1/chat/completions", content, headers)
                answer = connection.getresponse()
                answer.read()
                found.append(answer.headers["x-litellm-model-id"])
        return found

    with ThreadPoolExecutor(4) as pool:
        return Counter(name for names in pool.map(of_one, range(4)) for name in names)


def test_shares_are_as_commanded_and_an_arm_without_one_serves_nobody(proxy: Proxy) -> None:
    trial = a_trial(proxy)
    gateway, new = trial.open(), trial.arms[0].id
    gateway.apply(trial.document(1), 0, "1")
    for revision, slots in ((2, 10), (3, 50), (4, 100), (5, 0)):
        gateway.apply(trial.document(revision, slots), revision - 1, "key")
        found = served(proxy, CALLS if slots else 40)
        share, wanted = _share(found, new), slots / 200
        assert abs(share - wanted) <= 4 * math.sqrt(wanted * (1 - wanted) / CALLS), found
    clear(trial)


def _share(found: Counter[str], arm: str) -> float:
    return sum(many for name, many in found.items() if name.endswith(arm)) / found.total()


def test_the_plugin_stamps_what_the_proxy_deals_also_where_another_arm_comes_to_the_rescue(
    proxy: Proxy, sink: Sink
) -> None:
    failing = PARAMS | {"mock_response": "litellm.InternalServerError"}
    trial = a_trial(proxy, params={"*": PARAMS, "check-new": failing}, stamped=True)
    new, old = (arm.id for arm in trial.arms)
    trial.open().apply(trial.document(1, 100), 0, "1")
    trial.open().apply(trial.document(2, 80), 1, "2")
    sink.clear()
    for _ in range(40):
        proxy.chat(num_retries=3)
    calls = sink.wait_for(40)
    assert len(calls) == 40
    told = {(call.attributes[f"{STAMP}arm"], call.failed) for call in calls}
    assert told == {(new, True), (old, False)}
    assert {call.attributes[f"{STAMP}revision"] for call in calls} == {2}
    assert {call.attributes[f"{STAMP}route"] for call in calls} == {ROUTE}
    clear(trial)


def test_somebody_else_s_deployment_is_told_of_and_one_of_the_file_never_touched(
    proxy: Proxy,
) -> None:
    trial = a_trial(proxy)
    gateway = trial.open()
    gateway.apply(trial.document(1, 50), 0, "1")
    stray = {"model_name": GROUP, "litellm_params": {"model": "openai/gpt-4o"}}
    assert proxy.ask("/model/new", {**stray, "model_info": {"id": "stray"}})[0] == 200
    found = gateway.read(ROUTE)
    assert found is not None
    assert "has the deployment stray of somebody else" in found.reason
    assert proxy.ask("/model/delete", {"id": "stray"})[0] == 200
    assert gateway.read(ROUTE) == trial.document(1, 50)
    clear(trial)
    settings = LiteLLMAdminSettings(groups={ROUTE: "of the file"}, params={"*": PARAMS})
    other = LiteLLMAdmin(HttpClient(proxy.address, KEY, 30), settings)
    with pytest.raises(GatewayRefused, match="of the proxy's own file"):
        other.apply(trial.document(1), 0, "1")


def test_without_a_database_a_real_proxy_is_told_what_it_lacks(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, {}, [a_model("other")], callbacks=())
    proxy.start()
    try:
        trial = a_trial(proxy)
        assert trial.open().read(ROUTE) is None
        with pytest.raises(GatewayRefused, match="its admin API needs a database: give it one"):
            trial.open().apply(trial.document(1), 0, "1")
    finally:
        proxy.stop()
