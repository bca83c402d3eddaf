"""The model around a cell: encoder, layers and head; the initialisation of weights; decoding."""
