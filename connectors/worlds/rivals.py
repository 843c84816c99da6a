"""The numbers that rivals go by, read from their file."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter, ValidationError

from connectors.worlds.schema import faults_of
from optimizer.errors import WorldInvalid
from optimizer.simulate.rivals import RivalRules

if TYPE_CHECKING:
    from pathlib import Path


def read_rivals(path: Path | None = None) -> RivalRules:
    """Read the rivals' numbers.

    Args:
        path: A file like `connectors/worlds/rivals.yaml`; None for that one, which holds what they
            publish.

    Raises:
        WorldInvalid: The file has faults; the message lists all, one a line, key and value.
    """
    source = path or files("connectors.worlds") / "rivals.yaml"
    try:
        raw = yaml.safe_load(source.read_bytes())
    except OSError as error:
        raise WorldInvalid(f"{source} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise WorldInvalid(f"{source} is not YAML: {error}") from error
    try:
        return TypeAdapter(RivalRules).validate_python(raw)
    except ValidationError as error:
        raise WorldInvalid("\n".join([f"{source}:", *faults_of(error)])) from error
