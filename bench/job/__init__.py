"""One run, from its options to its record; and a stored run, loaded again."""
