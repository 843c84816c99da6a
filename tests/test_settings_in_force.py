"""Each key in force changes what the product does: one that does not is a promise unkept."""

from __future__ import annotations

import pytest

from optimizer.settings import keys_in_force
from tests.settings_probes import (
    allowing,
    arms,
    brokers,
    claiming,
    deciding,
    gateway_api,
    gateways,
    letters,
    litellm_admin,
    noticing,
    outside,
    receiving,
    remote_gateways,
    rolling_out,
    running,
    scoring,
    streaming,
)
from tests.settings_probes.probe import Probe

PROBES = (
    *allowing.PROBES,
    *arms.PROBES,
    *brokers.PROBES,
    *claiming.PROBES,
    *deciding.PROBES,
    *gateway_api.PROBES,
    *gateways.PROBES,
    *letters.PROBES,
    *litellm_admin.PROBES,
    *noticing.PROBES,
    *outside.PROBES,
    *remote_gateways.PROBES,
    *receiving.PROBES,
    *rolling_out.PROBES,
    *running.PROBES,
    *scoring.PROBES,
    *streaming.PROBES,
)
KEYS = {probe.key for probe in PROBES}


@pytest.mark.parametrize("key", keys_in_force())
def test_each_key_in_force_has_a_probe(key: str) -> None:
    assert key in KEYS, (
        f"{key} is in force and nothing proves that it changes anything: write a probe in "
        "tests/settings_probes, or mark the key `later`"
    )


def test_no_probe_is_left_of_a_key_that_is_gone() -> None:
    gone = KEYS - {*keys_in_force()}
    assert not gone, f"no such keys are in force: remove their probes: {sorted(gone)}"


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.key}-{probe.values}")
def test_another_value_of_a_key_leads_to_another_result(probe: Probe) -> None:
    assert probe.wanted[0] != probe.wanted[1], "a probe that wants the same twice proves nothing"
    assert probe.seen() == probe.wanted
