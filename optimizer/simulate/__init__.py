"""Worlds: arrivals, users, arms and incidents that make telemetry, and documents that steer it."""
