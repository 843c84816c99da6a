"""Judges rollouts: terms fixed at the start, evidence added by the minute, verdicts."""
