"""What a route can be served by: model configurations, arms, task presets, recorded performance."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from optimizer.statistics.rounding import rounded

_LONG_NUMBER = re.compile(r"[0-9.]{11,}|-0\.0")  # may be written otherwise than it prints


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The parameters of an LLM call (the contract's fields and defaults).

    Attributes:
        model: The model's name as its provider spells it.
        temperature: Sampling temperature, 0 to 2.
        top_p: Nucleus share, above 0, at most 1.
        top_k: Candidates kept, None for the provider's default.
        max_tokens: Most output tokens.
        presence_penalty: -2 to 2, None for the provider's default.
        frequency_penalty: -2 to 2, None for the provider's default.
        system_prompt: The prompt's text or hash, None when the caller brings its own.
        extra_params: Anything else the provider takes.
    """

    model: str = ""
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int | None = None
    max_tokens: int = 1024
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    system_prompt: str | None = None
    extra_params: Mapping[str, Any] = field(default_factory=dict)


class TaskType(StrEnum):
    """What a route's calls are for (the contract's eight)."""

    CLASSIFICATION = "classification"
    CREATIVE_GENERATION = "creative_generation"
    DATA_EXTRACTION = "data_extraction"
    SUMMARIZATION = "summarization"
    QUESTION_ANSWERING = "question_answering"
    CODE_GENERATION = "code_generation"
    TRANSLATION = "translation"
    OTHER = "other"


# The contract gives the first three; the rest take its plan's temperatures (factual .1, code .2,
# translation .3, summary .4, default .7) and 1.3 x the usual length of such an answer.
PRESETS: Mapping[TaskType, Mapping[str, Any]] = {
    TaskType.CLASSIFICATION: {"temperature": 0.1, "top_p": 0.9, "max_tokens": 50},
    TaskType.CREATIVE_GENERATION: {
        "temperature": 0.8,
        "top_p": 0.95,
        "max_tokens": 500,
        "presence_penalty": 0.6,
    },
    TaskType.DATA_EXTRACTION: {"temperature": 0.0, "top_p": 0.9, "max_tokens": 200},
    TaskType.SUMMARIZATION: {"temperature": 0.4, "top_p": 0.9, "max_tokens": 400},
    TaskType.QUESTION_ANSWERING: {"temperature": 0.1, "top_p": 0.9, "max_tokens": 400},
    TaskType.CODE_GENERATION: {"temperature": 0.2, "top_p": 0.9, "max_tokens": 2048},
    TaskType.TRANSLATION: {"temperature": 0.3, "top_p": 0.9, "max_tokens": 1024},
    TaskType.OTHER: {},
}


def preset(task: TaskType, model: str) -> ModelConfig:
    """Give the usual parameters of a task for a model."""
    return ModelConfig(model=model, **PRESETS[task])


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One configuration of a route.

    Attributes:
        config: Model and parameters.
        prompt: Name of the prompt; `""` when the caller brings its own.
        prompt_version: Version of the prompt.
        cache: Answers may come from a cache.
        declared: Which of the parameters the operator wrote down; only these tell arms of one
            model apart in telemetry without stamps.
        latency_p95_ms: What was measured elsewhere, None when nothing was; not part of the id.
    """

    config: ModelConfig
    prompt: str = ""
    prompt_version: str = ""
    cache: bool = False
    declared: tuple[str, ...] = ()
    latency_p95_ms: float | None = None

    @property
    def id(self) -> str:
        """Content hash: the model's name, to be readable, and eight digits of SHA-256.

        Numbers count as they are written down, to 9 significant digits: an arm that was read back
        is the same arm.
        """
        content = {item.name: getattr(self.config, item.name) for item in fields(ModelConfig)}
        content["extra_params"] = dict(self.config.extra_params)
        content |= {
            "prompt": self.prompt,
            "prompt_version": self.prompt_version,
            "cache": self.cache,
        }
        text = json.dumps(_rounded(content), sort_keys=True, separators=(",", ":"))
        if _LONG_NUMBER.search(text):
            text = json.dumps(_as_written(content), sort_keys=True, separators=(",", ":"))
        name = re.sub(r"[^A-Za-z0-9.]+", "-", self.config.model).strip("-") or "model"
        return f"{name[:40]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _as_written(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.9g}") + 0.0  # no minus zero
        case Mapping():
            return {name: _as_written(item) for name, item in value.items()}
        case list() | tuple():
            return [_as_written(item) for item in value]
    return value


def _rounded(value: Any) -> Any:
    """Give numbers as they are written to others, so that what is read back is the same arm."""
    match value:
        case float():
            return rounded(value)
        case Mapping():
            return {name: _rounded(each) for name, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPerformanceProfile:
    """What telemetry recorded of a model (the contract's fields; None where nothing was recorded).

    Attributes:
        model_id: The arm.
        provider: Who serves it; `""` when unknown.
        avg_latency_ms: Mean latency of successful calls.
        p50_latency_ms: Median latency.
        p95_latency_ms: 95th percentile of latency.
        p99_latency_ms: 99th percentile of latency.
        cost_per_1k_tokens: Dollars per 1,000 tokens, input and output together.
        quality_score: Mean score, 0 to 1.
        error_rate: Share of calls that failed, 0 to 1.
        throughput_qps: Calls a second.
        calls: How many calls this rests on.
        last_updated: End of the newest window in it.
        metadata: Free text pairs.
    """

    model_id: str
    provider: str = ""
    avg_latency_ms: float | None = None
    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None
    cost_per_1k_tokens: float | None = None
    quality_score: float | None = None
    error_rate: float | None = None
    throughput_qps: float | None = None
    calls: int = 0
    last_updated: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)

    def cost_per_request(self, tokens: int) -> float | None:
        """Dollars a request of so many tokens costs; None when no price is known."""
        return None if self.cost_per_1k_tokens is None else tokens / 1000 * self.cost_per_1k_tokens

    def meets_latency_sla(self, max_p95_ms: float) -> bool:
        """Tell whether the 95th percentile is known and within the limit."""
        return self.p95_latency_ms is not None and self.p95_latency_ms <= max_p95_ms

    def meets_quality_threshold(self, minimum: float) -> bool:
        """Tell whether the mean score is known and at least the minimum."""
        return self.quality_score is not None and self.quality_score >= minimum
