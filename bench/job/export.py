"""A stored run's model as a file for other programs: which file, what stands in its head, and on which data it is held
to the model."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

import torch
from torch import Generator

from bench.api import Task, TextTask
from bench.errors import ConfigError, DataError
from bench.export.exported import Exported, place
from bench.export.exported import export as write
from bench.hardware.settings import using_threads
from bench.measure.flops import parameter_count
from bench.model.seq2seq import EncoderDecoder

if TYPE_CHECKING:
    from bench.job.reload import Reloaded

__all__ = ["export"]

_STEPS, _LANES = 50, 2
_BETTER = {"max": "higher", "min": "lower"}
_MOST_SYMBOLS = 256  # that a file lists


def export(run: Reloaded, to: str | PathLike[str] | None = None, form: str | None = None) -> Exported:
    """Write the model of a run to the file `to`, by default one in this folder that is named after the run.

    It is compared with the model over the first steps of the task's valid split. Raises ConfigError for a model that
    has no such form or goes no single steps, StoreError where a file is there already or cannot be written, and
    BenchError where what is exported differs from the model.
    """
    stem, _, _ = run.record.id.rpartition("_")
    path, form = place(stem or run.record.id, None if to is None else fspath(to), form)
    if isinstance(run.model, EncoderDecoder):
        raise ConfigError(
            f"{run.record.id} reads a whole sequence before it writes one, and only models that go step by step are "
            "exported; choose a run of another task, or use bench.load(run).decode"
        )
    batch = next(run.task.batches("valid", _LANES, Generator().manual_seed(0)), None)
    if batch is None:
        raise DataError(f"{run.record.id}: its valid split is empty, and the file could not be compared with the model")
    with using_threads(run.machine.threads), torch.no_grad(), torch.autocast("cpu", enabled=False):
        return write(run.model, batch.inputs[:_STEPS], _facts(run), path, form)


def _facts(run: Reloaded) -> dict[str, str]:
    """What a reader of the file is to know, by name."""
    record, task = run.record, run.task
    facts = {"run": record.id, "task": record.task, "cell": record.cell, "weights": f"{parameter_count(run.model):,}"}
    if record.metric is not None and record.score is not None:
        metric = record.metric
        facts["score"] = (
            f"{metric['name']} {record.score:.4g} on {record.scored_split}, {_BETTER[metric['direction']]} is better"
        )
    if run.machine.precision == "bfloat16":
        facts["precision"] = "the run computed products in bfloat16; this file computes in float32"
    when = "after every step" if task.spec.reads == "every_step" else "after the last step of a sequence"
    kind = "logits, whose softmax are the shares of" if type(task).loss is Task.loss else "as the task scores them,"
    facts["outputs"] = f"{kind} {task.spec.outputs} {'classes' if 'softmax' in kind else 'numbers'}; they count {when}"
    facts["inputs"] = "as the batches of the task have them, scaled alike"
    if isinstance(task, TextTask):
        facts["inputs"] = "symbols of the text by number"
        if task.spec.outputs <= _MOST_SYMBOLS:
            facts["symbols"] = " ".join(f"{i}:{_shown(task.decode([i]))}" for i in range(task.spec.outputs))
    return facts


def _shown(symbol: str) -> str:
    """A symbol in quotes, without a blank."""
    return repr(symbol).replace(" ", "\\x20")
