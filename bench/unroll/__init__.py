"""The forms in which a cell is carried through time."""
