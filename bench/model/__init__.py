"""The model around a cell: encoder, layers, head; how weights start; decoding."""
