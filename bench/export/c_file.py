"""A model as one file of C with its weights: a function that reads one time step."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from bench.api import Tokens, leaves
from bench.export.c_head import c_head
from bench.export.c_main import c_main
from bench.kernels.emit_c import StepInC, literal
from bench.kernels.forward import forward
from bench.kernels.step import Cannot
from bench.model.sequence import SequenceModel
from bench.model.traced import TracedModel, traced

__all__ = ["CFile", "c_name"]

_REAL = {torch.float32: "float", torch.float64: "double"}
_ACROSS = 8  # numbers in a line


def c_name(file_name: str) -> str:
    """The name of a file as the beginning of names in C."""
    name = re.sub(r"\W+", "_", file_name.removesuffix(".c"), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"model_{name}".rstrip("_")


class CFile:
    """The C of a model; `facts` stand in its head, each by its name, and its own names begin with that of the file.

    `text` is for any compiler of C99, with its library alone. Raises Cannot where the model's step has no form in C.
    """

    def __init__(self, model: SequenceModel, file_name: str, facts: Mapping[str, str]) -> None:
        if model.like.dtype not in _REAL:
            raise Cannot(f"C has no numbers of dtype {model.like.dtype}")
        self.file_name, self.name = file_name, c_name(file_name)
        self.facts, self.real = facts, _REAL[model.like.dtype]
        self.symbols = model.step_inputs.size if isinstance(model.step_inputs, Tokens) else None
        self.traced = _smallest(model)
        step = self.traced.step
        self.body = StepInC(forward(step), self.real)
        self.inputs, self.outputs = model.step_inputs.size, sum(span for _, span in step.y)
        self.start = [leaf.reshape(-1) for leaf in leaves(model.initial_state(1))]
        added_to = {product.out for product in step.products}
        tables = {} if self.symbols is None else dict(zip(step.inputs, self.traced.tables, strict=True))
        self.looked_up = {array: table_VN for array, table_VN in tables.items() if array in self.body.arrays}
        self.copied = [array for array in self.looked_up if array in added_to]
        named = {f"weight{i}": each for i, each in enumerate(self.traced.weights)}
        named |= {f"matrix{i}": each.t() for i, each in enumerate(self.traced.matrices)}  # column by column
        read = {array.name for array in self.body.arrays}
        self.constants = {f"table{array.number}": table_VN for array, table_VN in self.looked_up.items()}
        self.constants |= {name: each for name, each in named.items() if name in read}

    @property
    def text(self) -> str:
        """The whole file."""
        parts = [
            self.head(),
            "#include <math.h>\n#include <stddef.h>\n#include <string.h>\n",
            self.struct(),
            "\n".join(f"static const {self.real} {name}[] = {_row(each)};\n" for name, each in self.constants.items()),
            self.body.definitions,
            self.init(),
            self.step(),
            c_main(self.name, self.real, self.inputs, self.outputs, self.symbols),
        ]
        return "\n".join(part for part in parts if part)

    @property
    def signature(self) -> str:
        """The declaration of the function that reads a time step."""
        takes = f"const {self.real} *x" if self.symbols is None else "int symbol"
        kind = "void" if self.symbols is None else "int"
        return f"{kind} {self.name}_step({self.name}_state *state, {takes}, {self.real} *y)"

    @property
    def weights_bytes(self) -> int:
        """The size of the constants in memory."""
        return sum(each.numel() * each.element_size() for each in self.constants.values())

    def head(self) -> str:
        """The comment at the beginning: what this is, and how it is used."""
        given, takes = ("x", f"{self.inputs} numbers ({self.real})") if self.symbols is None else (
            "symbol", f"0 to {self.symbols - 1}; for any other the function returns -1 and does nothing, else 0"
        )  # fmt: skip
        size = f"{self.weights_bytes:,} bytes of constants, {self.state_bytes:,} bytes a state, none allocated"
        arguments = {given: takes, "y": f"{self.outputs} numbers ({self.real}), which the call writes"}
        return c_head(self.file_name, self.name, {**self.facts, "size": size}, arguments)

    # State

    @property
    def work(self) -> dict[str, int]:
        """Arrays to work in, and their sizes."""
        arrays = [array for array in self.body.arrays if array.kind in ("next", "product", "operand", "scratch")]
        return {array.name: array.width for array in [*self.copied, *arrays]}

    @property
    def state_bytes(self) -> int:
        """The size of a state in memory."""
        numbers = sum(state.width for state in self.traced.step.states) + sum(self.work.values())
        return numbers * (4 if self.real == "float" else 8)

    def struct(self) -> str:
        states = [f"  {self.real} {state.name}[{state.width}];" for state in self.traced.step.states]
        work = [f"  {self.real} {name}[{width}];" for name, width in self.work.items()]
        both = ["typedef struct {", *states, "  /* room to work in */", *work, f"}} {self.name}_state;", ""]
        return "\n".join([*both, f"void {self.name}_init({self.name}_state *state);", f"{self.signature};", ""])

    def init(self) -> str:
        """The function that begins a sequence."""
        lines = ["memset(state, 0, sizeof *state);"]
        for array, start in zip(self.traced.step.states, self.start, strict=True):
            if not start.any():
                continue
            if bool((start == start[0]).all()):
                value = literal(start[0].item(), self.real)
                lines.append(f"for (int i = 0; i < {array.width}; ++i) state->{array.name}[i] = {value};")
            else:
                lines.append(f"static const {self.real} {array.name}[] = {_row(start)};")
                lines.append(f"memcpy(state->{array.name}, {array.name}, sizeof {array.name});")
        return _function(f"void {self.name}_init({self.name}_state *state)", lines)

    # Step

    def step(self) -> str:
        """The function that reads a time step."""
        states = [state.name for state in self.traced.step.states]
        lines = [*self.pointers(), *self.body.lines]
        if (number := self.traced.step.output) is not None:
            lines.append(f"memcpy(y, state->next{number}, sizeof state->next{number});")
        lines += [f"memcpy(state->{name}, state->next{i}, sizeof state->{name});" for i, name in enumerate(states)]
        if self.symbols is not None:
            return _function(
                self.signature, [f"if (symbol < 0 || symbol >= {self.symbols}) return -1;", *lines, "return 0;"]
            )
        return _function(self.signature, lines)

    def pointers(self) -> Iterator[str]:
        """What the arrays of the statements are."""
        given = [array for array in self.body.arrays if array.kind == "input"]
        if self.symbols is None and not given:
            yield "(void)x;"
        for array in given:
            row = "x" if self.symbols is None else f"table{array.number} + (size_t)symbol * {array.width}"
            if array in self.copied:
                yield f"{self.real} *const {array.name} = state->{array.name};"
                yield f"memcpy({array.name}, {row}, sizeof state->{array.name});"
            else:
                yield f"const {self.real} *const {array.name} = {row};"
        for array in self.body.arrays:
            if array.kind == "y":
                yield f"{self.real} *const {array.name} = y;"
            elif array.kind == "state":
                yield f"const {self.real} *const {array.name} = state->{array.name};"
            elif array.name in self.work and array not in self.copied:
                yield f"{self.real} *const {array.name} = state->{array.name};"


def _smallest(model: SequenceModel) -> TracedModel:
    """The model's step with the products of each symbol in a table, or without, whichever has fewer numbers.

    A table of products is as large as the first cell's weights for one-hot vectors, and faster; larger for a narrow
    embedding of many symbols.
    """
    found = [traced(model, hoists) for hoists in (True, False)[: 1 + isinstance(model.step_inputs, Tokens)]]
    return min(found, key=lambda each: sum(part.numel() for part in (*each.tables, *each.weights, *each.matrices)))


def _row(tensor: Tensor) -> str:
    """The initial values of an array."""
    end, real = ("f", "float") if tensor.dtype == torch.float32 else ("", "double")
    numbers = [
        re.sub(r"\.?0*p", "p", each.hex()) + end if math.isfinite(each) else literal(each, real)
        for each in tensor.reshape(-1).tolist()
    ]
    rows = [", ".join(numbers[i : i + _ACROSS]) for i in range(0, len(numbers), _ACROSS)]
    return "{\n  " + ",\n  ".join(rows) + "\n}"


def _function(signature: str, lines: list[str]) -> str:
    return "\n".join([f"{signature} {{", *(f"  {line}" for line in lines), "}", ""])
