"""Checkpoints of a run under way, from which the same command goes on, whatever ended it."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.config.schema import CheckpointConfig
from bench.config.tree import Tree
from bench.results import names
from bench.results.files import write_atomic

log = logging.getLogger("bench")

FORMAT = 1
_KEPT = 2  # so that one is left where writing the other was cut off


class Checkpoints:
    """The checkpoints in a run's folder: the last two are kept.

    A file holds the SHA-256 of what follows it, and then what `torch.save` makes of the state: tensors and plain types,
    so that reading one runs no code. It appears by one rename.
    """

    def __init__(
        self,
        folder: Path,
        config: CheckpointConfig,
        options: Tree | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The checkpoints in `folder`, saved as often as `config` says; `options`, by dotted name, are in each."""
        self._folder, self._config, self._options, self._clock = folder, config, options or {}, clock
        self._saved_at, self._saved_step = clock(), 0
        self._useless: list[Path] = []

    def due(self, step: int) -> bool:
        """Whether it is time for another: after the configured number of steps or seconds since the last one."""
        if self._config.steps is not None:
            return step - self._saved_step >= self._config.steps
        return self._config.seconds is not None and self._clock() - self._saved_at >= self._config.seconds

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write the state after `step`, and remove all but the last two."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "step": step, "options": self._options, **state}, buffer)
        content = buffer.getvalue()
        sealed = hashlib.sha256(content).hexdigest().encode() + content
        path = self._folder / names.checkpoint(step)
        write_atomic(path, sealed)
        for useless in self._useless:  # whose steps may be higher than that of the better one that there is now
            if useless != path:
                useless.unlink(missing_ok=True)
        self._useless = []
        for old in list_checkpoints(self._folder)[_KEPT:]:
            old.unlink(missing_ok=True)
        self._saved_at, self._saved_step = self._clock(), step

    def latest(self) -> dict[str, Any] | None:
        """The last state that can be read, None where there is none; a line is logged for each that cannot."""
        for path in list_checkpoints(self._folder):
            try:
                state = _read(path)
            except (OSError, ValueError, pickle.UnpicklingError, RuntimeError) as error:
                log.warning(f"{path.name} is no use ({str(error).splitlines()[0]}); looking for the one before")
                self._useless.append(path)
                continue
            self._saved_step = state["step"]
            return state
        return None

    def clear(self) -> None:
        """Remove them all, and what a kill in the middle of writing one left."""
        for path in (*list_checkpoints(self._folder), *self._folder.glob(f".{names.CHECKPOINTS}*")):
            path.unlink(missing_ok=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the last first."""
    found = {step: path for path in folder.glob(names.CHECKPOINTS) if (step := names.step_of(path.name)) is not None}
    return [found[step] for step in sorted(found, reverse=True)]


def _read(path: Path) -> dict[str, Any]:
    """ValueError for a file that is cut off, damaged or of another format."""
    whole = path.read_bytes()
    digest, content = whole[:64], whole[64:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("it is cut off or damaged")
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    if state.get("format") != FORMAT:
        raise ValueError(f"its format is {state.get('format')}, this version of bench reads {FORMAT}")
    return state
