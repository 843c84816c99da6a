"""Wiring: sources, rooms and sinks named and joined."""
