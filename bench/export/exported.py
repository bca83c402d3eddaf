"""A trained model written to a file for other programs, once it is found to compute what the model does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import BenchError, ConfigError, StoreError, asked, nearest
from bench.export.c_file import CFile
from bench.export.c_run import ran
from bench.export.check import checked
from bench.export.onnx_file import onnx_file
from bench.export.onnx_run import run_and_checked
from bench.kernels.compiler import NoCompiler
from bench.kernels.step import Cannot
from bench.model.sequence import SequenceModel
from bench.results.files import write_atomic

__all__ = ["FORMATS", "Exported", "export", "place"]

FORMATS = {"c": ".c", "onnx": ".onnx", "onnx-step": ".onnx"}
"""The formats, and how their files' names end."""


@dataclass(frozen=True)
class Exported:
    """A file that was written: its size in bytes, and what it was held to.

    `difference` is the largest difference of an output from the model's, over so many `steps`; None where C was not
    run, since there is no compiler: `unchecked` says so. `step_us` are the microseconds that C takes for a time step.
    """

    path: Path
    size: int
    steps: int
    difference: float | None = None
    step_us: float | None = None
    unchecked: str | None = None


def place(stem: str, to: str | None, form: str | None) -> tuple[Path, str]:
    """The path and the format of a file to be written: by default C, at a name made of `stem`.

    Raises ConfigError for a format that there is not or that does not fit the path, StoreError where a file is there.
    """
    if form is not None and form not in FORMATS:
        raise ConfigError(
            f"--format={form}: there is no such format{asked(nearest(form, FORMATS))}; there are {', '.join(FORMATS)}"
        )
    ending = Path(to).suffix if to else ""
    if form is None:
        form = next((name for name, suffix in FORMATS.items() if suffix == ending), None if ending else "c")
    if form is None or (ending and ending != FORMATS[form]):
        raise ConfigError(f"{to}: a file of C ends in .c, one of ONNX in .onnx")
    path = Path(to or stem)
    path = path if path.suffix == FORMATS[form] else path.with_name(path.name + FORMATS[form])
    if path.exists():
        raise StoreError(f"{path} is there already: choose another name with --to, or move it away")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: there is no folder {path.parent}; make it first")
    return path, form


def export(model: SequenceModel, inputs_TB: Tensor, facts: Mapping[str, str], path: Path, form: str) -> Exported:
    """Write a model in evaluation mode to `path`, and say what became of it.

    Before that it goes through sequences of inputs `[T, B]` or `[T, B, F]`, and is compared with the model, step by
    step. `facts` stand in the file. Raises ConfigError for a model that goes no single steps, or whose steps have no
    such form; BenchError where what is exported differs from the model, StoreError where the file cannot be written.
    """
    model.refuse_single_steps()
    if form == "c":
        content, found = _as_c(model, inputs_TB, facts, path)
    else:
        scans = form == "onnx"
        content = onnx_file(model, facts, scans)
        gap = run_and_checked(content, model, inputs_TB, scans)
        found = Exported(path, len(content), len(inputs_TB), gap)
    try:
        write_atomic(path, content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
    return found


def _as_c(model: SequenceModel, inputs_TB: Tensor, facts: Mapping[str, str], path: Path) -> tuple[bytes, Exported]:
    try:
        file = CFile(model, path.name, facts)
    except Cannot as error:
        raise ConfigError(f"a step of this model has no form in C: {error}; try --format=onnx") from error
    content, steps = file.text.encode("ascii"), len(inputs_TB)
    try:
        states, y_TC, step_us = ran(file, inputs_TB[:, 0])
    except NoCompiler as error:
        return content, Exported(path, len(content), steps, unchecked=str(error))
    if not all(torch.equal(each[0], start) for each, start in zip(states, file.start, strict=True)):
        raise BenchError("the exported initial state differs from the model's, and nothing is written")
    gap = checked(model, inputs_TB[:, 0], [each[:-1] for each in states], y_TC, [each[1:] for each in states])
    return content, Exported(path, len(content), steps, gap, step_us)
