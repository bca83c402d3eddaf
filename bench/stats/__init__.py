"""Statistics of plain numbers, without torch: summaries of repeated measurements, confidence intervals."""
