"""The verbs, a file each: `python -m bench VERB` runs the file of that name."""
