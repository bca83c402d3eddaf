"""What goes on in a model over time: functions from a model and a batch to tables, each closed in itself.

The model steps as it does in streaming, from its initial state; neither it nor the batch is changed. float64 keeps what
vanishes from being lost in rounding.
"""

from bench.diagnosis.clipping import clipping
from bench.diagnosis.gates import gates
from bench.diagnosis.gradient import gradient_norms
from bench.diagnosis.jacobian import jacobians, lyapunov
from bench.diagnosis.reach import reach, steps_until

__all__ = ["clipping", "gates", "gradient_norms", "jacobians", "lyapunov", "reach", "steps_until"]
