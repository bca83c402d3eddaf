"""Going on from another run that was cut off."""

from __future__ import annotations

from pathlib import Path

from bench.config.schema import CheckpointConfig
from bench.config.tree import Tree, flatten
from bench.errors import ConfigError
from bench.results.identity import UNDECISIVE
from bench.results.store import Store
from bench.train.checkpoint import Checkpoints

MAY_DIFFER = (*UNDECISIVE, "budget", "evaluations", "patience", "hardware")
"""Options, by their first part, in which a run may differ from the one that it goes on from."""


def find_source(resume: str, tree: Tree) -> Path:
    """The folder of the run that `resume` names, by its path or its id, after seeing that it can be gone on from.

    Raises StoreError where there is none, ConfigError where it has no checkpoint or another configuration.
    """
    folder = Path(resume) if Path(resume).is_dir() else Store(tree["results_dir"]).resolve(resume)
    state = Checkpoints(folder, CheckpointConfig()).latest()
    if state is None:
        raise ConfigError(
            f"resume={resume}: there is no checkpoint in {folder}; only a run that was cut off has some. "
            "Name another, or set resume=auto (or never)"
        )
    there, here = state["options"], flatten(tree)
    differing = [key for key in sorted({*there, *here}) if there.get(key) != here.get(key)]
    if differing := [key for key in differing if key.partition(".")[0] not in MAY_DIFFER]:
        named = ", ".join(f"{key}={there.get(key)} there and {here.get(key)} here" for key in differing)
        raise ConfigError(f"resume={resume}: that run has other options: {named}; give the same, or set resume=auto")
    return folder
