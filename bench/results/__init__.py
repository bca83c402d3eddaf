"""A run on the disk: its record, folder and curve, the store of all of them, and what a run is called."""
