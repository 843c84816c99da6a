"""The program's own log: constant names and fields, as text or JSON lines, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}
_NAMES = {number: name for name, number in LEVELS.items()}

_log = logging.getLogger("llm_optimizer")


def open_journal(level: str, *, as_json: bool) -> None:
    """Send the log to standard error.

    Args:
        level: Least level that is written, a key of `LEVELS`.
        as_json: One JSON object a line, for programs.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Text())
    _log.handlers[:] = [handler]
    _log.setLevel(LEVELS[level])
    _log.propagate = False


def note(level: str, name: str, **fields: Any) -> None:
    """Write one event.

    Args:
        level: A key of `LEVELS`.
        name: A constant, in the plain past: `job_started`.
        fields: What it is about.
    """
    if _log.isEnabledFor(LEVELS[level]):
        _log.log(LEVELS[level], name, extra={"fields": fields})


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        when = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        return f"{when} {_NAMES[record.levelno]:<5} {record.getMessage()} {fields}".rstrip()


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": _NAMES[record.levelno],
            "event": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(event, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
