"""The memory of a model: at the peak of a training step and of scoring, and of each part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, repeat

import torch
from torch import Generator, Tensor
from torch.utils._pytree import tree_leaves

from bench.api import Batch, leaves
from bench.config.schema import BPTTConfig
from bench.hardware.machine import Machine
from bench.measure.peak import bytes_of, peak_of
from bench.train.evaluate import score_batch
from bench.train.largest import Largest
from bench.train.loop import Carried, TrainStep, train
from bench.train.optimizer import state_of
from bench.train.passes import Passes
from bench.train.setup import Setup

_DRAWN = 64  # batches, among which the largest is looked for where none is given


def measure_memory(
    setup: Setup, trained: Iterable[Batch] = (), scored: Iterable[Batch] = ()
) -> dict[str, float | None]:
    """The memory of the model, in MiB where the name of a figure says so.

    `trained` are the largest batches that training has drawn (see `bench.train.largest`), by default those of the first
    64; `scored` are the largest that have been scored at once. Training steps change the model's weights.

    - `peak_mib`: all tensors alive at once in a training step on the largest batch.
    - `activations_mib`: the part of it that a step needs: the batch, the carried state, what the backward pass reads,
      the gradients. `activation_bytes`: of that, without gradients, for a time step of a lane.
    - `weights_mib`, `copies_mib`, `optimizer_mib`: what is kept from step to step: parameters and buffers, the copy of
      the best of them with the averaged weights, and the optimiser's state.
    - `evaluation_mib`: all tensors alive at once while the largest batch is scored; None where none was.
    - `state_bytes`: what one stream carries from step to step.

    See `bench.measure.peak` for what is counted. Apple's MPS counts no peak: there only what is kept has figures.
    """
    batches = [*trained] or [*Largest(islice(_drawn(setup), _DRAWN))]
    step = max(_step_bytes(setup, batch) for batch in batches)
    scoring = max((_scoring_bytes(setup, batch) for batch in scored), default=None)
    kept = _kept(setup)
    total = sum(kept.values())
    gradients = bytes_of(weight for weight in setup.model.parameters() if weight.requires_grad)
    at_once = max(_at_once(setup.config.bptt, batch) for batch in batches)
    peaks = {
        "peak_mib": _mib(total + step),
        "activations_mib": _mib(step),
        "activation_bytes": round(max(0, step - gradients) / at_once, 1),
        "evaluation_mib": None if scoring is None else _mib(total + scoring),
    }
    return {
        **(peaks if setup.machine.counts_memory else dict.fromkeys(peaks)),
        **{name: _mib(count) for name, count in kept.items()},
        "state_bytes": float(sum(leaf.nbytes for leaf in leaves(setup.model.initial_state(1)))),
    }


def _drawn(setup: Setup) -> Iterator[Batch]:
    return Passes(setup.task, "train", setup.config.batch_size, Generator().manual_seed(0))


def _step_bytes(setup: Setup, batch: Batch) -> int:
    """The bytes that a training step on the batch needs, above what is kept from step to step."""
    config, machine = setup.config, setup.machine

    def step(state: Carried | None = None) -> TrainStep:
        """A step of a loop of its own, which keeps no batch of a step before it."""
        of_one = (setup.model, setup.task, setup.optimizer, repeat(batch), config, machine)
        return next(train(*of_one, None, state, 0, setup.forward))

    state = step().state  # the optimiser's state exists from here on
    carried = bytes_of([] if state is None else leaves(state))
    return peak_of(lambda: step(state), machine) + carried + config.accumulate * _bytes_there(batch, machine)


@torch.inference_mode()
def _scoring_bytes(setup: Setup, batch: Batch) -> int:
    """The bytes that scoring the batch needs, above what is kept from step to step."""
    model, machine = setup.model.eval(), setup.machine
    state = model.carry(None, batch.fresh)
    needed = peak_of(lambda: score_batch(model, setup.task, batch, state, machine), machine)
    return needed + bytes_of(leaves(state)) + _bytes_there(batch, machine)


def _bytes_there(batch: Batch, machine: Machine) -> int:
    """The bytes of a batch that lies where the machine computes; on another device its copy is a part of the work."""
    parts = (batch.inputs, batch.targets, batch.weight, batch.fresh, batch.lengths)
    return sum(part.nbytes for part in parts if part is not None and part.device == machine.device)


def _kept(setup: Setup) -> dict[str, int]:
    """The bytes that are kept from step to step, but for the carried state, by the name of their figure."""
    best = sum(each.nbytes for each in setup.model.state_dict().values())
    state = (kept for kept in tree_leaves(state_of(setup.optimizer)["state"]) if isinstance(kept, Tensor))
    return {
        "weights_mib": bytes_of([*setup.model.parameters(), *setup.model.buffers()]),
        "copies_mib": best + bytes_of(setup.average.tensors if setup.average else ()),
        "optimizer_mib": bytes_of(state),
    }


def _at_once(bptt: BPTTConfig, batch: Batch) -> int:
    """The time steps, of all lanes, that a gradient goes back over at once."""
    steps = max(len(batch.inputs), len(batch.targets))
    return min(steps, bptt.horizon or bptt.window or steps) * len(batch.fresh)


def _mib(count: float) -> float:
    return round(count / 2**20, 3)
