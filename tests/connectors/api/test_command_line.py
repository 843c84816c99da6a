"""The command line: every command explains itself, every fault is told with the way out."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from connectors.configuration import load
from tests.connectors.api.shell import Shell

COMMANDS = (
    "", "run", "replay", "import", "simulate", "decisions", "decisions list", "decisions show",
    "decisions tail", "config", "config validate", "config show", "config schema",
)  # fmt: skip
FAULTY = """\
service: {port: x}
autonomie: observe
stream: {allowed_disorder_secs: -1}
routes: [{route: no-slashes}]
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, shell: Shell) -> None:
    done = shell(*command.split(), "--help")
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith(f"usage: llm-optimizer {command}".rstrip())
    assert all(len(line) <= 100 for line in done.output.splitlines())


def test_the_overview_names_every_command(shell: Shell) -> None:
    overview = shell("--help").output
    assert all(name in overview for name in COMMANDS if " " not in name)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "COMMAND"),
        ("bogus", "invalid choice: 'bogus'"),
        ("decisions", "ACTION"),
        ("replay", "PATH"),
        ("replay somewhere --speed 0", "argument --speed: '0': must be a number above 0, or max"),
        ("replay somewhere --speed -3", "argument --speed"),
        ("replay somewhere --speed abc", "'abc': must be a number above 0, or max"),
        ("replay somewhere --speed inf", "'inf': must be a number above 0, or max"),
        ("replay somewhere --speed nan", "'nan': must be a number above 0, or max"),
        ("replay somewhere --batch 0", "argument --batch: '0': must be a whole number, at least 1"),
        ("replay somewhere --batch 2.5", "'2.5': must be a whole number"),
        ("replay somewhere --windows 7m", "invalid choice: '7m'"),
        ("replay somewhere --output xml", "invalid choice: 'xml'"),
        ("decisions list --limit 0", "'0': must be a whole number, at least 1"),
        ("decisions tail --limit x", "'x': must be a whole number, at least 1"),
        ("simulate demo", "--out"),
    ],
)
def test_wrong_arguments_are_told_with_the_value_and_what_it_must_be(
    arguments: str, told: str, shell: Shell
) -> None:
    done = shell(*arguments.split())
    assert (done.code, done.output) == (2, "")
    assert told in done.errors


def test_all_faults_of_the_settings_are_told_at_once(shell: Shell) -> None:
    (shell.folder / "config.yaml").write_text(FAULTY)
    done = shell("config", "validate", "--config", "config.yaml")
    assert (done.code, done.output) == (2, "")
    assert "4 faults in the settings" in done.errors
    for told in (
        "service.port is 'x': must be a whole number from 1 to 65535 (OPTIMIZER_SERVICE__PORT)",
        "autonomie is not a setting: did you mean autonomy?",
        "stream.allowed_disorder_secs is -1",
        "routes[0].route is 'no-slashes'",
    ):
        assert told in done.errors


@pytest.mark.parametrize(
    "arguments", ["run", "replay {recording}", "config show", "decisions list"]
)
def test_no_command_works_with_faulty_settings(
    arguments: str, recording: Path, shell: Shell
) -> None:
    (shell.folder / "config.yaml").write_text(FAULTY)
    words = arguments.format(recording=recording).split()
    done = shell(*words, "--config", "config.yaml")
    assert (done.code, done.output) == (2, "")
    assert "4 faults" in done.errors
    assert [path.name for path in shell.folder.iterdir()] == ["config.yaml"]


def test_faults_in_variables_are_told_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIMIZER_SERVICE__PORT", "0")
    monkeypatch.setenv("OPTIMIZER_SERVICE__PROT", "1")
    done = shell("config", "validate")
    assert done.code == 2
    assert "service.port is 0" in done.errors
    assert "OPTIMIZER_SERVICE__PROT" in done.errors


@pytest.mark.parametrize("config", ["nowhere.yaml", "."])
def test_settings_that_cannot_be_read_are_named(config: str, shell: Shell) -> None:
    done = shell("config", "validate", "--config", config)
    assert done.code == 2
    assert config in done.errors


def test_sound_settings_are_said_to_be(shell: Shell) -> None:
    assert shell("config", "validate") == (0, "the settings are valid\n", "")


def test_settings_that_are_shown_load_to_the_same(shell: Shell) -> None:
    (shell.folder / "config.yaml").write_text(
        "recovery: {interval_secs: 0.5}\nroutes: [{route: a/b/c, incumbent: {model: gpt-4o}}]\n"
    )
    shown = shell("config", "show", "--config", "config.yaml")
    assert (shown.code, shown.errors) == (0, "")
    (shell.folder / "shown.yaml").write_text(shown.output)
    assert load(shell.folder / "shown.yaml", {}) == load(shell.folder / "config.yaml", {})
    assert shell("config", "show", "--config", "shown.yaml").output == shown.output


def test_the_schema_is_valid_and_fits_what_is_shown(shell: Shell) -> None:
    schema = json.loads(shell("config", "schema").output)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml.safe_load(shell("config", "show").output))
    assert list(validator.iter_errors(yaml.safe_load(FAULTY)))


def test_a_run_without_input_says_what_to_set_and_leaves_nothing(shell: Shell) -> None:
    done = shell("run")
    assert done.code == 2
    assert "input.path is not set" in done.errors
    assert "OPTIMIZER_INPUT__PATH" in done.errors
    assert list(shell.folder.iterdir()) == []
