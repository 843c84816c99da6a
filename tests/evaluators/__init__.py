"""Evaluators of flags that are not written in Python."""
