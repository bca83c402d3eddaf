"""A program as plain C: one time step of one lane, in loops over units, for a compiler that knows C99 and no more.

`emit` prints the same program as C++ over vectors; the operations' texts (`operations`) serve both, here on one number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from bench.kernels.expression import Array, Node
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program
from bench.kernels.stages import Pass, StageInPrint, staged

__all__ = ["StepInC", "literal"]

_FUNCTIONS = {
    "sigmoid": "return 1 / (1 + exp_(-x));",
    "sign": "return (x > 0) - (x < 0);",
    "maximum": "return a >= b ? a : a < b ? b : a + b;  /* NaN of either */",
}
"""Those that C's library lacks."""

_PRODUCT = """\
/* out [n] += the matrix [n, k] times a [k]; the matrix lies in memory column by column */
static void product(const real *w, const real *a, real *restrict out, int n, int k) {
  for (; k >= 4; k -= 4, a += 4, w += 4 * (size_t)n) {
    const real *w1 = w + n, *w2 = w1 + n, *w3 = w2 + n;
    for (int i = 0; i < n; ++i) out[i] += w[i] * a[0] + w1[i] * a[1] + w2[i] * a[2] + w3[i] * a[3];
  }
  for (; k > 0; --k, ++a, w += n)
    for (int i = 0; i < n; ++i) out[i] += w[i] * a[0];
}
"""


def literal(value: float, real: str) -> str:
    """A number in C, exact: as a hexadecimal, but for those that are exact in few decimal digits."""
    end = "f" if real == "float" else ""
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "(-INFINITY)" if value < 0 else "INFINITY"
    value = float(np.float32(value)) if end else float(value)
    text = repr(value) if len(repr(value)) <= 6 and "e" not in repr(value) and (value * 1024).is_integer() else None
    text = text or re.sub(r"\.?0*p", "p", value.hex())
    return f"({text}{end})" if text.startswith("-") else text + end


class StepInC:
    """The statements of a time step, on arrays that are called as the program calls them.

    A product is added to its array; `lines` say where that begins with zeros. `arrays` are those that the statements
    name, `definitions` the functions that they call.
    """

    def __init__(self, program: Program, real: str) -> None:
        self.real, self.end = real, "f" if real == "float" else ""
        self.arrays: dict[Array, None] = {}
        self.called: dict[str, None] = {}
        stages, self.kept = staged(program)
        self.lines: list[str] = []
        for stage in stages:
            self.lines += [line for multiply in stage.multiplies for line in self._multiply(multiply)]
            passes = [line for each in _Passes(self, stage.passes).lines() for line in [f"  {each}"]]
            self.lines += ["{", *passes, "}"] if passes else []

    @property
    def definitions(self) -> str:
        """The C of the functions called."""
        found = [_PRODUCT.replace("real", self.real)] if "product" in self.called else []
        for name in (each for each in _FUNCTIONS if each in self.called):
            arguments = f"{self.real} a, {self.real} b" if name == "maximum" else f"{self.real} x"
            body = _FUNCTIONS[name].replace("exp_(", f"exp{self.end}(")
            found.append(f"static {self.real} {name}_({arguments}) {{ {body} }}\n")
        return "\n".join(found)

    def name(self, array: Array) -> str:
        """The name of an array, which the statements then read or write."""
        self.arrays[array] = None
        return array.name

    def _multiply(self, multiply: Multiply) -> Iterator[str]:
        n, k = multiply.out.width, multiply.source.width
        self.called["product"] = None
        matrix, source, out = map(
            self.name, (Array("matrix", multiply.matrix, n * k, per_lane=False), multiply.source, multiply.out)
        )
        if not multiply.adds:
            yield f"memset({out}, 0, {n} * sizeof *{out});"
        yield f"product({matrix}, {source}, {out}, {n}, {k});"

    def expression(self, node: Node, arguments: list[str]) -> str:
        """An operation on variables."""

        def call(found: re.Match[str]) -> str:
            name = found[1]
            if name not in _FUNCTIONS:
                return f"{name}{self.end}("
            self.called[name] = None
            return f"{name}_("

        code = re.sub(r"all\((\d+)\)", lambda found: literal(float(found[1]), self.real), OPERATIONS[node.op].code)
        return re.sub(r"\b(\w+)_\(", call, code).format(*arguments)


class _Passes(StageInPrint):
    """The passes of a stage; a sum, and a number that is the same for all units, is a variable of the stage."""

    def __init__(self, step: StepInC, passes: list[Pass]) -> None:
        super().__init__(passes, step.kept)
        self.step = step

    def lines(self) -> Iterator[str]:
        for each in self.passes:
            self.now = each
            for node in each.sums:
                self.scalars[node] = f"s{node.order}"
                yield f"{self.step.real} {self.scalars[node]} = 0;"
            spans = [store.span for store in each.stores] + [node.args[0].width for node in each.sums]
            for width in sorted(
                dict.fromkeys(spans), key=lambda width: width == 1
            ):  # what is added up is stored after it
                yield from self.loop(width)

    def loop(self, width: int) -> Iterator[str]:
        """A loop over so many units, with all that is stored or added up over them; without a loop of one unit."""
        stores = [store for store in self.now.stores if store.span == width]
        sums = [node for node in self.now.sums if node.args[0].width == width]
        roots = [store.node for store in stores] + [node.args[0] for node in sums]
        yield from self.variables([node for node in self.read(roots) if node.width == 1], self.scalars, "s")
        names: dict[Node, str] = {}
        body = [*self.variables([node for node in self.read(roots) if node.width > 1], names, "v")]
        names |= self.scalars
        for store in stores:
            body.append(f"{self.element(store.array, store.offset, width)} = {self.value(store.node, names)};")
        body += [f"{names[node]} += {self.value(node.args[0], names)};" for node in sums]
        if width == 1:
            yield from body
        else:
            yield f"for (int i = 0; i < {width}; ++i) {{"
            yield from (f"  {line}" for line in body)
            yield "}"

    def variables(self, nodes: list[Node], names: dict[Node, str], letter: str) -> Iterator[str]:
        for node in nodes:
            if node.op != "constant" and node not in names:
                code = self.code(node, {**self.scalars, **names})
                names[node] = f"{letter}{node.order}"
                yield f"const {self.step.real} {names[node]} = {code};"

    def code(self, node: Node, names: dict[Node, str]) -> str:
        if self.is_elsewhere(node):
            return self.element(self.kept[node].array, self.kept[node].offset, node.width)
        if node.op == "load":
            array, offset = node.value
            return self.element(array, offset, node.width)
        return self.step.expression(node, [self.value(arg, names) for arg in node.args])

    def value(self, node: Node, names: dict[Node, str]) -> str:
        return literal(node.value, self.step.real) if node.op == "constant" else names[node]

    def element(self, array: Array, offset: int, width: int) -> str:
        """A number of an array: that of the unit, `offset` behind the first, or the one there is."""
        name = self.step.name(array)
        return f"{name}[{offset}]" if width == 1 else f"{name}[{offset} + i]" if offset else f"{name}[i]"
