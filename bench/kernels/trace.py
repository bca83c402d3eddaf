"""From a step written in torch to its expressions: traced once, operation by operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from bench.kernels.called import Called
from bench.kernels.expression import Array, Graph
from bench.kernels.hoisted import Call, Hoisted, Parameter, Recipe
from bench.kernels.lowering import RANDOM, lowered
from bench.kernels.step import Cannot, Product, Step, operands_first
from bench.kernels.uncompiled import UncompiledMode
from bench.kernels.unseen import WithoutNumbers, refuse_own_gradients
from bench.kernels.values import Value, elementwise

__all__ = ["trace"]

StepFunction = Callable[[Tensor, list[Tensor]], tuple[Tensor, list[Tensor]]]
"""Inputs `[B, F]` and states `[B, ...]` to outputs `[B, H]` and the next states."""

_LANES = (11, 13, 17, 19, 23)  # a number of lanes that is no other size of the step tells the lanes' dimension apart


def trace(
    step: StepFunction, width: int, states: Sequence[Tensor], parameters: Mapping[str, Tensor], hoists: bool = True
) -> Step:
    """The expressions of `step` on inputs of `width` numbers and on states like these, `[1, ...]`.

    `parameters` are the tensors that the step reads, by name. A step that `hoists` leaves its products of the inputs
    out of the loop, where all inputs are there at once. Raises Cannot, naming the operation, where a kernel has
    none like it, where it mixes lanes, or where the step does not carry the states on.
    """
    sizes = {width, *(size for tensor in [*parameters.values(), *states] for size in tensor.shape)}
    lanes = next(lanes for lanes in _LANES if lanes not in sizes)
    try:
        with torch.inference_mode(False), torch.enable_grad():  # inference mode would show operations as a whole
            x = _of_lanes(states[0].new_zeros(1, width), lanes)
            old = [_of_lanes(state, lanes) for state in states]
            with WithoutNumbers(), (tracer := _Tracer(x, old, parameters, hoists)):
                y, new = step(x, list(old))
    except Cannot:
        raise
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        raise Cannot(f"a step of zeros raises {type(error).__name__}: {said}") from error
    refuse_own_gradients([y, *new])
    return tracer.step(y, new)


def _of_lanes(state: Tensor, lanes: int) -> Tensor:
    """A state in so many lanes, as within a sequence: with a gradient, and no leaf."""
    one = torch.empty_like(state).copy_(state)  # of inference mode it may be
    return one.requires_grad_(one.is_floating_point()).expand(lanes, *one.shape[1:]).clone()


class _Tracer(UncompiledMode):
    """Turns the operations of a step into expressions, one by one, as torch carries them out."""

    def __init__(self, x: Tensor, states: list[Tensor], parameters: Mapping[str, Tensor], hoists: bool) -> None:
        super().__init__()
        self.x, self.lanes, self.hoists = x, len(x), hoists
        self.names = {id(tensor): name for name, tensor in parameters.items()}
        self.graph = Graph()
        self.inputs: list[Array] = []
        self.weights: list[Array] = []
        self.products: list[Product] = []
        self.of_inputs: list[tuple[Tensor, Tensor | None] | int | None] = []  # a product of x, random numbers, or x
        self.of_weights: list[Tensor] = []
        self.of_matrices: list[Tensor] = []
        self.values: dict[int, Value] = {}
        self.calls: dict[int, Call] = {}
        self.recipes: dict[int, Recipe] = {}
        self.alive: list[Tensor] = [x]  # an id is that of one tensor as long as it lives
        self.states = [Array("state", i, state[0].numel()) for i, state in enumerate(states)]
        for tensor, array in zip(states, self.states, strict=True):
            if not tensor.is_floating_point():
                raise Cannot(f"a state has dtype {tensor.dtype}; the states of a kernel are real numbers")
            self.keep(tensor, Value(tuple(tensor.shape[1:]), ((self.graph.load(array), array.width),), True))

    def keep(self, tensor: Tensor, value: Value) -> None:
        self.alive.append(tensor)
        self.values[id(tensor)] = value

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = tree_flatten((args, kwargs))[0]
        is_of_lanes = any(self.is_of_lanes(arg) for arg in given)
        self.refuse_changes(func, args)
        if not is_of_lanes and torch.Tag.nondeterministic_seeded in func.tags:
            raise Cannot(f"{_name(func)} draws the same random numbers for all lanes{RANDOM}")
        result = func(*args, **kwargs)
        tensors = [result] if isinstance(result, Tensor) else list(result) if isinstance(result, (tuple, list)) else []
        if not is_of_lanes:
            if not tensors and any(isinstance(arg, Tensor) and self.depends(arg) for arg in given):
                raise Cannot(
                    "a number or a branch is that of a parameter now, which training changes; compute with tensors, "
                    "and write torch.where for a branch"
                )
            function = func if torch.is_grad_enabled() else _without_gradient(func)
            for number, tensor in enumerate(tensors):
                self.alive.append(tensor)
                self.calls[id(tensor)] = Call(function, args, kwargs, number)
            return result
        lowered = self.lower(func, args, kwargs, tensors)
        for tensor, value in zip(tensors, lowered, strict=False):
            self.refuse_unlike(func, tensor, value)
            self.keep(tensor, value)
        return result

    def refuse_changes(self, func: Any, args: Any) -> None:
        """Refuse what writes to a tensor that is the same for all lanes: a recipe makes it once, not at each step."""
        if (
            func._schema.is_mutable
            and not self.is_of_lanes(args[0])
            and torch.Tag.nondeterministic_seeded not in func.tags
        ):
            raise Cannot(
                f"{_name(func)} changes a tensor that is made of no input and no state; write it without the underscore"
            )

    def refuse_unlike(self, func: Any, tensor: Tensor, value: Value) -> None:
        """Refuse a result that is not, in each lane by itself, what its value is."""
        if tuple(tensor.shape) != ((self.lanes,) if value.per_lane else ()) + value.shape:
            raise Cannot(f"{_name(func)} mixes lanes and units")
        mine, its = self.x.dtype, tensor.dtype
        if its.is_complex or (its.is_floating_point and torch.finfo(its).eps > torch.finfo(mine).eps):
            raise Cannot(f"{_name(func)} gives {its}, and a kernel computes in {mine} throughout")

    def step(self, y: Tensor, new: Sequence[Tensor]) -> Step:
        if len(new) != len(self.states):
            raise Cannot(f"a step from {len(self.states)} states gives {len(new)}")
        values = [self.value(tensor) for tensor in new]
        for value, array in zip(values, self.states, strict=True):
            if math.prod(value.shape) != array.width:
                raise Cannot(f"a state of {array.width} numbers becomes one of {math.prod(value.shape)}")
        output = self.value(y).row  # may make an input or a weight of y
        step = Step(
            self.graph,
            self.inputs,
            self.states,
            self.weights,
            self.products,
            [value.row for value in values],
            output,
            frozenset(array for array, made_of in zip(self.inputs, self.of_inputs, strict=True) if made_of is not None),
            any(isinstance(made_of, int) for made_of in self.of_inputs),
            self.hoisted(),
        )
        return self.without_idle(step)

    def without_idle(self, step: Step) -> Step:
        """The step without the products of which it makes nothing."""
        read = {node.value[0] for node in operands_first(step, step.roots) if node.op == "load"}
        used = [product for product in step.products if product.out in read]
        hoisted = replace(step.hoisted, matrices=[step.hoisted.matrices[product.number] for product in used])
        return replace(step, products=[replace(product, number=i) for i, product in enumerate(used)], hoisted=hoisted)

    def is_of_lanes(self, arg: Any) -> bool:
        """Whether an argument depends on the inputs or the states, and not on parameters alone."""
        return arg is self.x or (id(arg) in self.values and self.values[id(arg)].per_lane)

    def value(self, arg: Any) -> Value:
        """The value of an argument: a number, a tensor of the lanes, or one that only parameters decide."""
        if isinstance(arg, (bool, int, float)):
            return Value((), ((self.graph.constant(float(arg)), 1),), False)
        if not isinstance(arg, Tensor):
            raise Cannot(f"an argument is {arg!r}")
        if id(arg) not in self.values:
            self.keep(arg, self.new_input(None, (arg.shape[1],)) if arg is self.x else self.new_weight(arg))
        return self.values[id(arg)]

    def new_input(self, made_of: tuple[Tensor, Tensor | None] | int | None, shape: tuple[int, ...]) -> Value:
        """An input of the loop: a product of x with factor and bias, so many random numbers a lane, or x itself."""
        array = Array("input", len(self.inputs), math.prod(shape))
        self.inputs.append(array)
        self.of_inputs.append(made_of)
        return Value(shape, ((self.graph.load(array), array.width),), True)

    def new_weight(self, tensor: Tensor) -> Value:
        if tensor.numel() == 1 and not self.depends(tensor):
            return Value(tuple(tensor.shape), ((self.graph.constant(tensor.item()), 1),), False)
        if tensor.shape[:1] == (self.lanes,):
            raise Cannot(
                "a tensor has a row for each lane, and is made of none; make it as torch.zeros_like(state) does"
            )
        array = Array("weight", len(self.weights), max(tensor.numel(), 1), per_lane=False)
        self.weights.append(array)
        self.of_weights.append(tensor)
        return Value(tuple(tensor.shape), ((self.graph.load(array), array.width),), False)

    def depends(self, tensor: Tensor) -> bool:
        """Whether a tensor is made of parameters."""
        if call := self.calls.get(id(tensor)):
            return any(
                self.depends(arg) for arg in tree_flatten((call.args, call.kwargs))[0] if isinstance(arg, Tensor)
            )
        return id(tensor) in self.names

    def hoisted(self) -> Hoisted:
        """How what the loop reads comes from parameters, without the tensors of the trace."""
        inputs = [tree_map(self.recipe, each) if isinstance(each, tuple) else each for each in self.of_inputs]
        weights, matrices = ([self.recipe(each) for each in part] for part in (self.of_weights, self.of_matrices))
        return Hoisted(inputs, weights, matrices, self.x.dtype)

    def recipe(self, arg: Any) -> Any:
        """How a tensor comes from parameters; an argument that is none, as it is."""
        if not isinstance(arg, Tensor):
            return arg
        if id(arg) not in self.recipes:
            if (call := self.calls.get(id(arg))) is not None:
                args, kwargs = tree_map(self.recipe, (call.args, call.kwargs))
                self.recipes[id(arg)] = replace(call, args=args, kwargs=kwargs)
            else:
                name = self.names.get(id(arg))
                self.recipes[id(arg)] = arg if name is None else Parameter(name)
        return self.recipes[id(arg)]

    # Operations

    def lower(self, function: Any, args: Any, kwargs: Any, results: list[Tensor]) -> list[Value]:
        """The values of the results of an operation on lanes, without a gradient within `torch.no_grad`."""
        values = self.values_of(function, args, kwargs, results)
        return values if torch.is_grad_enabled() else [self.without_gradient(value) for value in values]

    def values_of(self, function: Any, args: Any, kwargs: Any, results: list[Tensor]) -> list[Value]:
        name = _name(function)
        given = {argument.name: value for argument, value in zip(function._schema.arguments, args, strict=False)}
        defaults = {argument.name: argument.default_value for argument in function._schema.arguments}
        named = defaults | given | kwargs
        if name in ("mm", "addmm"):
            return [self.product(named)]
        if name == "rand_like":
            shape = self.value(args[0]).shape
            return [self.new_input(math.prod(shape), shape)]
        if name.endswith("_") and not name.startswith("_"):
            name = self.out_of_place(name, args[0])
        tensors = {key: value for key, value in named.items() if key not in _IGNORED}
        return lowered(Called(self.graph, name, tensors, results, self.value, self.lanes))

    def out_of_place(self, name: str, target: Tensor) -> str:
        """The name of an operation that changes `target` without its underscore."""
        place = target.untyped_storage().data_ptr()
        if any(other is not target and other.untyped_storage().data_ptr() == place for other in self.alive):
            raise Cannot(f"{name} changes a tensor that others are views of; write it without the underscore")
        return name[:-1]

    def without_gradient(self, value: Value) -> Value:
        row = tuple((self.graph.node("detach", node), span) for node, span in value.row)
        return Value(value.shape, row, value.per_lane)

    def product(self, args: Mapping[str, Any]) -> Value:
        """A product with parameters: one of the inputs, which is hoisted, or one of the loop over time."""
        operand, factor, bias = args.get("mat1", args["self"]), args["mat2"], args["self"] if "mat1" in args else None
        if self.is_of_lanes(factor) or not self.is_of_lanes(operand):
            raise Cannot("mm multiplies by a tensor that depends on the step; only parameters can be a factor")
        if args.get("alpha", 1) != 1 or args.get("beta", 1) != 1:
            raise Cannot("addmm has factors alpha or beta; multiply apart")
        width = int(factor.shape[1])
        if self.hoists and operand is self.x and (bias is None or tuple(bias.shape) == (width,)):
            return self.new_input((factor, bias), (width,))
        row = self.value(operand).row
        self.of_matrices.append(factor)
        out = Array("product", len(self.products), width)
        self.products.append(Product(out.number, row, out))
        value = Value((width,), ((self.graph.load(out), width),), True)
        return value if bias is None else elementwise(self.graph, "add", value, self.value(bias))


_IGNORED = {"memory_format", "dtype", "layout", "device", "pin_memory", "non_blocking"}


def _name(function: Any) -> str:
    """The name of an operation of torch."""
    return str(function.overloadpacket.__name__)


def _without_gradient(function: Any) -> Callable[..., Any]:
    """The operation as it is within `torch.no_grad`."""

    def called(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return function(*args, **kwargs)

    return called
