"""The arrows of the house: who may import whom, and what the core must not reach."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("optimizer", "connectors", "dataflows")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ROOMS = {"observe", "orient", "decide", "act", "simulate"}
# Rooms import the nouns and the maths; only these join rooms.
JOINERS = {"optimizer.controller", "optimizer.shard"}
FORBIDDEN_IN_CORE = {
    "sqlite3", "socket", "subprocess", "urllib", "http", "requests", "asyncio", "threading",
    "zstandard", "google", "genai_prices", "bytewax", "pyarrow", "yaml", "confluent_kafka",
    "psycopg", "redis", "random", "time", "os", "pathlib", "logging",
}  # fmt: skip
CONCRETE = re.compile(r"^connectors\.(logs|stores|gateways)\.")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows_point_from_dataflows_to_connectors_to_optimizer(path: Path) -> None:
    name, imported = name_of(path), imports_of(path)
    allowed = PACKAGES[: PACKAGES.index(name.split(".")[0]) + 1]
    reached = {each.split(".")[0] for each in imported} & set(PACKAGES)
    assert reached <= set(allowed), f"{name} reaches {reached - set(allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_do_not_reach_one_another(path: Path) -> None:
    name = name_of(path)
    parts = name.split(".")
    if parts[0] != "optimizer" or len(parts) < 2 or parts[1] not in ROOMS or parts[1] == "simulate":
        return
    others = {each.split(".")[1] for each in imports_of(path) if each.startswith("optimizer.")} & (
        ROOMS - {parts[1]}
    )
    assert not others, f"{name} reaches into {others}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_core_reaches_no_clock_and_no_outside(path: Path) -> None:
    name = name_of(path)
    if name.split(".")[0] != "optimizer":
        return
    reached = {each.split(".")[0] for each in imports_of(path)} & FORBIDDEN_IN_CORE
    assert not reached, f"{name} imports {reached}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_dataflows_and_the_api_name_concrete_classes(path: Path) -> None:
    name = name_of(path)
    if name.startswith(("dataflows", "connectors.api")) or CONCRETE.match(name + "."):
        return
    named = {each for each in imports_of(path) if CONCRETE.match(each + ".")}
    assert not named, f"{name} names {named}"


def test_every_module_has_one_subject_small_enough_to_read() -> None:
    long = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_no_module_is_a_place_for_odds_and_ends() -> None:
    banned = re.compile(r"(utils|common|helpers?|manager|misc|_v2|enhanced)(\.|$)")
    assert [name_of(path) for path in MODULES if banned.search(name_of(path))] == []


def test_the_command_line_loads_nothing_heavy() -> None:
    program = (
        "import sys; from connectors.api import cli; from dataflows import main; "
        "heavy = {'numpy', 'scipy', 'bytewax', 'pydantic', 'pyarrow', 'yaml', 'genai_prices'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
