"""Checkpoints of an unfinished run: the same command resumes from them."""

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
from bench.results.folder import remove

log = logging.getLogger("bench")

FORMAT = 1
_KEPT = 2  # one is still there where a crash damaged the other


class Checkpoints:
    """The checkpoints in a run's folder: the last two are kept.

    A file starts with the SHA-256 of the rest. The rest is the state as `torch.save` writes it, of tensors and plain
    types only, so that reading a file runs no code. A file appears by one rename, never in part.
    """

    def __init__(
        self,
        folder: Path,
        config: CheckpointConfig,
        options: Tree | None = None,
        origin: Tree | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The checkpoints in `folder`, saved as often as `config` says; each file also holds the run's `options`,
        and its `origin`: the code and the data of the run."""
        self._folder, self._config, self._clock = folder, config, clock
        self._about = {"options": options or {}, "origin": origin}
        self._saved_at, self._saved_step = clock(), 0
        self._useless: list[Path] = []
        self._level = logging.WARNING  # of the next line about a checkpoint that cannot be saved

    @property
    def wanted(self) -> bool:
        """Whether the run is to be saved at all."""
        return self._config.steps is not None or self._config.seconds is not None

    def due(self, step: int) -> bool:
        """Whether the configured number of steps or seconds has passed since the last checkpoint."""
        if self._config.steps is not None:
            return step - self._saved_step >= self._config.steps
        return self._config.seconds is not None and self._clock() - self._saved_at >= self._config.seconds

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Write the state after `step`, and remove all checkpoints but the last two.

        What the disk does not take is logged, the first time as a warning: the run goes on, and the checkpoint before
        is kept until one is saved again. A step that is saved already is not saved twice.
        """
        if step == self._saved_step:
            return
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "step": step, **self._about, **state}, buffer)
        content = buffer.getvalue()
        sealed = hashlib.sha256(content).hexdigest().encode() + content
        try:
            self._replace_older(self._folder / names.checkpoint(step), sealed)
        except OSError as error:
            cause = error.strerror or error
            log.log(self._level, f"the checkpoint after step {step} cannot be saved ({cause}): going on without it")
            self._level = logging.DEBUG
        self._saved_at, self._saved_step = self._clock(), step

    def _replace_older(self, path: Path, sealed: bytes) -> None:
        write_atomic(path, sealed)
        for useless in self._useless:  # a damaged file of a later step would count as the last one
            if useless != path:
                useless.unlink(missing_ok=True)
        self._useless = []
        for old in list_checkpoints(self._folder)[_KEPT:]:
            old.unlink(missing_ok=True)

    def latest(self) -> dict[str, Any] | None:
        """The state in the last readable checkpoint; None where there is none. Each unreadable file is logged."""
        for path in list_checkpoints(self._folder):
            try:
                state = _read(path)
            except (OSError, ValueError, pickle.UnpicklingError, RuntimeError) as error:
                cause = str(error).splitlines()[0]
                log.warning(f"{path.name} cannot be read ({cause}); trying the checkpoint before it")
                self._useless.append(path)
                continue
            self._saved_step = state["step"]
            return state
        return None

    def clear(self) -> None:
        """Remove all checkpoints, and the drafts that a killed process left."""
        remove(self._folder, names.CHECKPOINTS, names.DRAFTS)


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the latest step first."""
    found = {step: path for path in folder.glob(names.CHECKPOINTS) if (step := names.step_of(path.name)) is not None}
    return [found[step] for step in sorted(found, reverse=True)]


def _read(path: Path) -> dict[str, Any]:
    """The state in a file; ValueError where the file is cut off, damaged or of another format."""
    whole = path.read_bytes()
    digest, content = whole[:64], whole[64:]
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("it is cut off or damaged")
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    if state.get("format") != FORMAT:
        raise ValueError(f"its format is {state.get('format')}, this version of bench reads {FORMAT}")
    return state
