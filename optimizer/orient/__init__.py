"""Analyzers: closed windows in, findings out."""
