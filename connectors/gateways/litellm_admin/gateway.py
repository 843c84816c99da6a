"""LiteLLM steered through its admin API: a route is a model group, an arm a deployment in it.

LiteLLM draws one of a group's deployments for each call, by their weights. A step of a rollout
writes one weight, and the document goes along in the same write. Its API compares nothing: whoever
writes last wins, so one actuator only, and nobody else in the groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.documents.rendering import body_of
from connectors.gateways.litellm_admin.api import AdminApi
from connectors.gateways.litellm_admin.deployments import OURS, check_servable, id_of, params_of
from connectors.gateways.litellm_admin.groups import Group
from connectors.gateways.litellm_admin.weights import Weight, mixes, writes
from connectors.mixes import reverted
from optimizer.documents import Unit
from optimizer.errors import GatewayUnreachable, RevisionConflict, SettingsInvalid
from optimizer.ports import Capabilities, Write

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from connectors.gateways.http import HttpClient
    from optimizer.documents import Document
    from optimizer.models import Arm
    from optimizer.settings import LiteLLMAdminSettings

MOST_BYTES = 64 << 20  # of the list of a proxy's deployments, some 6 kB each
_REFERENCE = "os.environ/"  # what follows names a variable of the proxy's environment
_SECRETS = ("api_key", "_secret", "_access_key", "_token", "_password")  # how their names end


class LiteLLMAdmin:
    """Implements `ports.Gateway` over the admin API of a LiteLLM proxy with a database.

    Args:
        client: Asks the proxy; its token is the proxy's master key or an administrator's.
        settings: How routes and arms are written down there.

    Raises:
        SettingsInvalid: The settings name a group twice, or hold a key themselves.
    """

    def __init__(self, client: HttpClient, settings: LiteLLMAdminSettings) -> None:
        if faults := list(_faults_of(settings)):
            raise SettingsInvalid(faults)
        self._api = AdminApi(client)
        self._groups = settings.groups
        self._params = settings.params
        self._stamped = settings.stamped

    def capabilities(self) -> Capabilities:
        """Tell what it can do: LiteLLM draws anew for each call, and its replicas tell nothing."""
        return Capabilities(
            name="litellm_admin",
            units=frozenset({Unit.CALL}),
            stamps_revision=self._stamped,
            atomic=not self._stamped,
        )

    def routes(self) -> Collection[str]:
        """Name the routes that have a document."""
        rows = self._api.deployments()
        return sorted({one.route for one in rows if one.route and "document" in one.note})

    def read(self, route: str) -> Document | None:
        """Give the document in force, as it acts; None where there is none.

        Where somebody else changed what it says, it is not the document that was written any more.
        """
        return self._group(route).acting()

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the weights to write, one deployment each, and the mixes they pass through."""
        group = self._group(document.route)
        steps = self._steps(group, document)
        passed = mixes(group.weights, steps)
        return [
            Write(f"the weight {step.weight:g} of the deployment of {step.arm}", mix)
            for step, mix in zip(steps, passed, strict=True)
        ]

    def apply(self, document: Document, expected: int, key: str) -> None:  # noqa: ARG002 - the port's
        """Write weights until the shares are the document's; it goes along with the last one."""
        body = body_of(document).decode()
        check_servable(document)
        group = self._group(document.route)
        if group.acting() == document:
            return
        group.check_follows(document, expected)
        self._tidy(group, document)
        self._bring(group, document, self._steps(group, document), {"document": body})
        self._verify(document)

    def observe(self, route: str) -> Mapping[str, int | None]:  # noqa: ARG002 - the port's
        """Tell nothing: who the replicas are is not known; only telemetry shows what they do."""
        return {}

    def renew(self, route: str, revision: int) -> None:
        """Find that the document is in force: there are no leases."""
        self._group(route).expect(revision)

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent serve all, whatever somebody else made of the weights."""
        group = self._group(route)
        document = group.expect(expected)
        acting = reverted(document)
        steps = self._steps(group, acting)
        self._bring(group, document, steps, {**group.beside, "reverted": True})
        self._verify(acting)

    def remove(self, route: str, expected: int) -> None:
        """Take the route's deployments away, the incumbent's last; its group serves nobody then."""
        group = self._group(route)
        document = group.expect(expected)
        if document.incumbent in group.arms and not group.kept(document.incumbent):
            self._bring(group, document, [_as_it_is(group, document.incumbent)], group.beside)
        for arm in sorted(group.arms, key=lambda arm: (arm == document.incumbent, arm)):
            self._api.delete(group.arms[arm].id)

    def _group(self, route: str) -> Group:
        return Group(route, str(self._groups.get(route, route)), self._api.deployments())

    def _steps(self, group: Group, document: Document) -> list[Weight]:
        """Give the weights to write, the same again where only what stands beside them changes."""
        steps = writes(group.weights, document)
        moved = {step.arm for step in steps}
        served = [one.arm for one in document.allotments]
        again = {*group.touched, *(served if self._stamped else ())} - moved
        if not steps and not again:
            again = {document.incumbent if document.incumbent in served else served[0]}
        ordered = sorted(again, key=lambda arm: (arm == document.incumbent, arm))
        return [*steps, *(_as_it_is(group, arm) for arm in ordered)]

    def _bring(
        self, group: Group, document: Document, steps: Sequence[Weight], extra: Mapping[str, Any]
    ) -> None:
        arms = {arm.id: arm for arm in document.arms}
        for number, step in enumerate(steps, 1):
            more = extra if number == len(steps) else group.kept(step.arm)
            self._write(group, arms.get(step.arm), document.revision, step, more)

    def _write(
        self, group: Group, arm: Arm | None, revision: int, step: Weight, more: Mapping[str, Any]
    ) -> None:
        """Write a deployment; one whose arm the document does not know keeps its parameters."""
        there = group.arms.get(step.arm)
        params = params_of(arm, self._params) if arm else {"model": there.model} if there else {}
        name = id_of(group.route, step.arm)
        note = {"route": group.route, "arm": step.arm, "revision": revision}
        note |= {"weight": step.weight, "model": params["model"], **more}
        content = {
            "model_name": group.name,
            "litellm_params": {**params, "weight": step.weight},
            "model_info": {"id": name, OURS: note},
            "blocked": step.weight == 0,  # else it would serve where all others are down
        }
        if there:
            self._api.change(name, content)
        else:
            self._api.add(content)

    def _tidy(self, group: Group, document: Document) -> None:
        """Take away what served earlier rollouts and serves nobody any more."""
        known = {arm.id for arm in document.arms}
        for arm, one in list(group.arms.items()):
            if arm not in known and not one.weight and not group.kept(arm):
                self._api.delete(one.id)
                del group.arms[arm]

    def _verify(self, document: Document) -> None:
        """Find that what was written is what is there.

        Raises:
            RevisionConflict: Somebody wrote something newer meanwhile.
            GatewayUnreachable: The replica that answers does not have it yet.
        """
        group = self._group(document.route)
        if group.revision > document.revision:
            raise RevisionConflict(f"{document.route}: somebody wrote meanwhile", group.revision)
        if group.document != document or not group.is_settled:
            told = f"{document.route}: revision {document.revision} was written and is not there"
            raise GatewayUnreachable(f"{told}: does gateway.url name one replica with one worker?")


def _as_it_is(group: Group, arm: str) -> Weight:
    there = group.arms.get(arm)
    return Weight(arm, there.weight if there else 0.0)


def _faults_of(settings: LiteLLMAdminSettings) -> Iterator[str]:
    where = "gateway.litellm_admin"
    names = list(settings.groups.values())
    for route, name in settings.groups.items():
        if not isinstance(name, str) or not name:
            yield f"{where}.groups of {route} is {name!r}: must be the name of a model group"
        elif names.count(name) > 1:
            yield f"{where}.groups names {name} for {route} and another route: each needs its own"
    for model, params in settings.params.items():
        if not isinstance(params, dict):
            yield f"{where}.params of {model} is {params!r}: must be a mapping of litellm_params"
        else:
            yield from (
                f"{where}.params of {model} holds {name} itself: name a variable of the proxy's, "
                f"such as {_REFERENCE}OPENAI_API_KEY"
                for name, value in params.items()
                if isinstance(value, str)
                and name.endswith(_SECRETS)
                and not value.startswith(_REFERENCE)
            )
