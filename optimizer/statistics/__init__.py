"""Pure maths, each with its source."""
