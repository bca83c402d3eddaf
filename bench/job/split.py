"""What a run must be to be split over several devices: each lane is computed and scored from itself alone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor

from bench.api import Batch, Cell
from bench.errors import BenchError, ConfigError, Failed
from bench.hardware.ranks import Ranks
from bench.job.reason import reason_of
from bench.model.sequence import SequenceModel
from bench.results.identity import Identity
from bench.train.setup import Setup

_STEPS = 16  # over which lanes are compared: rounding grows with the steps
_APART = {"float64": 1e-8, "bfloat16": 0.1}
_OF_LANES = "batch lanes independent"


def as_one_device(setup: Setup, batch: Batch) -> str:
    """How far the scores of the run will be those of one device at the same batch size.

    Raises ConfigError where its ranks, each with some lanes of every batch, would train another model: losses of the
    first lanes of `batch` are compared with those that the whole batch gives them. The model and torch's generators
    stay as they are.
    """
    config, ranks = setup.config, setup.machine.ranks
    several = f"a run on {ranks.count} devices"
    if config.gradient != "bptt":
        raise ConfigError(f"gradient={config.gradient}: {several} adds up gradients of BPTT alone: set gradient=bptt")
    if config.model.norm.startswith("batch"):
        raise ConfigError(
            f"model.norm={config.model.norm}: its statistics are of all lanes, and in {several} each has some of them: "
            "choose model.norm=layer or rms"
        )
    if config.batch_size % ranks.count:
        down = config.batch_size - config.batch_size % ranks.count
        nearest = " or ".join(str(size) for size in (down, down + ranks.count) if size)
        raise ConfigError(
            f"batch_size={config.batch_size}: {several} gives each as many lanes: set batch_size={nearest}"
        )
    for cell in (each for each in setup.model.modules() if isinstance(each, Cell)):
        if why := cell.expected_failures.get(_OF_LANES):
            raise ConfigError(f"cell {type(cell).__name__} mixes lanes ({why}): {several} would give it other ones")
    with torch.random.fork_rng(devices=[setup.machine.device] if setup.machine.device.type == "cuda" else []):
        noise = _draws_noise(setup, batch)
        _lanes_must_be_apart(setup, batch, several, (False,) if noise else (False, True))
    return "statistically: it draws other noise" if noise else "to rounding"


@torch.no_grad()
def _lanes_must_be_apart(setup: Setup, batch: Batch, several: str, modes: Sequence[bool]) -> None:
    """In these modes, of training or not: in training, masks of other shapes are other masks."""
    model = deepcopy(setup.model)
    model.choose_unroll("eager")
    if setup.task.spec.reads == "every_step":
        batch = batch.span(0, min(_STEPS, len(batch.inputs)))
    some = batch.lanes(slice(0, len(batch.fresh) // 2 or 1))
    for training in modes:
        model.train(training)
        whole_TB, part_TB = (_losses(model, setup, each) for each in (batch, some))
        whole_TB, apart = whole_TB[:, : part_TB.shape[1]], _APART.get(setup.machine.precision, 1e-3)
        if not torch.allclose(whole_TB, part_TB, rtol=apart, atol=apart, equal_nan=True):
            gap = (whole_TB - part_TB).nan_to_num().abs().max().item()
            raise ConfigError(
                f"a lane's loss changes with the other lanes of its batch (by {gap:.2g}), as where the cell or the "
                f"task's loss takes a mean over them: {several} would train another model; run it on one device"
            )


def _losses(model: SequenceModel, setup: Setup, batch: Batch) -> Tensor:
    machine, batch = setup.machine, batch.to(setup.machine.device)
    with machine.autocast():
        logits, _ = model.predict(batch, model.initial_state(len(batch.fresh)))
        return setup.task.loss(logits, batch).double().cpu()


@torch.no_grad()
def _draws_noise(setup: Setup, batch: Batch) -> bool:
    """Whether training draws random numbers while it computes: ranks then draw others than one device would."""
    model = deepcopy(setup.model).train()
    model.choose_unroll("eager")
    before = setup.machine.random_state()
    _losses(model, setup, batch)
    after = setup.machine.random_state()
    return any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))


def alike(identity: Identity, setup: Setup | None, error: BaseException | None, ranks: Ranks) -> BaseException | None:
    """This rank's error, else that of another one, else what differs between the ranks; None where all may begin."""
    if ranks.count == 1:
        return error
    refused = isinstance(error, BenchError) and not isinstance(error, Failed)
    line = None if error is None else str(error) if isinstance(error, BenchError) else reason_of(error)
    said = ranks.all_say((line, refused, identity.hash, setup and setup.unroll))
    if error is not None:
        return error
    first = said[0]
    for number, (wrong, refused, hashed, unroll) in enumerate(said):
        if wrong is not None:
            return (ConfigError if refused else Failed)(f"process {number}: {wrong}")
        if (hashed, unroll) != first[2:]:
            return ConfigError(
                f"process {number} has other options, code, data or devices than process 0, or another form of the "
                "cell: give all the same"
            )
    return None
