"""The cost of a trained model: speed, memory, floating-point operations."""
