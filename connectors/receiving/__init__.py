"""OTLP over HTTP: requests taken from exporters, written down, and only then acknowledged."""

PARTITION = "otlp"
