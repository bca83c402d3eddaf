"""A task under test: building it here and in another process, reading and hashing its batches."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from torch import Generator

from bench.api import Batch, Split, Task
from bench.checks.law import Broken
from bench.config.targets import load

SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_DIGESTED = 20
PIECE = 32  # time steps to compare at once, where lanes go on from batch to batch and have no sequences


@dataclass(frozen=True)
class TaskProbe:
    """The class of the task under test, its options, and the numbers of batches to draw."""

    task_class: type[Task]
    options: Mapping[str, Any]
    memory_batches: int = 10_000
    """The number of train batches over which memory is measured."""
    longest_split: int = 20_000
    """The number of batches within which valid and test must end."""

    @cached_property
    def task(self) -> Task:
        """The task, built once, since reading its data may take long."""
        return self.task_class(**self.options)

    def batches(self, split: Split, count: int, batch_size: int = 8, seed: int = 0) -> list[Batch]:
        """The first `count` batches of a split, fewer where it ends."""
        return list(islice(self.task.batches(split, batch_size, Generator().manual_seed(seed)), count))

    @property
    def recipe(self) -> dict[str, Any]:
        """The arguments with which another process builds the task, for JSON."""
        return {"target": _target(self.task_class), "options": dict(self.options)}


def digests_elsewhere(probes: Sequence[TaskProbe]) -> list[dict[Split, str]]:
    """The `digests` of each task from another Python process with other string hashes; Broken where that fails."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-c", "from bench.checks import task_probe; task_probe.main()"]
    recipes = json.dumps([probe.recipe for probe in probes])
    done = subprocess.run(command, input=recipes, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Broken(f"another process cannot build the task: {last[0]}")
    found: list[dict[Split, str]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Read recipes of tasks from standard input, and print the tasks' digests."""
    print(json.dumps([digests(load(r["target"], "task")(**r["options"])) for r in json.loads(sys.stdin.read())]))


def digests(task: Task) -> dict[Split, str]:
    """For each split a hash of its first batches, to the last bit."""
    found: dict[Split, str] = {}
    for split in SPLITS:
        digest = hashlib.sha256()
        for batch in islice(task.batches(split, 8, Generator().manual_seed(0)), _DIGESTED):
            for field in fields(batch):
                tensor = getattr(batch, field.name)
                if tensor is not None:
                    digest.update(f"{field.name} {tensor.dtype} {tensor.shape}".encode())
                    digest.update(tensor.contiguous().numpy().tobytes())
        found[split] = digest.hexdigest()
    return found


def sequences(batches: Iterable[Batch]) -> Iterator[bytes]:
    """The inputs of each lane of each batch, without padding."""
    for batch in batches:
        steps = [len(batch.inputs)] * len(batch.fresh) if batch.lengths is None else batch.lengths.tolist()
        for lane, length in enumerate(steps):
            yield batch.inputs[:length, lane].contiguous().numpy().tobytes()


def pieces(batches: Iterable[Batch], stride: int) -> Iterator[bytes]:
    """Stretches of 32 time steps from every lane, starting every `stride` steps; lanes go on from batch to batch."""
    lanes: dict[int, bytearray] = {}
    width = 0
    for batch in batches:
        width = batch.inputs[0, 0].nbytes
        for lane, part in enumerate(sequences([batch])):
            lanes.setdefault(lane, bytearray()).extend(part)
    for stream in map(bytes, lanes.values()):
        for start in range(0, len(stream) - PIECE * width + 1, stride * width):
            yield stream[start : start + PIECE * width]


def goes_on(batches: Iterable[Batch]) -> bool:
    """Whether lanes go on from batch to batch."""
    return any(not bool(torch.all(batch.fresh)) for batch in batches)


def _target(cls: type) -> str:
    """The class as `load` finds it in another process: by its module where that can be imported, else by its file."""
    package = cls.__module__.partition(".")[0]
    importable = any(finder.find_spec(package, None) for finder in sys.meta_path)
    return f"{cls.__module__ if importable else inspect.getfile(cls)}:{cls.__qualname__}"
