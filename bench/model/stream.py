"""A model that reads one time step after the other: as one generated function a step, where it has one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from bench.api import State, Tokens, cache_folder, leaves, map_state
from bench.errors import ConfigError
from bench.kernels.compiler import NoCompiler
from bench.kernels.native import Inference, refuse_unfit
from bench.kernels.step import Cannot
from bench.model.sequence import SequenceModel
from bench.model.traced import traced

__all__ = ["StepFunction", "Stream"]

StepFunction = Callable[[Tensor, tuple[State, ...]], tuple[Tensor, tuple[State, ...]]]

_COMPARED, _NEAR = 3, 1e-3  # time steps that are compared, and how near they are to be: as forms over time are
_RING = 256  # steps whose states lie one behind the other before they begin anew


class Stream:
    """Streaming inference: each call reads one time step of every lane and carries the state on.

    On a CPU, encoder, cells and head are one generated function (`bench.kernels`), with the weights that the model has
    when the stream is made; its first steps are compared with `step`, by default the model's. Where there is no such
    function, or it differs, `refused` says why, and the stream takes `step`. Raises ConfigError for a bidirectional
    model, which goes no single steps.
    """

    refused: str | None = None

    def __init__(self, model: SequenceModel, lanes: int = 1, step: StepFunction | None = None) -> None:
        model.refuse_single_steps()
        self.model, self.lanes, self._step = model, lanes, step or model.step
        self._shape = (lanes,) if isinstance(model.step_inputs, Tokens) else (lanes, model.step_inputs.size)
        self._generated: _Generated | None = None
        try:
            generated = _Generated(model, lanes)
            self._refuse_other(generated)
            self._generated = generated
        except (Cannot, NoCompiler) as error:
            self.refused = str(error)
        self.reset()

    @torch.no_grad()
    def _refuse_other(self, generated: _Generated) -> None:
        """Raise Cannot where generated steps differ from the model's, each from the same state, on random inputs."""
        state, draws = self.model.initial_state(self.lanes), torch.Generator().manual_seed(0)
        for _ in range(_COMPARED):
            inputs = (
                torch.randint(self.model.step_inputs.size, self._shape, generator=draws)
                if generated.reads_symbols
                else torch.randn(self._shape, generator=draws)
            )
            generated.begin(state)
            found = generated(inputs)
            right, state = self._step(inputs, state)
            pairs = zip([found, *leaves(generated.state())], [right, *leaves(state)], strict=True)
            if not all(torch.allclose(a, b, rtol=_NEAR, atol=_NEAR, equal_nan=True) for a, b in pairs):
                raise Cannot("the generated step differs from the model's")

    @property
    def state(self) -> tuple[State, ...]:
        """The state of every layer after the last step, as `model.step` has it."""
        return self._state if self._generated is None else cast(tuple[State, ...], self._generated.state())

    def reset(self) -> None:
        """Begin a new sequence in every lane."""
        self._state: tuple[State, ...] = self.model.initial_state(self.lanes)
        if self._generated is not None:
            self._generated.begin(self._state)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits `[B, C]` of inputs `[B]` (symbols) or `[B, F]` (features), which the state then includes.

        Raises ConfigError for inputs of another shape.
        """
        if inputs.shape != self._shape:
            raise ConfigError(
                f"a time step of a stream of {self.lanes} lanes has inputs of shape {list(self._shape)}, not "
                f"{list(inputs.shape)}; a stream of other lanes is stream(lanes=...)"
            )
        if self._generated is not None:
            return self._generated(inputs)
        with torch.no_grad():
            logits_BC, self._state = self._step(inputs, self._state)
        return logits_BC


class _Generated:
    """The generated function of a model's time step, with its arrays in memory.

    A product of a symbol's vector is made once for all symbols; then a step only looks up a row of it.
    """

    def __init__(self, model: SequenceModel, lanes: int) -> None:
        self.lanes, self.like, like = lanes, model.initial_state(1), model.like
        refuse_unfit(like)
        if torch.is_autocast_enabled("cpu"):
            raise Cannot("a kernel computes in the dtype of the weights, and autocast in another")
        self.reads_symbols = isinstance(model.step_inputs, Tokens)
        found = traced(model)
        self.inference = Inference(found.step, like.dtype, cache_folder() / "kernels")
        known = {
            f"weight{i}": each.detach().clone(memory_format=torch.contiguous_format)
            for i, each in enumerate(found.weights)
        }
        known |= {f"matrix{i}": self.inference.packed(each) for i, each in enumerate(found.matrices)}
        self.arrays = {
            array.name: known[array.name]
            if array.name in known
            else like.new_empty(*(_RING + 1,) * (array.kind == "state"), lanes, array.width)
            for array in self.inference.arrays
        }
        pairs = zip(found.step.inputs, found.tables, strict=True)
        read = ((self.arrays.get(array.name), table_VN.contiguous()) for array, table_VN in pairs)
        self.inputs = [(row_BN, table_VN) for row_BN, table_VN in read if row_BN is not None]
        addresses = [self.arrays[array.name].data_ptr() for array in self.inference.arrays]
        self.pointers = (ctypes.c_void_p * len(addresses))(*addresses)
        row_bytes = {name: each[0].nbytes for name, each in self.arrays.items()}
        self.states = [
            (i, addresses[i], row_bytes[array.name])
            for i, array in enumerate(self.inference.arrays)
            if array.kind == "state"
        ]
        self.at = 0

    def begin(self, state: State) -> None:
        """Start from a state."""
        for j, leaf in enumerate(leaves(state)):
            self.arrays[f"state{j}"][0] = leaf.view(self.lanes, -1)
        self._go_to(0)

    def state(self) -> State:
        """The state that the next step begins with."""
        parts = (self.arrays[f"state{j}"][self.at] for j in range(len(leaves(self.like))))
        return map_state(lambda like: next(parts).reshape(self.lanes, *like.shape[1:]).clone(), self.like)

    def _go_to(self, row: int) -> None:
        """Let the next step begin with the states of a row."""
        self.at = row
        for i, address, row_bytes in self.states:
            self.pointers[i] = address + row * row_bytes

    def __call__(self, inputs: Tensor) -> Tensor:
        for row_BN, table_VN in self.inputs:
            if self.reads_symbols:
                torch.index_select(table_VN, 0, inputs, out=row_BN)
            else:
                row_BN.copy_(inputs.detach())  # else a graph would begin here; a block of torch.no_grad takes longer
        self.inference(1, self.lanes, self.pointers)
        self._go_to(self.at + 1)
        number = self.inference.output
        logits_BC = (self.arrays["y0"] if number is None else self.arrays[f"state{number}"][self.at]).clone()
        if self.at == _RING:
            for i, *_ in self.states:
                over_time = self.arrays[self.inference.arrays[i].name]
                over_time[0] = over_time[_RING]
            self._go_to(0)
        return logits_BC
