"""Arithmetic over time that knows no cell."""
