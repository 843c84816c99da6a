"""Kafka as input: partitions followed by offset, and what their silence says, kept as data."""
