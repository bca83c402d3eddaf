"""Tables of runs, and the formats of figures."""
