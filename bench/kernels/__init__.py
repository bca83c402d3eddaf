"""Arithmetic over time that does not depend on any cell."""
