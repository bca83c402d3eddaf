"""Plugins of a user's own in files, with a helper module and data, for tests of what a run depends on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILES = {
    "own_cell.py": """
import torch
from own_helper import scale
from own_base import Base

class Mine(Base):
    def step(self, x_BF, h_BH):
        h_BH = torch.tanh(scale(self.linear(torch.cat([x_BF, h_BH], 1))))
        return h_BH, h_BH
""",
    "own_base.py": """
from torch import nn
from bench.api import Cell

class Base(Cell):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size + hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)
""",
    "own_helper.py": "def scale(x):\n    return 0.5 * x\n",
    "own_optimizer.py": "import torch\nimport own_helper\nclass Mine(torch.optim.SGD): pass\n",
    "own_schedule.py": "import own_helper\nfrom bench.train import schedule\nclass Mine(schedule.Constant): pass\n",
    "own_task.py": """
import csv
from pathlib import Path
import torch
import own_helper
from bench.tasks.hello import Hello

class Mine(Hello):
    def __init__(self) -> None:
        super().__init__()
        self.rows = list(csv.reader(Path(__file__).with_name("own_data.csv").open()))

    def batches(self, split, batch_size, generator):
        Path(__file__).with_name("own_late.csv").read_text()
        yield from super().batches(split, batch_size, generator)
""",
    "own_data.csv": "1,2\n",
    "own_late.csv": "3,4\n",
}
OPTIONS = {
    "cell": ("cell=custom", "cell.target=own_cell.py:Mine"),
    "task": ("task=custom", "task.target=own_task.py:Mine"),
    "optimizer": ("optimizer=custom", "optimizer.target=own_optimizer.py:Mine", "optimizer.lr=0.1"),
    "schedule": ("schedule=custom", "schedule.target=own_schedule.py:Mine"),
}
PARTS = [
    *(("cell", name) for name in ("own_cell.py", "own_base.py", "own_helper.py")),
    *(("task", name) for name in ("own_task.py", "own_helper.py", "own_data.csv", "own_late.csv")),
    *((role, name) for role in ("optimizer", "schedule") for name in (f"own_{role}.py", "own_helper.py")),
]
"""Each role with a file that its plugin depends on."""


def write_files(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text)


def edit(path: Path) -> None:
    """Another content, by which nothing else changes."""
    path.write_text(path.read_text() + ("5,6\n" if path.suffix == ".csv" else "# edited\n"))


@contextmanager
def new_process() -> Iterator[None]:
    """As in a process that is started now: no module of the user's own is imported, and none stays."""
    forget()
    try:
        yield
    finally:
        forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith(("own_", "bench_user_"))]:
        del sys.modules[name]
    importlib.invalidate_caches()
