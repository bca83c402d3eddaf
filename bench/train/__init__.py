"""One run's learning: the loop, how gradients are made and clipped, updates, schedules, validation, checkpoints."""
