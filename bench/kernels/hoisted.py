"""What the loop over time reads: made again in torch, of the inputs and the parameters, at each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

__all__ = ["Call", "Hoisted", "Parameter", "Recipe"]


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter or a buffer by its name."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """The tensor with this number among the results of an operation of torch, whose arguments hold recipes."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    number: int = 0


Recipe = Parameter | Call | Tensor
"""How a tensor comes from parameters; a tensor is itself, as a constant of the step."""


@dataclass(frozen=True)
class Hoisted:
    """What a step's loop over time reads, as recipes: of the trace's own tensors none is kept alive.

    `inputs` has for each input of the loop a factor and a bias, where it is a product of x, the count of random
    numbers of a lane, where it is those, or None, where it is x itself. `dtype` is that of the random numbers.
    """

    inputs: list[tuple[Recipe, Recipe | None] | int | None]
    weights: list[Recipe]
    matrices: list[Recipe]
    dtype: torch.dtype

    def __call__(
        self,
        x_TBF: Tensor,
        parameters: Mapping[str, Tensor],
        linear: Callable[[Tensor, Tensor, Tensor | None], Any],
    ) -> tuple[list[Any], list[Tensor], list[Tensor]]:
        """Inputs `[T, B, N]`, weights `[N]` and matrices `[N, K]`, of the parameters as they are now."""
        now, random = _Now(parameters), self._random(x_TBF)

        def made(each: tuple[Recipe, Recipe | None] | int | None) -> Any:
            if isinstance(each, tuple):
                return linear(x_TBF, now.rows(each[0]), now(each[1]))
            return x_TBF if each is None else next(random)

        inputs = [made(each) for each in self.inputs]
        return inputs, [now.row(each) for each in self.weights], [now.rows(each) for each in self.matrices]

    def _random(self, x_TBF: Tensor) -> Iterator[Tensor]:
        """Uniform random numbers `[T, B, N]` for each place that draws them: the numbers that the loop would draw."""
        (T, B), widths = x_TBF.shape[:2], [each for each in self.inputs if isinstance(each, int)]
        if x_TBF.device.type != "cpu":  # where a generator goes on by calls, and not by numbers
            steps = [
                [torch.rand(B, width, dtype=self.dtype, device=x_TBF.device) for width in widths] for _ in range(T)
            ]
            yield from (torch.stack(place) for place in zip(*steps, strict=True))
        elif widths:
            drawn = torch.rand(T, B * sum(widths), dtype=self.dtype)
            yield from (part.reshape(T, B, -1) for part in drawn.split([B * width for width in widths], 1))


class _Now:
    """Tensors made again of the parameters, each once. A class, since a function within a function that calls itself
    would keep what it has made alive until garbage is looked for.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters, self.known = parameters, dict[int, Tensor]()

    def __call__(self, arg: Any) -> Any:
        """The tensor of a recipe; an argument that is none, as it is."""
        if not isinstance(arg, (Parameter, Call)):
            return arg
        if id(arg) not in self.known:
            self.known[id(arg)] = self.parameters[arg.name] if isinstance(arg, Parameter) else self._result(arg)
        return self.known[id(arg)]

    def _result(self, call: Call) -> Tensor:
        result = call.function(*tree_map(self, call.args), **tree_map(self, call.kwargs))
        return result if isinstance(result, Tensor) else cast(Tensor, result[call.number])

    def row(self, recipe: Recipe) -> Tensor:
        """The tensor in one dimension; where it has that already a view would only cost time."""
        found = cast(Tensor, self(recipe))
        return found if found.dim() == 1 else found.reshape(-1)

    def rows(self, factor: Recipe) -> Tensor:
        """The transposed factor: the matrix `[N, K]` that most steps have transposed."""
        if isinstance(factor, Call) and factor.function is torch.ops.aten.t.default:
            return cast(Tensor, self(factor.args[0]))
        return cast(Tensor, self(factor).t())
