"""Texts: corpora, words, labelled texts in the layouts that people have, pairs of sentences."""
