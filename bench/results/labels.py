"""The names of a run: the key columns of its leaderboard row, and the stem of its id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.config.options import Options
from bench.config.roles import is_named, role_of
from bench.config.tree import written
from bench.results.record import Labels

UNTRAINED = " untrained"
"""What follows a share in the name of a regime that leaves losses untrained."""


def as_percent(share: float) -> str:
    """A share above 0 in whole percents, at least one."""
    return f"{max(share, 0.01):.0%}"


def cell_name(choice: str, cell: Mapping[str, Any]) -> str:
    """The cell's name in tables: the choice in its group, or for `cell=custom` the name of the class."""
    if choice != "custom":
        return choice
    return f"custom:{re.split(r'[:.]', str(cell.get('target', '?')))[-1]}"


def make_labels(task_id: str, options: Options, hardware: str, untrained: float = 0.0) -> Labels:
    """The five key columns. A name is followed by the options that differ from the defaults of its choice.

    `gru` and `gru(model.hidden=64)` are thus two rows, and no row averages over different models. Nor does one average
    over the task's own split and others that were drawn, which are one row. The share of losses
    that are `untrained` is named beside the regime, where it is above 0.
    """
    config, choices = options.config, options.choices
    extras: dict[str, list[str]] = {"task": [], "cell": [], "bptt": []}
    for key, value in options.changed.items():
        if is_named(key) and (column := role_of(key).column) in extras:
            extras[column].append(f"{key.removeprefix(column + '.')}={_written(key, value)}")
    if config.seeds.split is not None:
        extras["task"].append("split=drawn")
    regime = config.bptt.kind
    if config.bptt.window is not None:
        extras["bptt"].insert(0, str(config.bptt.window))
    if untrained:
        extras["bptt"].append(f"{as_percent(untrained)}{UNTRAINED}")
    return {
        "task": _with(task_id, extras["task"]),
        "cell": _with(cell_name(choices["cell"], config.cell), extras["cell"]),
        "bptt": _with(regime, extras["bptt"]),
        "budget": str(config.budget),
        "hardware": hardware,
    }


def run_stem(task_id: str, cell: str, seed: object, identity: str) -> str:
    """A run's id without its attempt number, safe as a folder's name: `copy-v1_gru_s0_1a2b3c4d5e6f7a8b`."""
    return re.sub(r"[^\w.+-]", "-", f"{task_id}_{cell}_s{seed}_{identity[:16]}")


def _with(name: str, extras: list[str]) -> str:
    return f"{name}({', '.join(extras)})" if extras else name


def _written(key: str, value: object) -> str:
    """A value as written on the command line; of a path only the last part."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(key, part) for part in value)}]"
    if key in ("task.source", "task.windows", "resume"):
        return str(value).rstrip("/").rpartition("/")[2] or str(value)
    return written(value)
