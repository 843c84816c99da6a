"""Append-only logs that implement ports.Log."""
