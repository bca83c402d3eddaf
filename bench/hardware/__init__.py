"""The machine that a run uses, and time measured on it."""
