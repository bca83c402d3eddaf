"""Synthetic results folders of any size: every cell on every task, at several budgets, with several seeds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from factories import a_record

CELLS = ("gru", "lstm", "vanilla", "mingru", "lru", "mamba", "tcn", "transformer", "irnn", "janet")


def fill(results: Path, tasks: int = 4, cells: int = 5, budgets: int = 1, seeds: int = 5) -> int:
    """Write the records of all combinations, as runs have them, with the samples of their speeds; how many."""
    written = 0
    for written, (name, record) in enumerate(_records(tasks, cells, budgets, seeds), 1):  # noqa: B007
        folder = results / "runs" / name
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(record, indent=2) + "\n")
    return written


def _records(tasks: int, cells: int, budgets: int, seeds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    random.seed(0)
    tree = json.loads(a_record().to_json())
    samples = [1e5 + number for number in range(50)]
    for figure in tree["speed"].values():
        figure["samples"] = samples
    tree["sources"] = {
        "cell": {f"bench/cells/part_{number}.py": "f" * 64 for number in range(60)}
    }  # 12 kB, as runs have
    for task, cell, budget in product(range(tasks), range(cells), range(budgets)):
        score = 0.3 + 0.6 * (1 - 1 / (1 + (cell * 7 + task * 3) % 10)) * (1 - 0.5 / (1 + budget))
        label = CELLS[cell % len(CELLS)] + (f"(model.layers={cell // len(CELLS) + 1})" if cell >= len(CELLS) else "")
        tree["task"] = f"task{task}-v1"
        tree["cell"] = label.partition("(")[0]
        tree["labels"] |= {"task": tree["task"], "cell": label, "budget": f"{1000 * (budget + 1)} steps"}
        tree["params"] = 1000 * (cell + 1)
        tree["memory"]["peak_mib"] = 1.0 + cell
        tree["config"]["model"] = {"hidden": 128, "layers": cell // len(CELLS) + 1}
        for seed in range(seeds):
            name = f"task{task}_{cell}_{budget}_s{seed}"
            test = min(1.0, max(0.0, random.gauss(score, 0.02)))
            tree["metric"] |= {"valid": test, "test": test}
            tree["config"]["seed"] = seed
            yield name, {**tree, "id": name, "seed": seed, "identity": name}
