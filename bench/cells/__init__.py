"""Cells that ship with the harness, one file an architecture."""
