"""What forward-mode gradients share: the influence of the parameters on the state is carried along with the state.

At each step the gradient of its loss is that through the step itself, by ordinary autograd, plus that through the state
before it: dL/ds times the influence ds/dw. Nothing is kept of the past, so memory does not depend on its length, and
nothing is truncated. The algorithms differ in how they hold the influence.
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

_LIMIT = 2**30  # bytes of influence; a step takes about three times as much


class Memory(NamedTuple):
    """What goes from step to step, window to window and batch to batch: a tree of tensors `[B, ...]`."""

    state: tuple[State, ...]
    influence: State


class ForwardMode(ABC):
    """Gradients of `model`, carried forward in time.

    Raises ConfigError where the model cannot be trained so: it reads a sequence before it writes one, it has noise,
    lanes that mix or an initial state that is learned, or the influence for `batch_size` lanes would be too large.
    """

    name: ClassVar[str]

    def __init__(self, model: SequenceModel, spec: TaskSpec, batch_size: int) -> None:
        self.model = model
        if spec.reads == "sequence":
            raise self._refusal(f"{spec.id} maps sequences to sequences, and is learned")
        self._refuse_what_lanes_and_steps_share()
        self.check()
        like, state = model.like, model.initial_state(1)
        tokens = isinstance(spec.inputs, Tokens)
        probe_B = like.new_zeros(1, dtype=torch.int64) if tokens else like.new_zeros(1, spec.inputs.size)
        self.recurrent = self._that_reach_the_state(probe_B, state)
        self._refuse_what_is_too_large(batch_size)
        try:
            self.advance(probe_B, state, self.initial_influence(1, device=like.device))
        except (RuntimeError, NotImplementedError) as error:
            cause = str(error).splitlines()[0]
            raise self._refusal(f"torch.func does not take the model's step ({cause}): train it") from error

    def initial_memory(self, batch_size: int) -> Memory:
        """What a batch of fresh lanes begins with."""
        like = self.model.like
        return Memory(self.model.initial_state(batch_size), self.initial_influence(batch_size, device=like.device))

    def accumulate(self, task: Task, batch: Batch, memory: Memory | None, scale: float) -> tuple[float, Memory]:
        """Add `scale` times the gradient of the batch's weighted sum of losses to every parameter's `grad`.

        Returns that sum, unscaled, and what to go on from. The gradient reaches through `memory` into batches before,
        in lanes that are not fresh. `batch` lies on the model's device.
        """
        state, influence = self._begin(memory, batch.fresh)
        loss_sum = 0.0
        for t in range(len(batch.inputs)):
            now = batch.span(t, t + 1)
            if bool(now.weight.any()):
                loss_sum += self._add_gradient(task, now, state, influence, scale)
            state, influence = self.advance(now.inputs[0], state, influence)
        return loss_sum, Memory(state, influence)

    def _begin(self, memory: Memory | None, fresh: Tensor) -> Memory:
        """State and influence to begin a batch with: nothing has had influence yet on the state of a fresh lane."""
        state = self.model.carry(memory and memory.state, fresh)
        if memory is None or bool(fresh.all()):
            return Memory(state, self.initial_influence(len(fresh), device=self.model.like.device))

        def reset(old: Tensor) -> Tensor:
            return old.masked_fill(fresh.to(old.device).view(-1, *[1] * (old.dim() - 1)), 0)

        return Memory(state, map_state(reset, memory.influence) if bool(fresh.any()) else memory.influence)

    def _add_gradient(self, task: Task, now: Batch, state: tuple[State, ...], influence: State, scale: float) -> float:
        """Add the gradient of one time step's loss; the loss summed over lanes."""
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
        """Raise ConfigError for a model that the algorithm is not made for."""
        return

    def stepping(self) -> AbstractContextManager[None]:
        """How the model steps while its loss is differentiated."""
        return nullcontext()

    @abstractmethod
    def initial_influence(self, batch_size: int, device: torch.device | str) -> State:
        """Zeros `[B, ...]`."""

    @abstractmethod
    def through_state(self, g_BN: Tensor, influence: State) -> tuple[list[nn.Parameter], list[Tensor]]:
        """Parameters, and the gradients that reach them through a state whose own gradient is `g_BN`."""

    @abstractmethod
    def advance(self, x_B: Tensor, state: tuple[State, ...], influence: State) -> Memory:
        """State and influence after one more step, with inputs `[B]` or `[B, F]`; neither has a graph."""

    def _that_reach_the_state(self, x_B: Tensor, state: tuple[State, ...]) -> dict[str, nn.Parameter]:
        """The parameters on which the next state depends, by name; not those of the head alone."""
        named = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        total = flatten(self.model.step(x_B, state)[1]).sum()
        if not total.requires_grad:
            return {}
        found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
        return {name: p for (name, p), gradient in zip(named.items(), found, strict=True) if gradient is not None}

    def _refuse_what_lanes_and_steps_share(self) -> None:
        around = self.model.layers[0].around
        noise = {name: getattr(around, name) for name in ("dropout", "zoneout", "recurrent_dropout")}
        for option, share in {"input_dropout": self.model.input_dropout, **noise}.items():
            if share:
                raise self._refusal(f"model.{option}={share:g} is drawn anew for the influence, and is learned with")
        if around.norm.startswith("batch"):
            raise self._refusal(f"model.norm={around.norm} mixes the lanes of a batch, and is learned with")
        if any(leaf.requires_grad for leaf in leaves(self.model.initial_state(1))):
            raise self._refusal("the initial state has weights, and they are learned")

    def _refuse_what_is_too_large(self, batch_size: int) -> None:
        one_lane = sum(leaf.numel() for leaf in leaves(self.initial_influence(1, device="meta")))
        size = batch_size * one_lane * self.model.like.element_size()
        if size > _LIMIT:
            raise ConfigError(
                f"gradient={self.name}: the influence of the parameters on the state of {batch_size} lanes takes "
                f"{size / 2**30:.3g} GiB, and the limit is {_LIMIT / 2**30:g}: lower model.hidden or batch_size, "
                "or use another gradient"
            )

    def _refusal(self, why: str) -> ConfigError:
        return ConfigError(f"gradient={self.name}: {why} by gradient=bptt only")


def _add(parameters: list[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    """Add to `grad`, out of place: autograd may hand out one tensor as the gradient of several parameters."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad + gradient
