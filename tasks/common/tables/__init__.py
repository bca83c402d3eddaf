"""Time series in tables: how a file is written, what its columns are, and windows of it."""
