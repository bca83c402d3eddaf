"""The code here in another folder, where it may be made slower."""

import shutil
from pathlib import Path

from cli_tools import ROOT

SLOWED = """

_train = training


def training(setup, batches):
    import time

    steps = _train(setup, batches)
    while True:
        began = time.process_time()
        tokens = next(steps)
        end = began + {factor} * (time.process_time() - began)
        while time.process_time() < end:
            pass
        yield tokens
"""


def a_checkout(folder: Path, factor: float | None = None) -> Path:
    """The packages, in which a training step takes `factor` times its processor time."""
    drafts = shutil.ignore_patterns("*.pyc.*")  # what Python has compiled saves seconds, but for what it still writes
    for part in ("bench", "tasks", "conf"):
        shutil.copytree(ROOT / part, folder / part, ignore=drafts, symlinks=True)
    if factor is not None:
        with (folder / "bench/measure/training.py").open("a") as file:
            file.write(SLOWED.format(factor=factor))
    return folder
