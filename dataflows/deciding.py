"""Which settings and programs decide what a job says, and a recording's note of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.codecs import to_json
from connectors.configuration import masked_mapping
from optimizer.errors import RecordingInvalid, StorageFailed
from optimizer.settings import as_mapping
from optimizer.settings.sections import InputSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from optimizer.settings import Settings

NAME = "settings.jsonl"
# They say where things are, how long they are kept and what is told, but change no decision.
_PLACES = ("database", "dead_letters", "integrations", "kafka", "observability", "recovery")
_OWN_PLACES = {
    "input": tuple(name for name in InputSettings.__dataclass_fields__ if name != "tenant"),
    "service": ("data_dir", "host", "port", "mode"),
}
_PROGRAMS = ("llm-auto-optimizer", "genai-prices", "numpy", "scipy")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Noted:
    """What a run began to read a recording with.

    Attributes:
        since: When, by the wall clock, as ISO 8601.
        facts: Settings and versions of programs by name; secrets are masked.
    """

    since: str
    facts: Mapping[str, Any]


def digest_of(settings: Settings) -> str:
    """Give what tells settings that decide otherwise apart, secrets included."""
    return hashlib.sha256(to_json(_deciding(as_mapping(settings)))).hexdigest()


def facts_of(settings: Settings) -> dict[str, Any]:
    """Give settings that decide and the programs that do, so that no secret is in them."""
    programs = {name: _version(name) for name in _PROGRAMS}
    facts = {"settings": _deciding(masked_mapping(settings)), "programs": programs}
    told: dict[str, Any] = json.loads(to_json(facts))
    return told


def note(folder: Path, settings: Settings, at: datetime) -> None:
    """Note in a recording what it is read with from now on, unless that is what was noted last.

    Args:
        folder: The recording.
        settings: The settings in force.
        at: The present time.

    Raises:
        RecordingInvalid: What was noted there is no note.
        StorageFailed: The folder cannot be written.
    """
    before, facts = noted(folder), facts_of(settings)
    if before and before[-1].facts == facts:
        return
    lines = [to_json({"since": one.since, **one.facts}) for one in before]
    lines.append(to_json({"since": at.isoformat(timespec="seconds"), **facts}))
    _write(folder / NAME, b"".join(line + b"\n" for line in lines))


def noted(folder: Path) -> list[Noted]:
    """Give what was noted in a recording, the oldest first; empty where nothing was.

    Raises:
        RecordingInvalid: The note is none.
    """
    place = folder / NAME
    if not place.is_file():
        return []
    try:
        told = [json.loads(line) for line in place.read_bytes().splitlines()]
        return [Noted(one.pop("since"), one) for one in told]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fault = f"{place}: is not what a run notes there ({error!r:.80}): move it away"
        raise RecordingInvalid(fault) from error


def hand_on(folder: Path, to: Path) -> None:
    """Let a recording that is made of another one keep what was noted there.

    Raises:
        StorageFailed: It cannot be written.
    """
    if (folder / NAME).is_file():
        _write(to / NAME, (folder / NAME).read_bytes())


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what is not the same in two notes: `rollout.holdback_pct`, `numpy 1.26.4, now 2.0.1`."""
    settings = sorted(_differing(before.get("settings", {}), now["settings"]))
    programs = before.get("programs", {})
    return settings + [
        f"{name} {programs.get(name) or 'not known'}, now {present or 'none'}"
        for name, present in now["programs"].items()
        if programs.get(name) != present
    ]


def _differing(before: Any, now: Any, name: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() | now.keys():
            both = before.get(key, _MISSING), now.get(key, _MISSING)
            yield from _differing(*both, name=f"{name}.{key}" if name else str(key))
    elif before != now:
        yield name


def _deciding(mapping: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a mapping of settings what changes no decision, in place."""
    for name in _PLACES:
        del mapping[name]
    for section, names in _OWN_PLACES.items():
        for name in names:
            del mapping[section][name]
    overrides = mapping["prices"]["overrides"]
    if overrides and Path(overrides).is_file():  # what it says, wherever it stands
        mapping["prices"]["overrides"] = hashlib.sha256(Path(overrides).read_bytes()).hexdigest()
    return mapping


def _write(place: Path, content: bytes) -> None:
    try:
        new = place.with_suffix(".new")
        new.write_bytes(content)
        new.replace(place)
    except OSError as error:
        way_out = "free some space, or name a folder this user may write to"
        raise StorageFailed(f"{place}: {error.strerror}: {way_out}") from error


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # our own, where it runs from its source
        return None
