"""The parts of a run, built from its configuration: task, cell, model, optimiser, checked and on their machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import fields, replace
from functools import partial
from inspect import signature
from typing import Annotated, Any, cast

import torch
from annotated_types import Ge, Lt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.api import Cell, Task, TaskSpec
from bench.checks.law import describe
from bench.checks.quick import quick_check
from bench.config.catalogue import choices
from bench.config.schema import Config
from bench.config.targets import convert, load, load_checked
from bench.errors import BenchError, ConfigError, Failed
from bench.hardware.machine import Machine, choose_machine
from bench.hardware.ranks import ALONE, Ranks
from bench.job.match import hidden_for
from bench.job.reason import is_out_of_memory
from bench.model.around import Around
from bench.model.init import draw_cell, initialise_layers
from bench.model.layer import MakeCell
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.results.reads import unwatched
from bench.train.average import Average
from bench.train.gradient.choice import choose_gradient
from bench.train.life import Life
from bench.train.optimizer import build_optimizer
from bench.train.schedule import Schedule, ticks_of
from bench.train.setup import Setup, stream_seed
from bench.unroll.agreement import PIECE
from bench.unroll.forms import Mode

SPLIT = "split_seed"
"""The argument of a task's constructor that draws which sequences are held out."""


def build(
    config: Config,
    task: Task,
    hidden: int | None = None,
    steps: int = PIECE,
    trained: float = 0,
    life: Life | None = None,
    ranks: Ranks = ALONE,
) -> Setup:
    """Model, optimiser and schedule for `task`, the weights drawn from the seed's stream for weights.

    `hidden` is the hidden size that an earlier match chose; without it, a `config` with `match` searches for one. The
    setup's config has the size of the model. `steps` is the length of the sequences over which a fast form of the cell
    is compared with its loop of steps, and `trained` the number of time steps of training for which `unroll=auto`
    chooses; `life` counts the time of that. `ranks` share the run. Afterwards torch's global generator belongs to
    dropout alone. Raises ConfigError in one line.
    """
    check_regime(config, task)
    machine = choose_machine(config.hardware, ranks)
    refuse_other_masks(config, machine)
    cell_class, options = load_cell(config.cell)
    make_cell = partial(draw_cell, config.init, cell_class, options)
    if hidden is None and config.match.wanted is not None:
        hidden = hidden_for(config.match, lambda size: build_model(config, task, make_cell, size))
    if hidden is not None:
        config = replace(config, model=replace(config.model, hidden=hidden))
    torch.manual_seed(stream_seed(config.seed, "weights"))
    model = build_model(config, task, make_cell, config.model.hidden)
    model.to(device=machine.device, dtype=machine.dtype)
    forward = choose_gradient(config.gradient, model, task.spec, config.batch_size)
    mode = "eager" if forward else cast(Mode, config.unroll)
    with life.within("compile") if life else nullcontext(), unwatched():
        unroll = model.choose_unroll(mode, steps, machine.precision, trained)
    optimizer = build_optimizer(config.optimizer, model)
    for cell in (module for module in model.modules() if isinstance(module, Cell)):
        if type(cell).after_update is not Cell.after_update:
            optimizer.register_step_post_hook(lambda *_, cell=cell: cell.after_update())
    schedule = build_schedule(config, optimizer)
    average = Average(model, optimizer, config.ema) if config.ema is not None else None
    torch.manual_seed(stream_seed(config.seed, "dropout") + ranks.number)  # lanes of other ranks have other masks
    plugins = {"task": type(task), "cell": cell_class, "optimizer": type(optimizer), "schedule": schedule.kind}
    return Setup(config, task, plugins, machine, model, optimizer, schedule, average, forward, unroll)


def check_regime(config: Config, task: Task) -> None:
    """Raise ConfigError where an option has no meaning for the task.

    An encoder-decoder reads a sequence as a whole, so that the gradient cannot be cut; only it has options of attention
    and decoding.
    """
    name = task.spec.id
    if task.spec.reads == "sequence":
        if config.bptt.kind != "full" or config.bptt.checkpoint:
            chosen, remedy = f"bptt={config.bptt.kind}", "choose bptt=full"
            if config.bptt.checkpoint:
                chosen, remedy = "bptt.checkpoint=true", "set bptt.checkpoint=false"
            raise ConfigError(f"{chosen}: {name} reads a whole sequence before it writes one; {remedy}")
        return
    if config.model.bidirectional and task.spec.reads == "every_step":
        raise ConfigError(
            f"model.bidirectional=true: {name} asks for an output at every time step, before the later ones, all of "
            "which the second cell has read; set model.bidirectional=false"
        )
    for option, without in {"teacher_forcing": 1, "beam": 1, "attention": "none"}.items():
        if (value := getattr(config.model, option)) != without:
            raise ConfigError(f"model.{option}={value}: {name} writes no sequence; leave it at {without}")


def refuse_other_masks(config: Config, machine: Machine) -> None:
    """Raise ConfigError where a second forward pass would draw other masks than the first.

    On MPS torch's checkpointing does not bring the device's generator back.
    """
    drop = ("input_dropout", "dropout", "recurrent_dropout", "zoneout")
    dropped = next((name for name in drop if getattr(config.model, name)), None)
    if config.bptt.checkpoint and dropped and machine.device.type == "mps":
        raise ConfigError(
            f"bptt.checkpoint=true: on MPS the second forward pass would draw other masks of model.{dropped} than the "
            f"first; set model.{dropped}=0, bptt.checkpoint=false or hardware.device=cpu"
        )


def build_task(options: dict[str, Any], split: int | None = None) -> Task:
    """The task of `target` or `_target_`, its held-out sequences drawn by the seed `split`; None for the task's own.

    ConfigError or DataError, in one line, for wrong options or data, and Failed where the task's own code raises
    something else."""
    cls, checked = load_checked("task", options, Task)
    if SPLIT in checked:
        raise ConfigError(f"task.{SPLIT}={checked[SPLIT]}: write seed.split={checked[SPLIT]}")
    if split is not None:
        checked[SPLIT] = split
        if SPLIT not in signature(cls).parameters:
            raise ConfigError(
                f"seed.split={split}: {cls.__name__} has one split, which is not drawn; leave it out, or choose one of "
                f"task={','.join(_tasks_that_draw())}"
            )
    try:
        task = cls(**checked)
        spec: object = task.spec
    except BenchError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except Exception as error:
        raise Failed(f"task {cls.__name__} cannot be built: {describe(error)}") from error
    if not isinstance(spec, TaskSpec) or not isinstance(spec.id, str):
        raise ConfigError(f"task {cls.__name__}: spec is {spec!r}, and no bench.api.TaskSpec with an id in letters")
    return task


def _tasks_that_draw() -> Iterator[str]:
    """The built-in tasks of which `seed.split` draws the split."""
    for name, choice in choices("task").items():
        target = re.search(r"^\s*_target_: (\S+)", choice.path.read_text("utf-8"), re.MULTILINE)
        if target and SPLIT in signature(load(target[1], "task._target_")).parameters:
            yield name


def load_cell(options: dict[str, Any]) -> tuple[type[Cell], dict[str, Any]]:
    """A cell's class by `target` or `_target_`, and its checked options."""
    return load_checked("cell", options, Cell, given=2)


def build_model(config: Config, task: Task, make_cell: MakeCell, hidden: int) -> SequenceModel:
    """The model on the CPU, its first cell checked quickly; a constructor that fails is a ConfigError."""
    shape = config.model
    kind: Callable[..., SequenceModel] = SequenceModel
    if task.spec.reads == "sequence":
        own = {name: getattr(shape, name) for name in ("teacher_forcing", "beam", "attention")}
        kind = partial(EncoderDecoder, **own)
    try:
        model = kind(
            task.spec,
            make_cell,
            hidden,
            layers=shape.layers,
            embedding=shape.embedding,
            around=Around(**{field.name: getattr(shape, field.name) for field in fields(Around)}),
            input_dropout=shape.input_dropout,
            tie=shape.tie,
            bidirectional=shape.bidirectional,
        )
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, BenchError) or is_out_of_memory(error):
            raise
        cause = (str(error) or type(error).__name__).splitlines()[0]  # torch adds its own stack
        raise ConfigError(f"the cell cannot be built: {cause}") from error
    if config.init.start == "published" and shape.layers > 1:
        initialise_layers(model, config.init)
    quick_check(model.cells[0], zoneout=shape.zoneout > 0)
    return model


def build_schedule(config: Config, optimizer: Optimizer) -> Schedule:
    """The learning rate schedule of `target` or `_target_`, constant where none is set, stretched over the budget.

    Raises ConfigError for an unknown or ill-typed option, and for a value that the schedule rejects.
    """
    options = dict(config.schedule) or {"_target_": "bench.train.schedule.Constant"}
    warmup = convert(options.pop("warmup", 0.0), Annotated[float, Ge(0), Lt(1)], "schedule.warmup")
    cls, checked = load_checked("schedule", options, LRScheduler, given=2)
    ticks = ticks_of(config.budget, config.batch_size * config.accumulate)
    try:
        return Schedule(partial(cls, **checked), optimizer, ticks, warmup)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ConfigError(f"schedule: {error}") from None
