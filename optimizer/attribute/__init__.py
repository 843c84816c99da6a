"""Attribute: scores find the calls they judge and are summed for the arms that served those."""
