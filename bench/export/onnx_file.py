"""A model as ONNX: its time step as `torch.onnx` exports it, alone or as the body of a Scan over the steps."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.api import State, Tokens, leaves
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel
from bench.unroll.generated import in_structure_of

__all__ = ["onnx_file", "over_time"]

_MISSING = (
    "ONNX needs the packages onnx, onnxruntime and onnxscript: "
    "pip install -c constraints.txt -e '.[onnx]' (or 'bench-sequences[onnx]')"
)


class _Step(nn.Module):
    """A time step with the tensors of the states as arguments."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model, self.state = model, model.initial_state(1)

    def forward(self, inputs: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        y_BC, new = self.model.step(inputs, cast(tuple[State, ...], in_structure_of(self.state, states)))
        return y_BC, *leaves(new)


def onnx_file(model: SequenceModel, facts: Mapping[str, str], scans: bool) -> bytes:
    """The model as ONNX, for any number of lanes B.

    `inputs [B]` (symbols) or `[B, F]` and `state_0 [B, ...]` and others give `outputs [B, C]` and `next_state_0` and
    others. Where it `scans`, inputs and outputs have the time steps T in front. `facts`, and the initial states, are
    in the file's metadata. Raises ConfigError without the packages, and where torch.onnx has no form for the step.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise ConfigError(_MISSING) from None
    names = [str(i) for i in range(len(leaves(model.initial_state(1))))]
    found = _exported(model, names)
    if scans:
        found = over_time(found, len(names))
    starts = {f"initial_state_{i}": _start(leaf) for i, leaf in zip(names, leaves(model.initial_state(1)), strict=True)}
    onnx.helper.set_model_props(found, {**facts, **starts})
    found.producer_name = "bench"
    onnx.checker.check_model(found, full_check=True)
    return cast(bytes, found.SerializeToString())


def _exported(model: SequenceModel, names: list[str]) -> Any:
    """The step as torch.onnx exports it."""
    B, lanes = torch.export.Dim("B"), 2  # an example of one lane would be one for all
    states = leaves(model.initial_state(lanes))
    size = model.step_inputs.size
    x = (
        torch.zeros(lanes, dtype=torch.long)
        if isinstance(model.step_inputs, Tokens)
        else model.like.new_zeros(lanes, size)
    )
    try:
        with _quiet():
            program = torch.onnx.export(
                _Step(model).eval(),
                (x, *states),
                dynamo=True,
                verbose=False,
                input_names=["inputs", *(f"state_{i}" for i in names)],
                output_names=["outputs", *(f"next_state_{i}" for i in names)],
                dynamic_shapes={"inputs": {0: B}, "states": tuple({0: B} for _ in states)},
            )
    except Exception as error:
        raise ConfigError(
            f"torch.onnx has no form for a step of this model: {_cause(error)}; try --format=c"
        ) from error
    assert program is not None
    return program.model_proto


def over_time(step: Any, states: int) -> Any:
    """The ONNX that goes through all time steps with that of a step, which becomes the body of a Scan.

    The step's weights become those of the whole.
    """
    from onnx import helper

    whole = type(step)()
    whole.CopyFrom(step)
    graph, body = whole.graph, helper.make_graph([], "step", [], [])
    carried, made = [f"state_{i}" for i in range(states)], [f"next_state_{i}" for i in range(states)]
    inputs, outputs = [*carried, "inputs"], [*made, "outputs"]
    body.node.extend(graph.node)
    body.value_info.extend(graph.value_info)
    for own, names, given in ((body.input, inputs, graph.input), (body.output, outputs, graph.output)):
        by_name = {each.name: each for each in given}
        own.extend(by_name[name] for name in names)
    _rename(body, {name: f"step.{name}" for name in (*inputs, *outputs)})  # inside and outside have no name in common
    del graph.node[:], graph.value_info[:]
    graph.node.append(helper.make_node("Scan", inputs, outputs, num_scan_inputs=1, body=body))
    for each in (*graph.input, *graph.output):
        if each.name in ("inputs", "outputs"):
            kind = each.type.tensor_type
            sizes = [dim.dim_param or dim.dim_value for dim in kind.shape.dim]
            each.CopyFrom(helper.make_tensor_value_info(each.name, kind.elem_type, ["T", *sizes]))
    return whole


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    for each in (*graph.input, *graph.output, *graph.value_info):
        each.name = names.get(each.name, each.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def _start(leaf: Tensor) -> str:
    """A lane's initial state in words: one number where all are the same."""
    numbers = leaf.reshape(-1).tolist()
    return json.dumps(numbers[0] if len(set(numbers)) == 1 else numbers)


def _cause(error: BaseException) -> str:
    """The first line of the error that began it all."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return f"{type(error).__name__}: {error}".strip().partition("\n")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's own remarks on what it exports, which are about its insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
