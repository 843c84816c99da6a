"""Worlds: arrivals, users, arms and incidents that make telemetry."""
