"""Runs on the disk: record, folder and curve of a run, the store of all runs, and the names of runs."""
