"""The machine that a run uses, and timing on it."""
