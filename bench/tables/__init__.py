"""Tables over runs, and how figures are printed."""
