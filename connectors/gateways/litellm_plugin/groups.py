"""Which of a proxy's model groups serves a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Deployments = Callable[[], Sequence[Mapping[str, Any]]]
_LOOK_NS = 1_000_000_000  # groups may be added while the proxy runs


class _Seen(NamedTuple):
    """The proxy's groups as they were seen.

    Attributes:
        at_ns: When, by the monotonic clock.
        models: The models that each group's deployments are of, by its name, in the proxy's order.
        found: What was looked up in it since.
    """

    at_ns: int
    models: Mapping[str, tuple[str, ...]]
    found: dict[tuple[str, str], str]


class Groups:
    """Finds the group of a model.

    Args:
        deployments: Gives the entries of the proxy's model list.
        told: The group of a model, where an operator said it.
        clock: The monotonic clock, nanoseconds.
    """

    def __init__(
        self, deployments: Deployments, told: Mapping[str, str], clock: Callable[[], int]
    ) -> None:
        self._deployments = deployments
        self._told = told
        self._clock = clock
        self._seen = _Seen(-_LOOK_NS, {}, {})

    def of(self, model: str, own: str) -> str:
        """Give the group that serves a model; `""` when the proxy has none.

        It is the one that an operator named, else the one of the model's name, else the first whose
        deployments are of that model: of several, the one that was asked for.

        Args:
            model: The model of an arm.
            own: The group that was asked for.
        """
        seen = self._look()
        found = seen.found.get((model, own))
        if found is None:
            found = seen.found[model, own] = self._find(model, own, seen.models)
        return found

    def model_of(self, group: str) -> str:
        """Give the model that a group serves, without its provider; its own name when not known."""
        models = self._look().models.get(group, ())
        return bare(models[0]) if models else group

    def _find(self, model: str, own: str, models: Mapping[str, tuple[str, ...]]) -> str:
        if told := self._told.get(model):
            return told if told in models else ""
        candidates = [own, model, *models]
        for group in candidates:
            if model in models.get(group, ()) or (group == model and group in models):
                return group
        return next((name for name in candidates if model in map(bare, models.get(name, ()))), "")

    def _look(self) -> _Seen:
        now = self._clock()
        if now - self._seen.at_ns >= _LOOK_NS:
            models: dict[str, tuple[str, ...]] = {}
            for entry in self._deployments():
                group, model = _names(entry)
                models[group] = (*models.get(group, ()), model)
            self._seen = _Seen(now, models, {})
        return self._seen


def bare(model: str) -> str:
    """Give a model's name without the provider that LiteLLM writes before it."""
    provider, slash, rest = model.partition("/")
    return rest if slash and rest and provider else model


def _names(entry: Mapping[str, Any]) -> tuple[str, str]:
    parameters = entry.get("litellm_params")
    model = parameters.get("model") if isinstance(parameters, Mapping) else None
    return str(entry.get("model_name") or ""), str(model or "")
