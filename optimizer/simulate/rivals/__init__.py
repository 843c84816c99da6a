"""Rivals: how others bring a candidate to traffic, played on the same calls as ours."""

from optimizer.simulate.rivals.fixed_thresholds import FixedThresholds
from optimizer.simulate.rivals.mann_whitney import MannWhitney
from optimizer.simulate.rivals.rules import FixedThresholdRules, MannWhitneyRules, RivalRules
from optimizer.simulate.rivals.standing import Minute, Rival, Standing, Usual

__all__ = [
    "FixedThresholdRules",
    "FixedThresholds",
    "MannWhitney",
    "MannWhitneyRules",
    "Minute",
    "Rival",
    "RivalRules",
    "Standing",
    "Usual",
]
