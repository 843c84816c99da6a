"""What a library user imports from `optimizer`."""

from __future__ import annotations

import subprocess
import sys

import pytest

import optimizer


@pytest.mark.parametrize("name", optimizer.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(optimizer, name).__name__ == name
    assert name in dir(optimizer)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        optimizer.Nonsense  # noqa: B018 - looking it up is the test


def test_importing_the_package_loads_none_of_it() -> None:
    program = "import optimizer, sys; print([m for m in sys.modules if m.startswith('optimizer.')])"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
