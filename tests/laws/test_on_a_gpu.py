"""Every cell, task and option on a simulated GPU: no op meets a tensor of the CPU, and all numbers are the CPU's.

The combinations come from the schema, the files of cells and the tasks' own tests: a new one joins by itself. Where all
tests run, the slow tests take some of them; all of them, in a quarter of an hour, where this file is named.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from acting import options_of, values_of
from cli_tools import COPY
from lives import ended, lived
from simulated import NAME, simulated_gpu
from test_data_versions import TASKS, make
from test_every_combination import ALL, BASE, CELLS, SETTINGS, SMALLER, values
from tiny import Given, a_batch, a_setup
from torch import Tensor
from traces import chosen

import bench
from bench.api import Batch
from bench.cells.gru import GRU
from bench.config.schema import BPTTConfig, ClipConfig, Config, HardwareConfig, ModelConfig
from bench.model.norm import LayerNorm
from bench.model.sequence import SequenceModel

WINDOWS = {"bptt.kind": "truncated", "bptt.window": 2}
SLIDING = {"bptt.kind": "sliding", "bptt.window": 1, "bptt.horizon": 3}
BESIDE = {
    **dict.fromkeys(("bptt.window", "bptt.horizon", "bptt.offset", "bptt.update", "bptt.carry"), WINDOWS),
    "bptt.head": SLIDING,
}
"""Without these an option does nothing."""
PLACES = {"bptt.kind": {"truncated": WINDOWS, "sliding": SLIDING}}
SOME = ("gru", "lstm", "mingru", "s4d", "transformer")
"""Cells of each kind: of one equation, with a vendor's layer, linear, complex, with inputs as their state."""


def training() -> list[dict[str, Any]]:
    """Options of training, one at a time with what it needs to act, and every optimiser and schedule."""
    groups = [(BPTTConfig, "bptt."), (ClipConfig, "clip."), (HardwareConfig, "hardware.")]
    options = [(cls, each.name, f"{group}{each.name}") for cls, group in groups for each in fields(cls)]
    options += [(Config, name, name) for name in ("accumulate", "ema", "unroll")]
    found = [
        {**BESIDE.get(option, {}), option: value, **PLACES.get(option, {}).get(value, {})}
        for cls, name, option in options
        if option not in ("hardware.device", "hardware.threads")
        for value in values(cls, name, option)
    ]
    choices = [
        {group: name} for group in ("optimizer", "schedule") for name in sorted(chosen(group)) if name != "custom"
    ]
    return found + choices


def own_options(cell: str) -> list[dict[str, Any]]:
    """The cell's options, each with a value that is not its default: all of a choice, twice a number."""
    found = []
    for name, default in chosen("cell")[cell].items():
        others = values_of(f"cell.{cell}.{name}") - {default}
        if not others and isinstance(default, int | float) and not isinstance(default, bool):
            others = {2 * default or 1}
        found += [{f"cell.{name}": value} for value in others if name != "_target_"]
    return found


def combinations() -> list[dict[str, Any]]:
    """Every cell with its own options, and cells of each kind under every option of the model and of training."""
    bare = [{"cell": cell, **own} for cell in CELLS for own in ({}, *own_options(cell))]
    return bare + [{"cell": cell, **given} for given in (*ALL, *training()) for cell in SOME]


COMBINATIONS = combinations()
ON_GPU = HardwareConfig("cuda", precision="float64")


def check(given: dict[str, Any], measured: bool = False) -> bool:
    """Whether it runs, on the simulated GPU with the CPU's numbers; False where it is refused in all settings.

    Raises RuntimeError where an op meets tensors of both devices, AssertionError where a GPU alone is refused.
    """
    all_settings = [{**BASE, **each, **SMALLER.get(given["cell"], {}), **given} for each in SETTINGS]
    with simulated_gpu():
        on_gpu = ended(all_settings, "cuda", measured)
    on_cpu = ended(all_settings, "cpu")
    assert on_cpu is None or on_gpu is not None, f"{given} is refused on a GPU alone"
    if on_cpu is None or on_gpu is None:  # tf32 is for a GPU
        return on_gpu is not None
    assert near(on_gpu, on_cpu, given.get("hardware.precision")), f"{given}: {on_gpu}, not {on_cpu}"
    return True


def near(one: Tensor, other: Tensor, precision: str | None = None) -> bool:
    """Equal but for the rounding of another order, or of bfloat16, which autocast has elsewhere on a GPU."""
    far = 0.05 if precision == "bfloat16" else 1e-5
    return torch.allclose(one, other, rtol=far, atol=far, equal_nan=True)


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """1 for all combinations; otherwise so many that there is time for one of them."""
    is_named = any(Path(__file__).name in argument for argument in request.config.args)
    return 1 if is_named else 60


@pytest.mark.parametrize(
    "given",
    [
        {"cell": "gru", "ema": 0.5, "model.norm": "batch_per_step", "unroll": "eager"},
        {"cell": "s4d", "model.dropout": 0.5, "bptt.checkpoint": True, "unroll": "parallel"},
        {"cell": "lstm", "task": "sequence", "model.attention": "dot", "model.bidirectional": True, "unroll": "eager"},
    ],
    ids=str,
)
def test_a_run_on_a_gpu_has_the_numbers_of_the_cpu(given: dict[str, Any]) -> None:
    assert check(given)


def test_padded_lanes_are_normalised_on_a_gpu_as_on_the_cpu() -> None:
    task = Given(train=[replace(a_batch(), lengths=torch.tensor([6, 4]))])
    options = {"model": ModelConfig(hidden=5, norm="batch"), "unroll": "eager"}
    on_cpu = lived(a_setup(task, **options), "train")
    with simulated_gpu():
        assert near(lived(a_setup(task, **options, hardware=ON_GPU), "train"), on_cpu)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_every_cell_and_option_runs_on_a_gpu_as_on_the_cpu(part: int, every: int) -> None:
    wrong = []
    for given in COMBINATIONS[part :: 4 * every]:
        try:
            check(given)
        except Exception as error:
            wrong.append(f"{given}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_is_measured_on_a_gpu(cell: str, every: int) -> None:
    if CELLS.index(cell) % every == 0:
        assert check({"cell": cell}, measured=True)


@pytest.mark.slow
@pytest.mark.parametrize("line", TASKS)
def test_every_task_runs_on_a_gpu_as_on_the_cpu(line: str, every: int, tmp_path: Path) -> None:
    if TASKS.index(line) % every:
        return
    task = make(line, tmp_path)
    on_cpu = lived(a_setup(task), "valid", measured=True)
    with simulated_gpu():
        on_gpu = lived(a_setup(task, hardware=ON_GPU), "valid", measured=True)
    assert near(on_gpu, on_cpu), f"{on_gpu}, not {on_cpu}"


def test_every_option_is_among_the_combinations() -> None:
    tried = {key for given in COMBINATIONS for key in given}
    assert tried >= options_of("model", "init", "bptt", "clip", "gradient", "accumulate", "ema", "unroll")
    for group in ("cell", "optimizer", "schedule"):
        assert {given.get(group) for given in COMBINATIONS} >= chosen(group).keys() - {"custom"}


@pytest.mark.slow
def test_a_whole_run_has_the_scores_of_the_cpu_and_the_label_of_the_gpu(tmp_path: Path) -> None:
    options = (*COPY, "cell=lstm", "hardware.precision=float64", "ema=0.5", f"results_dir={tmp_path}")
    on_cpu = bench.run(*options, "hardware.device=cpu").record
    with simulated_gpu():
        run = bench.run(*options, "hardware.device=cuda")
    assert NAME in run.record.labels["hardware"] and "cuda" in run.record.labels["hardware"]
    assert run.record.scores["test"] == pytest.approx(
        on_cpu.scores["test"], rel=1e-9
    )  # its LSTM adds up in another order
    loaded = bench.load(run)  # on the CPU, where there is no GPU any more
    assert loaded.predict(next(loaded.batches("test")).inputs)[0].isfinite().all()


def plus_a_constant(found: Any) -> Any:
    """What a method returns, its first tensor with a constant added that was made on the CPU."""
    if isinstance(found, Tensor):
        return found + torch.zeros(1)
    if isinstance(found, dict):
        return {name: plus_a_constant(each) for name, each in found.items()}
    first, *others = found
    return (plus_a_constant(first), *others)


@pytest.mark.parametrize(
    ("owner", "method"),
    [(GRU, "gates"), (LayerNorm, "forward"), (Given, "loss"), (Given, "tally"), (SequenceModel, "encode")],
)
def test_a_constant_on_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> None:
    given = [{**BASE, "task": "features", "cell": "gru", "model.norm": "layer"}]
    real = getattr(owner, method)
    monkeypatch.setattr(owner, method, lambda *args, **options: plus_a_constant(real(*args, **options)))
    assert ended(given, "cpu") is not None
    with pytest.raises(RuntimeError, match="same device"), simulated_gpu():
        ended(given, "cuda")


def test_batches_that_stay_on_the_cpu_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batch, "to", lambda batch, device: batch)
    with pytest.raises(RuntimeError, match="same device"), simulated_gpu():
        ended([{**BASE, "task": "features", "cell": "gru"}], "cuda")
