"""Recordings: what came in, kept so that it can be taken in again, to the byte."""

from connectors.recordings.manifest import Manifest, Stamps
from connectors.recordings.reader import RecordingReader
from connectors.recordings.writer import RecordingWriter

__all__ = ["Manifest", "RecordingReader", "RecordingWriter", "Stamps"]
