"""Recordings of others that worlds are made of: arrival traces and routing matrices, as CSV."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.errors import WorldInvalid
from optimizer.simulate.arrivals import SECOND_NS, ClientWindows, Traced

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Table = dict[str, list[str]]

# The 95th percentile of a standard normal: how a log sd follows from a median and a p95.
_P95 = 1.6448536269514722

_LONG_FORM = {
    "latency_ms": "latency_ms",
    "input_tokens": "tokens_in",
    "output_tokens": "tokens_out",
    "quality": "quality",
}
_WIDE_FORM = ("q:", "quality_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What models did on the same tasks, for the tasks of which everything is recorded.

    Attributes:
        kinds: `(n_tasks,)` kind of each task; `""` where none is recorded.
        arms: By model, by quantity (`latency_ms`, `tokens_in`, `tokens_out`, `quality`), the value
            of each task; quantities that were not recorded are not there.
        dropped: Tasks left out because a number is missing.
    """

    kinds: tuple[str, ...]
    arms: Mapping[str, Mapping[str, Floats]]
    dropped: int


def read_table(path: Path) -> Table:
    """Read a CSV file, `.gz` or not, as columns of text.

    Raises:
        WorldInvalid: It cannot be read, or has no rows.
    """
    try:
        octets = path.read_bytes()
        text = (gzip.decompress(octets) if path.suffix == ".gz" else octets).decode()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise WorldInvalid(f"cannot be read: {error}") from error
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, [])
    rows = [line for line in lines if len(line) == len(header)]
    if not rows:
        raise WorldInvalid("has no rows")
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def trace(table: Table, stretch: float) -> Traced:
    """Make arrivals of a trace: `t_s`, and `input_tokens`, `output_tokens` where recorded.

    Raises:
        WorldInvalid: A column is missing or not a number, or all calls come at one instant.
    """
    at_ns = np.rint(_floats(table, "t_s") * SECOND_NS).astype(np.int64)
    order = np.argsort(at_ns, kind="stable")
    if at_ns[order[0]] == at_ns[order[-1]]:
        raise WorldInvalid("t_s holds a single instant: a trace takes time")
    return Traced(
        at_ns=at_ns[order],
        tokens_in=_counts(table, "input_tokens", len(at_ns))[order],
        tokens_out=_counts(table, "output_tokens", len(at_ns))[order],
        stretch=stretch,
    )


def client_windows(table: Table, model: str, scale: float) -> ClientWindows:
    """Make arrivals of client windows: `model`, `client`, `t_s`, `rate_rps`, `cv` and tokens.

    Args:
        table: The columns.
        model: Whose clients.
        scale: What the rates are multiplied by.

    Raises:
        WorldInvalid: A column is missing or not a number, or the model is not there.
    """
    rows = np.flatnonzero(np.array(_column(table, "model")) == model)
    if not len(rows):
        raise WorldInvalid(f"has no model {model}: has {', '.join(sorted(set(table['model'])))}")
    start_s = _floats(table, "t_s")[rows]
    starts = np.unique(start_s)
    width_s = float(np.diff(starts).min()) if len(starts) > 1 else 600.0
    return ClientWindows(
        client=_floats(table, "client")[rows].astype(np.int64),
        start_ns=np.rint(start_s * SECOND_NS).astype(np.int64),
        calls=_floats(table, "rate_rps")[rows] * width_s * scale,
        cv=np.maximum(_floats(table, "cv")[rows], 0.1),
        tokens_in=_shapes(table, "in", rows),
        tokens_out=_shapes(table, "out", rows),
        width_ns=round(width_s * SECOND_NS),
    )


def matrix(table: Table, models: Collection[str]) -> Matrix:
    """Make a routing matrix of either form.

    The long form has a row per `task_id` and `model`; the wide form a row per task and a column
    `q:<model>` or `quality_<model>`.

    Args:
        table: The columns.
        models: Which models are wanted.

    Raises:
        WorldInvalid: A model or column is not there, or no task is complete.
    """
    found = _long(table, models) if "model" in table else _wide(table, models)
    kinds, values = found
    complete = np.all([~np.isnan(v) for by in values.values() for v in by.values()], axis=0)
    if not complete.any():
        raise WorldInvalid(f"has no task with all numbers of {', '.join(sorted(models))}")
    return Matrix(
        kinds=tuple(kind for kind, keep in zip(kinds, complete.tolist(), strict=True) if keep),
        arms={m: {name: v[complete] for name, v in by.items()} for m, by in values.items()},
        dropped=int((~complete).sum()),
    )


_Values = dict[str, dict[str, "Floats"]]


def _long(table: Table, models: Collection[str]) -> tuple[list[str], _Values]:
    """Collect a row per task and model; what a task does not have is nan."""
    tasks = {task: place for place, task in enumerate(dict.fromkeys(_column(table, "task_id")))}
    place = np.array([tasks[task] for task in table["task_id"]])
    kinds = [""] * len(tasks)
    for at, kind in zip(place.tolist(), table.get("task", []), strict=False):
        kinds[at] = kind
    columns = {own: _floats(table, name) for name, own in _LONG_FORM.items() if name in table}
    names = np.array(table["model"])
    values: _Values = {}
    for model in models:
        rows = np.flatnonzero(names == model)
        if not len(rows):
            raise WorldInvalid(f"has no model {model}: has {', '.join(sorted(set(names)))}")
        values[model] = {own: np.full(len(tasks), np.nan) for own in columns}
        for own, column in columns.items():
            values[model][own][place[rows]] = column[rows]
    return kinds, values


def _wide(table: Table, models: Collection[str]) -> tuple[list[str], _Values]:
    """Collect a row per task, with a column of scores per model."""
    values: _Values = {}
    for model in models:
        names = [mark + model for mark in _WIDE_FORM if mark + model in table]
        if not names:
            known = sorted(name for name in table if name.startswith(_WIDE_FORM))
            raise WorldInvalid(f"has no model {model}: has {', '.join(known)}")
        values[model] = {"quality": _floats(table, names[0])}
    count = len(next(iter(table.values())))
    return table.get("task", [""] * count), values


def _column(table: Table, name: str) -> list[str]:
    if name not in table:
        raise WorldInvalid(f"has no column {name}: has {', '.join(table)}")
    return table[name]


def _floats(table: Table, name: str) -> Floats:
    """Give a column as numbers, nan where it is empty."""
    try:
        return np.array([float(text) if text else math.nan for text in _column(table, name)])
    except ValueError as error:
        raise WorldInvalid(f"column {name}: {error}") from error


def _counts(table: Table, name: str, count: int) -> Ints:
    """Give a column as whole numbers, -1 where it is empty or not there."""
    if name not in table:
        return np.full(count, -1, np.int64)
    return np.nan_to_num(_floats(table, name), nan=-1).astype(np.int64)


def _shapes(table: Table, side: str, rows: Ints) -> Floats:
    """Give median and log sd of tokens, from the recorded p50 and p95."""
    p50, p95 = (_floats(table, f"{side}_{name}")[rows] for name in ("p50", "p95"))
    middle = np.maximum(p50, 1.0)
    return np.stack((middle, np.log(np.maximum(p95, middle) / middle) / _P95), axis=1)
