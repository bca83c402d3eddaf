"""The common part of forward-mode gradients: the influence of the parameters on the state is carried with the state.

The gradient of a step's loss has two parts: through the step itself, by ordinary autograd, and through the state s
before the step, dL/ds times the influence ds/dw. Past steps are not stored, so that the memory does not depend on their
number and nothing is truncated. The algorithms differ in how they represent the influence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn

from bench.api import Batch, State, Task, TaskSpec, Tokens, leaves, map_state
from bench.errors import ConfigError
from bench.model.sequence import SequenceModel
from bench.model.transition import flatten, unflatten

_LIMIT = 2**30  # bytes of influence; a step needs about three times as much


class ForwardState(NamedTuple):
    """The model's state and the influence of the parameters on it, trees of tensors `[B, ...]`.

    It is carried from step to step, window to window and batch to batch.
    """

    state: tuple[State, ...]
    influence: State


class ForwardMode(ABC):
    """Gradients of `model`, computed forward in time.

    Raises ConfigError for a model that cannot be trained so: an encoder-decoder; a model with noise, with a norm that
    mixes lanes or with a learned initial state; and one whose influence for `batch_size` lanes is too large.
    """

    name: ClassVar[str]

    def __init__(self, model: SequenceModel, spec: TaskSpec, batch_size: int) -> None:
        self.model = model
        if spec.reads == "sequence":
            raise self._refusal(f"{spec.id}, which maps sequences to sequences")
        self._refuse_noise_and_mixed_lanes()
        self.check()
        like, state = model.like, model.initial_state(1)
        tokens = isinstance(spec.inputs, Tokens)
        probe_B = like.new_zeros(1, dtype=torch.int64) if tokens else like.new_zeros(1, spec.inputs.size)
        self.recurrent = self._recurrent_parameters(probe_B, state)
        self._refuse_large_influence(batch_size)
        try:
            self.propagate(probe_B, state, self.initial_influence(1, device=like.device))
        except (RuntimeError, NotImplementedError) as error:
            cause = str(error).splitlines()[0]
            raise self._refusal(f"a model whose step torch.func cannot differentiate ({cause})") from error

    def initial_state(self, batch_size: int) -> ForwardState:
        """The initial state of `batch_size` lanes, and an influence of zeros."""
        like = self.model.like
        return ForwardState(
            self.model.initial_state(batch_size), self.initial_influence(batch_size, device=like.device)
        )

    def accumulate(
        self, task: Task, batch: Batch, carried: ForwardState | None, scale: float
    ) -> tuple[float, ForwardState]:
        """Add `scale` times the gradient of the batch's weighted sum of losses to every parameter's `grad`.

        Returns that sum, unscaled, and the state to carry to the next batch. In lanes that are not fresh, the gradient
        reaches through `carried` into earlier batches. `batch` must be on the model's device.
        """
        state, influence = self._begin(carried, batch.fresh)
        loss_sum = 0.0
        for t in range(len(batch.inputs)):
            now = batch.span(t, t + 1)
            if bool(now.weight.any()):
                loss_sum += self._add_gradient(task, now, state, influence, scale)
            state, influence = self.propagate(now.inputs[0], state, influence)
        return loss_sum, ForwardState(state, influence)

    def _begin(self, carried: ForwardState | None, fresh: Tensor) -> ForwardState:
        """State and influence at the start of a batch; fresh lanes have their initial state and no influence."""
        state = self.model.carry(carried and carried.state, fresh)
        if carried is None or bool(fresh.all()):
            return ForwardState(state, self.initial_influence(len(fresh), device=self.model.like.device))

        def reset(old: Tensor) -> Tensor:
            return old.masked_fill(fresh.to(old.device).view(-1, *[1] * (old.dim() - 1)), 0)

        return ForwardState(state, map_state(reset, carried.influence) if bool(fresh.any()) else carried.influence)

    def _add_gradient(self, task: Task, now: Batch, state: tuple[State, ...], influence: State, scale: float) -> float:
        """Add the gradient of one time step's loss to the parameters; returns the loss summed over lanes."""
        state_BN = flatten(state).requires_grad_()
        with self.stepping():
            logits_BC, _ = self.model.step(now.inputs[0], cast(tuple[State, ...], unflatten(state_BN, state)))
        loss_TB = task.loss(logits_BC.unsqueeze(0), now)
        loss = (loss_TB * now.weight.to(loss_TB)).sum()
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        g_BN, *direct = torch.autograd.grad(loss * scale, [state_BN, *parameters], allow_unused=True)
        _add(parameters, direct)
        if g_BN is not None:
            _add(*self.through_state(g_BN, influence))
        return loss.item()

    def check(self) -> None:
        """Raise ConfigError for a model that the algorithm cannot train."""
        return

    def stepping(self) -> AbstractContextManager[None]:
        """A context in which the model's step is differentiated; a subclass may replace the cells' steps in it."""
        return nullcontext()

    @abstractmethod
    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        """An influence of zeros, tensors `[B, ...]`."""

    @abstractmethod
    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        """Parameters, and their gradients through the flat state, whose own gradient is `g_BN`."""

    @abstractmethod
    def propagate(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> ForwardState:
        """State and influence after one more step with inputs `[B]` or `[B, F]`; neither has a graph."""

    def _recurrent_parameters(self, x_B: Tensor, state: tuple[State, ...]) -> dict[str, nn.Parameter]:
        """The parameters on which the next state depends, by name; those of the head are not among them."""
        named = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        total = flatten(self.model.step(x_B, state)[1]).sum()
        if not total.requires_grad:
            return {}
        found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
        return {name: p for (name, p), gradient in zip(named.items(), found, strict=True) if gradient is not None}

    def _refuse_noise_and_mixed_lanes(self) -> None:
        around = self.model.layers[0].around
        noise = {name: getattr(around, name) for name in ("dropout", "zoneout", "recurrent_dropout")}
        for option, share in {"input_dropout": self.model.input_dropout, **noise}.items():
            if share:
                raise self._refusal(f"with model.{option}={share:g}", f"model.{option}=0")
        if around.norm.startswith("batch"):
            raise self._refusal(f"with model.norm={around.norm}, which mixes the lanes of a batch", "model.norm=layer")
        if any(leaf.requires_grad for leaf in leaves(self.model.initial_state(1))):
            raise self._refusal("a cell whose initial state has weights")

    def _refuse_large_influence(self, batch_size: int) -> None:
        one_lane = sum(leaf.numel() for leaf in leaves(self.initial_influence(1, device="meta")))
        size = batch_size * one_lane * self.model.like.element_size()
        if size > _LIMIT:
            raise ConfigError(
                f"gradient={self.name}: the influence of the parameters on the state of {batch_size} lanes takes "
                f"{size / 2**30:.3g} GiB, and the limit is {_LIMIT / 2**30:g} GiB: lower model.hidden or batch_size, "
                "or choose another gradient"
            )

    def _refusal(self, what: str, remedy: str = "") -> ConfigError:
        """The error that this gradient cannot train `what`; `remedy` is a setting with which it can."""
        settings = f"{remedy} or gradient=bptt" if remedy else "gradient=bptt"
        return ConfigError(f"gradient={self.name} cannot train {what}: set {settings}")


def _add(parameters: list[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add to `grad`, out of place: autograd may return one tensor as the gradient of several parameters."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad + gradient
