"""An exported ONNX file, run over sequences by onnxruntime, and held to the model."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.api import leaves
from bench.errors import BenchError
from bench.export.check import checked
from bench.model.sequence import SequenceModel

__all__ = ["run_and_checked"]


def run_and_checked(content: bytes, model: SequenceModel, inputs_TB: Tensor, scans: bool) -> float:
    """The largest difference of the outputs for inputs `[T, B]` or `[T, B, F]` from the model's.

    The file goes step by step, and where it `scans` once more over all steps at once. Raises BenchError where outputs
    or states differ by more than rounding.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    T, B = inputs_TB.shape[:2]
    begin = leaves(model.initial_state(B))
    names = [f"state_{i}" for i in range(len(begin))]
    wanted = ["outputs", *(f"next_{name}" for name in names)]

    def run(inputs: Tensor, states: list[Tensor]) -> list[Tensor]:
        given = {"inputs": inputs} | dict(zip(names, states, strict=True))
        return [torch.from_numpy(each) for each in session.run(wanted, {k: v.numpy() for k, v in given.items()})]

    x = inputs_TB.to(model.like.dtype) if inputs_TB.is_floating_point() else inputs_TB
    states, outputs = [begin], []
    for t in range(T):
        y, *after = run(x[t : t + 1] if scans else x[t], states[-1])
        outputs.append(y[0] if scans else y)
        states.append(after)
    over_T = [torch.cat(of_steps) for of_steps in zip(*states, strict=True)]
    y_TBC = torch.stack(outputs)
    gap = checked(model, x.flatten(0, 1), [s[: T * B] for s in over_T], y_TBC.flatten(0, 1), [s[B:] for s in over_T])
    if scans and not torch.allclose(run(x, begin)[0], y_TBC, rtol=1e-4, atol=1e-5):
        raise BenchError("the exported Scan over time differs from its steps, and nothing is written; try onnx-step")
    return gap
