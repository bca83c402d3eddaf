"""Sounds: recordings in folders, waves, and the features of their frames."""
