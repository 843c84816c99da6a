"""The domain: telemetry in, findings and decisions out; no clock, no I/O, no unseeded chance."""
