"""A recovery state goes on with the inputs it was begun with: windows wait for all they know."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflows.recovery import begun_with
from optimizer.errors import SettingsInvalid


@pytest.mark.parametrize(
    ("begun", "now", "told"),
    [
        ({"input"}, {"input"}, ""),
        ({"kafka"}, {"kafka", "sentinel"}, ""),
        ({"input"}, {"input", "sentinel"}, ""),
        ({"input"}, {"kafka"}, "name another folder"),
        ({"kafka"}, {"kafka", "input"}, "name another folder"),
        ({"kafka", "input"}, {"kafka"}, "name another folder"),
        ({"kafka", "sentinel"}, {"kafka"}, "name another folder"),
    ],
)
def test_only_anomalies_may_be_added(
    begun: set[str], now: set[str], told: str, tmp_path: Path
) -> None:
    assert begun_with(tmp_path, begun) == begun
    if not told:
        assert begun_with(tmp_path, now) == begun
        assert begun_with(tmp_path, now) == now
        return
    with pytest.raises(SettingsInvalid, match=rf"begun with {'.'.join(sorted(begun))}: .*{told}"):
        begun_with(tmp_path, now)
    assert begun_with(tmp_path, begun) == begun
