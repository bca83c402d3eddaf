"""Numbers about numbers; no torch."""
