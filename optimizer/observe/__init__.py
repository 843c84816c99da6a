"""From records to panes: the hot path, in columns."""
