"""Strategies: findings in, proposed changes out."""

from optimizer.decide.thresholds import Thresholds

STRATEGIES = (Thresholds(),)
