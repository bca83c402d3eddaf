"""Sequences with a class each: of any length, in the formats of the archives, scaled and batched."""
