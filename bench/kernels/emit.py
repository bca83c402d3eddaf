"""A program as C++: a loop over time steps, in it products of all lanes and passes over the units of each lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.kernels.expression import Array, Node
from bench.kernels.operations import OPERATIONS
from bench.kernels.program import Multiply, Program, Store
from bench.kernels.stages import Pass, Stage, StageInPrint, staged

__all__ = ["Emitter", "Lane", "Source", "emit"]


@dataclass(frozen=True)
class Source:
    """The code of a function, and the arrays whose addresses it takes, in order; states are given once."""

    text: str
    arrays: list[Array]


def emit(name: str, program: Program, reverse: bool = False) -> Source:
    """The function `name(by, T, B, arrays)`, which goes through the time steps, in `reverse` from the last one.

    It multiplies `by` the products of `vectors.h`.
    """
    return Emitter(program).function(name, reverse)


class Emitter:
    """A program in print, with the arrays that the function has taken so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.stages, self.kept = staged(program)
        self.arrays: dict[Array, None] = {}

    def function(self, name: str, reverse: bool) -> Source:
        body = [line for stage in self.stages for line in self.stage(stage)]
        ends = [line for multiply in self.program.multiplies if multiply.is_last for line in self.multiply(multiply)]
        sums = {store.array: None for store in self.program.stores if store.array.kind == "dweight"}
        body = [f"zero({_part(array)}, {array.width});" for array in sums] + body + ends
        body += [f"add({self.pointer(array)}, {_part(array)}, {array.width});" for array in sums]
        if reverse:
            body += [f"swap({self.pointer(_before(array))}, {self.pointer(array)});" for array in self.states()]
        arrays = list(self.arrays)
        loop = "for (Index t = T - 1; t >= 0; --t) {" if reverse else "for (Index t = 0; t < T; ++t) {"
        lines = [
            f'extern "C" void {name}(const Products* by, Index T, Index B, R** arrays) {{',
            *(f"  R* {array.name} = arrays[{i}];" for i, array in enumerate(arrays)),
            *(f"  R {_part(array)}[{array.width}];" for array in sums),
            *(f"  Factor {name}{{{made_of}}}; by->begin(&{name}, T);" for name, made_of in self.factors()),
            f"  {loop}",
            *(f"    {line}" for line in body),
            "  }",
            *(f"  by->end(&{name});" for name, _ in self.factors()),
            "}",
        ]
        return Source("\n".join(lines) + "\n", arrays)

    def states(self) -> list[Array]:
        """The gradients of the states before the step; they are those of the states after the one before."""
        return [array for array in self.arrays if array.kind == "dstate"]

    def pointer(self, array: Array) -> str:
        """The name of an array, which the function then takes."""
        self.arrays[array] = None
        return array.name

    def rows(self, array: Array) -> str:
        """The address of an array's numbers at the time step, for all lanes."""
        if array.kind in ("state", "next"):
            base = self.pointer(Array("state", array.number, array.width))
            return f"{base} + {'(t + 1)' if array.kind == 'next' else 't'} * B * {array.width}"
        if array.is_over_time:
            return f"{self.pointer(array)} + t * B * {array.width}"
        return self.pointer(array)

    # Products

    def factors(self) -> list[tuple[str, str]]:
        """The factors of the products: the name, and matrix, depth, width, and whether it is turned."""
        return [
            (f"factor{m.matrix}", f"matrix{m.matrix}, {m.source.width}, {m.out.width}, {int(not m.backward)}")
            for m in self.program.multiplies
        ]

    def multiply(self, multiply: Multiply) -> Iterator[str]:
        self.pointer(Array("matrix", multiply.matrix, multiply.out.width * multiply.source.width, per_lane=False))
        adds, source, out = int(self.program.adds(multiply)), self.rows(multiply.source), self.rows(multiply.out)
        yield f"by->multiply(B, {source}, factor{multiply.matrix}, {out}, {adds});"

    # Passes over a lane

    def stage(self, stage: Stage) -> Iterator[str]:
        for multiply in stage.multiplies:
            yield from self.multiply(multiply)
        lines = list(Lane(self, stage.passes).lines())
        if lines:
            yield "for (Index b = 0; b < B; ++b) {"
            yield from (f"  {line}" for line in lines)
            yield "}"

    def lane(self, array: Array) -> str:
        """The address of an array's numbers for the lane."""
        if array.kind == "dweight":
            return _part(array)
        rows = self.rows(array)
        return f"{rows} + b * {array.width}" if array.per_lane else rows


class Lane(StageInPrint):
    """The code of a stage for one lane; numbers that are the same for all units are variables of the lane."""

    def __init__(self, emitter: Emitter, passes: list[Pass]) -> None:
        super().__init__(passes, emitter.kept)
        self.emitter = emitter
        self.pointers: dict[Array, str] = {}

    def lines(self) -> Iterator[str]:
        body = [line for number in range(len(self.passes)) for line in self.one_pass(number)]
        for array, name in self.pointers.items():
            yield f"R* const {name} = {self.emitter.lane(array)};"
        yield from body

    def one_pass(self, number: int) -> Iterator[str]:
        each = self.now = self.passes[number]
        widths = {store.span: None for store in each.stores if store.span > 1} | {
            s.args[0].width: None for s in each.sums
        }
        for node in each.sums:
            self.scalars[node] = f"s{node.order}"
            yield f"V {self.scalars[node]}{{}};"
        for width in widths:
            yield from self.loop(
                width,
                [store for store in each.stores if store.span == width],
                [node for node in each.sums if node.args[0].width == width],
            )
        for node in each.sums:
            yield f"{self.scalars[node]} = {self.total(self.scalars[node])};"
        for store in each.stores:
            if store.span == 1:
                yield from self.scalar(store.node)
                sign = "+=" if store.array.kind == "dweight" else "="
                yield self.one(f"{self.pointer(store.array)}[{store.offset}]", sign, self.name(store.node, {}))

    def loop(self, width: int, stores: list[Store], sums: list[Node]) -> Iterator[str]:
        roots = [store.node for store in stores] + [node.args[0] for node in sums]
        for node in self.read(roots):
            if node.width == 1:
                yield from self.scalar(node)
        yield self.opened(width)
        names: dict[Node, str] = {}
        for node in self.read(roots):
            if node.width > 1:
                names[node] = f"v{node.order}"
                yield f"  const V {names[node]} = {self.code(node, names)};"
        for store in stores:
            place = self.address(store.array, store.offset)
            value = self.name(store.node, names)
            if store.array.kind == "dweight":
                value = f"{self.read_at(place)} + {value}"
            yield f"  {self.written_at(place, value)}"
        for node in sums:
            yield f"  {self.scalars[node]} += {self.counted(self.name(node.args[0], names))};"
        yield self.closed

    def scalar(self, root: Node) -> Iterator[str]:
        """Variables for a number that is the same for all units, and for what it is made of."""
        for node in self.read([root]):
            if node not in self.scalars and node.width == 1:
                code = self.code(node, {})
                self.scalars[node] = f"s{node.order}"
                yield f"const V {self.scalars[node]} = {code};"

    def name(self, node: Node, names: dict[Node, str]) -> str:
        return names[node] if node in names else self.scalars[node]

    def code(self, node: Node, names: dict[Node, str]) -> str:
        if self.is_elsewhere(node):
            kept = self.kept[node]
            return self.load(kept.array, kept.offset, node.width)
        if node.op == "constant":
            return f"all({_literal(node.value)})"
        if node.op == "load":
            array, offset = node.value
            return self.load(array, offset, node.width)
        return OPERATIONS[node.op].code.format(*(self.name(arg, names) for arg in node.args))

    def load(self, array: Array, offset: int, width: int) -> str:
        if width == 1:
            return f"all({self.pointer(array)}[{offset}])"
        return self.read_at(self.address(array, offset))

    def address(self, array: Array, offset: int) -> str:
        """The address of an array's numbers for unit i, `offset` behind its first."""
        return f"{self.pointer(array)} + {offset} + i" if offset else f"{self.pointer(array)} + i"

    def pointer(self, array: Array) -> str:
        self.pointers[array] = f"{array.name}_"
        return self.pointers[array]

    # What vectors make of it

    def opened(self, width: int) -> str:
        """The beginning of a loop over units."""
        return f"each<{width}>([&](auto n, Index i) {{"

    closed = "});"

    def read_at(self, address: str) -> str:
        return f"load<n.value>({address})"

    def written_at(self, address: str, value: str) -> str:
        return f"store<n.value>({address}, {value});"

    def one(self, place: str, sign: str, value: str) -> str:
        """Stores a number that is the same for all units."""
        return f"{place} {sign} {value}[0];"

    def counted(self, value: str) -> str:
        """What of a value is added up."""
        return f"first<n.value>({value})"

    def total(self, name: str) -> str:
        """The sum over all units of what was added up."""
        return f"all(sum({name}))"


def _part(array: Array) -> str:
    """The name of the sum of a weight's gradient over the lanes of a time step; step sums are added up apart."""
    return f"{array.name}_step"


def _before(array: Array) -> Array:
    return Array("dnext", array.number, array.width)


def _literal(value: float) -> str:
    return repr(value).replace("inf", "INFINITY").replace("nan", "NAN")
