"""The forms in which a cell is unrolled over time: a loop, torch.nn's fused layer, or the cell's own parallel form."""
