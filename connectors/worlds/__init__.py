"""Worlds in files: read them, and write what happens in them as a recording."""
