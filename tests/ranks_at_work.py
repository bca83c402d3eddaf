"""Trainings and runs by two ranks, for tests: as a script each rank does all of them, and the first one keeps what came
of them.

    python tests/ranks_at_work.py FOLDER     with the environment of torchrun
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tiny import Given, a_batch, a_config, truncated
from torch import Generator, Tensor, nn

from bench.api import Batch, Split, Task
from bench.config.compose import compose
from bench.config.schema import BudgetConfig, CheckpointConfig, ModelConfig
from bench.errors import BenchError, Diverged, Failed
from bench.hardware.ranks import ALONE, RankLost, Ranks, joined
from bench.job.build import build
from bench.job.execute import execute
from bench.train.checkpoint import Checkpoints
from bench.train.fit import Fit

ROOT = Path(__file__).parent.parent
LANES = 4


class Ragged(Given):
    """Lanes of different lengths and weights, in batches of four lanes, at last of three and of one."""

    def __init__(self, go_on: bool = False) -> None:
        train = [self._ragged(B, seed) for seed, B in enumerate([LANES, LANES, LANES, 3, 1])]
        if go_on:
            train = [replace(batch, fresh=torch.arange(LANES) % 3 < number) for number, batch in enumerate(train[:3])]
        super().__init__(train=train, valid=[a_batch(T=8, B=3, seed=9)])

    @staticmethod
    def _ragged(lanes: int, seed: int) -> Batch:
        batch = a_batch(T=7, B=lanes, seed=seed)
        lengths_B = (torch.arange(lanes) * 3 + seed) % 6 + 2
        real_TB = torch.arange(7)[:, None] < lengths_B
        weight_TB = torch.rand(7, lanes, generator=Generator().manual_seed(seed), dtype=torch.float64)
        weight_TB[:, 1:2] = 0 if seed == 1 else weight_TB[:, 1:2]  # a lane that is not scored
        return replace(batch, weight=weight_TB * real_TB, lengths=lengths_B)


class Breaking(Ragged):
    """The loss of the last lane of the third batch, which the second rank has, is no number."""

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        loss_TB = super().loss(logits, batch)
        broken_TB = batch.weight == self.splits["train"][2].weight[0, -1]
        return torch.where(broken_TB, torch.nan, loss_TB)


class Killed(Ragged):
    """The process of the second rank is killed as it draws its seventh batch."""

    def batches(self, split: Split, batch_size: int, generator: Generator) -> Iterator[Batch]:
        for batch in super().batches(split, batch_size, generator):
            self.reads["batches"] += split == "train"
            if self.reads["batches"] == 7 and os.environ.get("RANK") == "1":
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


_TRAINING = {"batch_size": LANES, "budget": BudgetConfig(steps=8), "evaluations": 4, "clip": 0.3}
FITS: dict[str, tuple[bool, dict[str, Any]]] = {
    "full": (False, {}),
    "full, lanes that go on": (True, {}),
    "float32": (True, {"precision": "float32"}),
    "truncated": (True, {"bptt": truncated(2, offset="random")}),
    "truncated, one update": (True, {"bptt": truncated(3, update="sequence"), "ema": 0.8}),
    "sliding": (True, {"bptt": replace(truncated(1), kind="sliding", horizon=3)}),
    "recomputed": (False, {"bptt": replace(truncated(None), checkpoint=True)}),
    "accumulated": (False, {"accumulate": 2}),
    "sum": (False, {"loss": "sum", "bptt": truncated(4), "clip": None}),
    "vendor": (True, {"unroll": "vendor", "cell": "bench.cells.lstm.LSTM"}),
    "plateau, patience": (
        False,
        {
            "schedule": {"_target_": "bench.train.schedule.Plateau", "patience": 0},
            "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.5, "momentum": 0.9},
            "patience": 2,
            "evaluations": 8,
        },
    ),
    "attention": (False, {"cell": "bench.cells.attention.Attention", "model": ModelConfig(hidden=8, layers=2)}),
}
"""Trainings that are to be the same on one device and on two: whether lanes go on, and the options."""

NOISE = {**_TRAINING, "model": ModelConfig(hidden=5, dropout=0.3, zoneout=0.1)}


def fit(task: Task, options: dict[str, Any], ranks: Ranks = ALONE, cut: int = 0, folder: Path | None = None) -> Any:
    """The weights after training, the best score and the curve; after step `cut` the last rank asks to stop."""
    setup = build(a_config(**{**_TRAINING, **options}), task, ranks=ranks)
    made: dict[str, Any] = {}

    def on_step(progress: Any, *_: float) -> None:
        made["step"] = progress.steps
        made["latest"] = {name: weight.clone() for name, weight in setup.model.state_dict().items()}

    checkpoints = Checkpoints(folder, CheckpointConfig(steps=3)) if folder and ranks.is_first else None
    clock = itertools.count(step=1 / (1 + ranks.number)).__next__  # a step takes a second by the clock of the first one
    training = Fit(
        setup, checkpoints, on_step, clock, stop=lambda: made["step"] == cut and ranks.number == ranks.count - 1
    )
    try:
        for _ in training:
            pass
    except KeyboardInterrupt:
        return made["step"]
    rows = [{**row, "seconds": 0.0} for row in training.progress.curve.rows]
    return {**made, "score": training.progress.best_score, "curve": rows, "clipped": training.progress.clipped}


RUN = (
    *("task=copy", "task.held_out=20", "model.hidden=8", "budget.steps=4", "evaluations=2", "measure.seconds=0.01"),
    *("batch_size=4", "hardware.device=cpu"),
)
"""A run that takes a moment."""

REFUSED = {
    "batch_size=5": "set batch_size=4 or 6",
    "model.norm=batch": "choose model.norm=layer or rms",
    "model.norm=batch_per_step": "choose model.norm=layer or rms",
    "gradient=rtrl": "set gradient=bptt",
    "hardware.device=cuda:1": "set auto, cuda or cpu",
    "task.delay=0": "task.delay=0",
    "cell.target=coupled.py:Coupled": "with the other lanes of its batch",
    "cell.target=coupled.py:Declared": "mixes lanes (as an example)",
    "task.target=coupled.py:CoupledLoss": "with the other lanes of its batch",
}
"""What cannot be split, by the words of a run, and a part of the line that says so."""

COUPLED = """
import torch
from bench.cells.vanilla import Vanilla
from bench.tasks.copy import Copy


class Coupled(Vanilla):
    def step(self, x_BF, state):
        return super().step(x_BF - x_BF.mean(0), state)


class Declared(Vanilla):
    expected_failures = {"batch lanes independent": "as an example"}


class CoupledLoss(Copy):
    def loss(self, logits, batch):
        loss_TB = super().loss(logits, batch)
        return loss_TB - loss_TB.mean(1, keepdim=True)
"""


def options_of(*own: str) -> list[str]:
    """The words of a run, where those of a test replace the usual ones."""
    named = {word.partition("=")[0]: word for word in (*RUN, *own)}
    for group in ("cell", "task"):
        if f"{group}.target" in named:
            named[group] = f"{group}=custom"
    if "task.target" in named:
        del named["task.held_out"]
    return [*named.values()]


def _executed(ranks: Ranks, *own: str) -> Any:
    """The record of a run, or the line that refuses it."""
    try:
        return execute(compose(options_of(*own)), ranks=ranks)
    except BenchError as error:
        return f"{error.exit_code} {error}"
    except SystemExit as end:
        return end.code


def agreed(ranks: Ranks, weight: float) -> str:
    """What the ranks say of a weight that each has."""
    try:
        ranks.must_agree([nn.Parameter(torch.tensor([0.1, weight]))])
    except Failed as error:
        return str(error)
    return "agreed"


def diverged(ranks: Ranks = ALONE) -> str:
    """How a training ends whose loss turns on one rank alone."""
    try:
        fit(Breaking(), {}, ranks)
    except Diverged as error:
        return str(error)
    return "not diverged"


def _killed(ranks: Ranks, folder: Path) -> str:
    try:
        fit(Killed(), {"bptt": truncated(3)}, ranks, folder=folder)
    except RankLost as error:
        return f"{error.status}: {error}"
    return "not killed"


def work(folder: Path) -> None:
    """All of it; the last is a rank that is killed."""
    torch.set_num_threads(1)
    with joined() as ranks:
        made: dict[str, Any] = {"fits": {}, "first": ranks.is_first}
        for name, (go_on, options) in FITS.items():
            made["fits"][name] = fit(Ragged(go_on), options, ranks)
        carried = Ragged(go_on=True), {"bptt": truncated(3), **{"model": NOISE["model"]}}
        made["noise"] = fit(*carried, ranks)
        made["cut at"] = fit(*carried, ranks, cut=4, folder=folder / "cut")
        made["gone on"] = fit(*carried, ranks, folder=folder / "cut")
        made["timed"] = fit(Ragged(), {"budget": BudgetConfig(steps=None, seconds=5)}, ranks)["step"]
        made["other weights"] = agreed(ranks, ranks.number)
        made["same weights"] = agreed(ranks, 1)
        made["diverged"] = diverged(ranks)
        made["run"], made["run again"] = _executed(ranks), _executed(ranks)
        made["noisy run"] = _executed(ranks, "model.dropout=0.1", "seed=1")
        made["refused"] = {words: _executed(ranks, words) for words in REFUSED}
        others = ranks.all_say({name: made[name] for name in ("run", "refused", "diverged", "other weights")})
        made["others"] = others[1:]
        made["killed"] = _killed(ranks, folder / "killed")
        if ranks.is_first:
            torch.save(made, folder / "made.pt")


def start(folder: Path, port: int) -> list[subprocess.Popen[str]]:
    """Two processes of this script as torchrun starts them, but without its own process."""
    for part in ("cut", "killed"):
        (folder / part).mkdir()
    (folder / "coupled.py").write_text(COUPLED, "utf-8")
    shared = {
        **{"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"},
        **{"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
    }
    return [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            cwd=folder,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


if __name__ == "__main__":
    work(Path(sys.argv[1]))
