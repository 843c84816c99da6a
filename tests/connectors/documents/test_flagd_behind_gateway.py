"""A replica that evaluates flags follows whatever is asked of a gateway of documents."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext

from connectors.documents.flag_file import FlagFile
from connectors.documents.folder import Folder
from connectors.gateways.conformance import CHECKS, run
from connectors.gateways.documents import DocumentGateway
from connectors.gateways.trials import Outcome, Trial
from optimizer.ports import Capabilities
from tests.dataflows.actuating import wait_until

flagd = pytest.importorskip("openfeature.contrib.provider.flagd", reason="not in this environment")


class Evaluated(DocumentGateway):
    """Knows one follower: an application, which says by which revision it calls."""

    def __init__(self, folder: Folder, keeping: FlagFile, asking: OpenFeatureClient) -> None:
        super().__init__(folder, timedelta(seconds=300))
        self.changed = keeping.changed
        self._asking = asking

    def capabilities(self) -> Capabilities:
        return super().capabilities()._replace(tells_replicas=True)

    def observe(self, route: str) -> Mapping[str, int | None]:
        details = self._asking.get_object_details(route, {}, EvaluationContext("someone"))
        return {"application": int(details.flag_metadata.get("revision", 0))}


def test_an_application_that_evaluates_flags_passes_for_a_replica_of_the_gateway(
    tmp_path: Path,
) -> None:
    flags = tmp_path / "flags.json"
    with closing(FlagFile(tmp_path)) as keeping:
        wait_until(flags.exists)
        following = flagd.FlagdProvider(
            resolver_type=flagd.config.ResolverType.FILE,
            offline_flag_source_path=str(flags),
            deadline_ms=50,  # how often it looks at the file
        )
        api.set_provider_and_wait(following, str(flags))

        def opened() -> Evaluated:
            """Open it, once the application has let go of what is gone."""
            gateway = Evaluated(Folder(tmp_path), keeping, api.get_client(str(flags)))
            if gateway.read(trial.route) is None:
                wait_until(lambda: gateway.observe(trial.route) == {"application": 0})
            return gateway

        trial = Trial(open=opened)
        results = {one.name: one for one in run(trial)}
        following.shutdown()
    assert len(results) == len(CHECKS)
    other = {name: one.outcome for name, one in results.items() if one.outcome is not Outcome.HELD}
    assert other == {"what_failed_half_way_is_finished": Outcome.UNSHOWN}  # nothing fails here
    assert results["replicas_follow"].detail.startswith("1 of 1 tell")
