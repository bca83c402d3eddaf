"""A stored run, rebuilt: its record, its learning curve, its task, and its model to predict with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Generator, Tensor

from bench.api import Batch, Cell, Split, State, Task
from bench.config.explain import refuse_too_large
from bench.config.options import typed
from bench.config.rules import validate
from bench.config.schema import Config
from bench.config.upgrade import upgrade
from bench.errors import BenchError, ConfigError, DataError, StoreError
from bench.export.exported import Exported
from bench.hardware.machine import Machine
from bench.hardware.settings import torch_settings_kept, using_threads
from bench.job.build import build
from bench.job.data import open_task
from bench.job.export import export
from bench.job.log import log
from bench.job.trust import Trust
from bench.measure.flops import parameter_count
from bench.model.passage import Passage
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel
from bench.model.stream import Stream
from bench.results.curve import read_curve
from bench.results.identity import sources_of
from bench.results.names import CURVE, RECORD, WEIGHTS
from bench.results.reads import FilesRead
from bench.results.record import Record


@dataclass(frozen=True)
class Reloaded:
    """A stored run on the CPU: `model` has the run's weights and is in evaluation mode.

    `config` has the options of the run, but the CPU as its device, and the hidden size of the model.
    """

    folder: Path
    record: Record
    config: Config
    task: Task
    model: SequenceModel
    machine: Machine

    def __repr__(self) -> str:
        return f"Reloaded({self.record.id!r}, {parameter_count(self.model):,} parameters)"

    @property
    def curve(self) -> pd.DataFrame:
        """The learning curve, a row a validation; empty where the run ended before the first. StoreError where it is
        damaged."""
        path = self.folder / CURVE
        return read_curve(path) if path.is_file() else pd.DataFrame()

    def predict(
        self, inputs: Tensor, state: tuple[State, ...] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Logits `[T, B, C]` of inputs `[T, B]` (symbols) or `[T, B, F]` (features), and the state after the last step.

        Time comes first. Without a `state` the sequences begin; to stream, give each call the state that the call
        before returned. A bidirectional model streams nothing, and needs the `lengths [B]` of lanes that are padded.
        Raises ConfigError for an encoder-decoder, which reads all before it writes: use `decode`.
        """
        if isinstance(self.model, EncoderDecoder):
            raise ConfigError(f"{self.record.id} reads a whole sequence before it writes one: call decode(inputs)")
        with using_threads(self.machine.threads), torch.no_grad(), self.machine.autocast():
            begin = self.model.initial_state(inputs.shape[1]) if state is None else state
            return self.model(inputs, begin, Passage(lengths))

    def step(self, inputs: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """One time step of streaming: logits `[B, C]` of inputs `[B]` or `[B, F]`, and the next state."""
        with using_threads(self.machine.threads), torch.no_grad(), self.machine.autocast():
            return self.model.step(inputs, state)

    def stream(self, lanes: int = 1) -> Stream:
        """Streaming with the state carried along: `stream(inputs)` gives the logits `[B, C]` of the next time step.

        On a CPU a step is one generated function where the model has one (`stream.refused` says why not), many times
        as fast as `step`. Raises ConfigError for a model that reads whole sequences.
        """
        if isinstance(self.model, EncoderDecoder):
            raise ConfigError(f"{self.record.id} reads a whole sequence before it writes one: call decode(inputs)")
        with self.machine.autocast():
            return Stream(self.model, lanes, self.step)

    def decode(self, inputs: Tensor) -> Tensor:
        """The symbols `[U, B]` that an encoder-decoder writes for inputs `[S, B]` or `[S, B, F]`, END after each.

        Raises ConfigError for a run of any other task.
        """
        if not isinstance(self.model, EncoderDecoder):
            raise ConfigError(f"{self.record.id} writes at every time step of its input: call predict(inputs)")
        with using_threads(self.machine.threads), torch.no_grad(), self.machine.autocast():
            return self.model.decode(inputs)

    def export(self, to: str | PathLike[str] | None = None, format: str | None = None) -> Exported:
        """Write the model as `c`, `onnx` or `onnx-step` to the file `to`, by default C named after the run, here.

        The file is compared with the model first. Raises ConfigError for a model that has no such form or reads whole
        sequences, and StoreError where the file is there already.
        """
        return export(self, to, format)

    def batches(self, split: Split, batch_size: int | None = None, seed: int = 0) -> Iterator[Batch]:
        """One pass over a split of the task's data, as the run saw it; `train` may be endless.

        Batches have the run's own size by default; `seed` orders the batches of `train`.
        """
        return self.task.batches(split, batch_size or self.config.batch_size, Generator().manual_seed(seed))


def reload(folder: Path, trained: bool = True, trust: Trust | None = None) -> Reloaded:
    """The run in `folder`, its model with the best weights, or with the initial weights where not `trained`.

    Torch is left as it was found. Code is run only as far as `trust` goes. Raises ConfigError where the run has no
    weights, and where its code is not trusted or has changed since; DataError where its data have changed, and
    StoreError where its weights do not fit, or its model is of another size than its record states.
    """
    trust = trust or Trust()
    record = Record.read(folder)
    if trained and not (folder / WEIGHTS).is_file():
        raise ConfigError(f"{record.id} is {record.status} and has no weights: choose a run that is done")
    config = options_on_cpu(record, folder / RECORD, trust)
    with torch_settings_kept():  # building a model compares gradients, seeds the generators and sets the threads
        task, data = open_task(config)
        stated = task.spec.fingerprint if record.sources is None else data  # older records state no other data
        if stated != record.fingerprint:
            named = config.task.get("source") or config.task.get("target")
            raise DataError(f"{record.id} was trained on other data than {named} has now")
        matched = record.hidden or config.model.hidden  # older records have the matched size among their options
        read = FilesRead()
        with read:
            by_kernels = record.unroll == "kernels"  # so that it computes what the run did, to the last bit
            setup = build(config, task, matched, trained=math.inf if by_kernels else 0)
        if (found := parameter_count(setup.model)) != (record.params or found):
            raise StoreError(
                f"{folder / RECORD} states {record.params:,} parameters, and its options build a model of {found:,}: "
                "the file was edited, or the cell's code was; restore it"
            )
        if record.sources is None:
            log.warning(f"{record.id} was made before records stated their code: edits since then are not seen")
        else:
            trust.refuse_edited(record, record.sources, sources_of(setup.plugins, read))
        if trained:
            load_weights(setup.model, folder / WEIGHTS)
    return Reloaded(folder, record, setup.config, task, setup.model.eval(), setup.machine)


def options_on_cpu(record: Record, path: Path, trust: Trust) -> Config:
    """The options in a record, its device the CPU, and float32 for TF32; those that it lacks have their defaults.

    Raises StoreError, naming the record's file, where what stands there are no options, and ConfigError for a wrong
    one.
    """
    try:
        tree = trust.checked(record, upgrade(record.config))
        refuse_too_large(tree)
        hardware = {**tree.get("hardware", {}), "device": "cpu"}
        if hardware.get("precision") == "tf32":  # which no CPU has
            hardware["precision"] = "float32"
        return validate(typed({**tree, "hardware": hardware}))
    except BenchError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: config does not hold the options of a run ({error}); restore the file") from None


def load_weights(model: SequenceModel, path: Path) -> None:
    """Put the weights in the file at `path` into the model.

    Raises StoreError where they do not fit, cannot be read, or are NaN or infinite: a run keeps the weights of its best
    score, and no score comes from such.
    """
    try:
        model.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        cause = str(error).splitlines()[0]
        raise StoreError(f"{path} does not load into the run's model ({cause}): run it again") from None
    for cell in (module for module in model.modules() if isinstance(module, Cell)):
        cell.after_update()  # weights of older code may lie beyond a bound that its equation clamped
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise StoreError(f"{path} is damaged (weights of {name} are NaN or infinite): run it again with rerun=all")
