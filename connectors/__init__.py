"""Every door to the outside; each translates, none decides."""
