"""Diagnosis of a model over time: independent functions from a model and a batch to a table.

The model runs step by step from its initial state; neither it nor the batch is changed. Use float64 weights: in float32
a vanishing gradient is lost in rounding.
"""

from bench.diagnosis.clipping import clipping
from bench.diagnosis.gates import gates
from bench.diagnosis.gradient import gradient_norms
from bench.diagnosis.jacobian import jacobians, lyapunov
from bench.diagnosis.reach import reach, steps_until
from bench.diagnosis.sentences import sentence_vectors

__all__ = ["clipping", "gates", "gradient_norms", "jacobians", "lyapunov", "reach", "sentence_vectors", "steps_until"]
