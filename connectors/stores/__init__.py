"""Views that implement ports.Store."""
