"""A trained run of music or of a forecast goes on by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from bench.api import SeriesTask
from bench.errors import ConfigError
from bench.job.reload import Reloaded
from bench.report.midi import midi
from bench.report.series_plots import PICTURES
from bench.report.style import check_format, save
from bench.results.files import writing


def goes_on(reloaded: Reloaded) -> bool:
    """Whether the run's model can go on with a series of vectors."""
    return isinstance(reloaded.task, SeriesTask)


def go_on(
    reloaded: Reloaded, length: int, temperature: float = 1.0, greedy: bool = False, seed: int = 0
) -> tuple[Tensor, int]:
    """The opening and `length` steps more in the data's unit, `[T, F]`, and the number of steps of the opening.

    Raises ConfigError for a wrong argument, and for a task whose outputs cannot be its inputs.
    """
    task = reloaded.task
    assert isinstance(task, SeriesTask)
    if length < 0 or not 0 <= seed < 2**63 or not 0 < temperature < math.inf:
        raise ConfigError(
            f"--length={length} --seed={seed} --temperature={temperature:g}: length and seed are 0 or more, the "
            "temperature is above 0"
        )
    generator = None if greedy else Generator().manual_seed(seed)
    try:
        steps = list(task.opening())
    except ValueError as error:
        raise ConfigError(f"{reloaded.record.id}: {error}") from None
    opening, state = len(steps), reloaded.model.initial_state(1)
    for x_F in steps:
        logits_1C, state = reloaded.step(x_F[None], state)
    for _ in range(length):
        steps.append(task.following(logits_1C[0].float(), temperature, generator))
        logits_1C, state = reloaded.step(steps[-1][None], state)
    return task.shown(torch.stack(steps)), opening


def lines(reloaded: Reloaded, steps_TF: Tensor) -> Sequence[str]:
    """A line of text for each step of a series."""
    assert isinstance(reloaded.task, SeriesTask)
    return reloaded.task.lines(steps_TF)


def write(reloaded: Reloaded, steps_TF: Tensor, opening: int, path: Path) -> None:
    """Write a series as a picture or, where it is a piano roll, as a MIDI file, by the ending of the name.

    Raises ConfigError for another ending, and StoreError where the file cannot be written.
    """
    task = reloaded.task
    assert isinstance(task, SeriesTask)
    if path.suffix.lower() in (".mid", ".midi"):
        if task.picture != "roll":
            raise ConfigError(f"--to={path}: {reloaded.record.task} is no music: end the name in .png, .svg or .pdf")
        with writing(path, "--to"):
            path.write_bytes(midi(steps_TF))
        return
    check_format(path)
    with writing(path, "--to"):
        save(PICTURES[task.picture](steps_TF, opening), path)
