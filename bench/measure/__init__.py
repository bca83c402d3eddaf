"""What a trained model costs: speed, memory, floating-point operations."""
