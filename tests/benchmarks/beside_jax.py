"""Times kernels beside JAX's compiled scan, in turn, and prints a table; jax is in an environment of its own.

python -m venv jaxenv && jaxenv/bin/pip install jax
python tests/benchmarks/beside_jax.py jaxenv/bin/python

A training step is forward, backward and Adam, of the same equations, each on one thread and by the processor time of
its own process; rounds of a few steps alternate.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
from performance import table  # noqa: E402
from test_kernels import SHAPES, training_step  # noqa: E402
from traces import chosen  # noqa: E402

from bench.hardware.processors import cpu_name  # noqa: E402
from bench.job.build import load_cell  # noqa: E402

ROUNDS, STEPS = 8, 4


class Jax:
    """JAX in its own process."""

    def __init__(self, python: str) -> None:
        command = [python, str(Path(__file__).with_name("jax_scan.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def times(self, name: str, shape: tuple[int, ...], count: int) -> list[float]:
        """The seconds of so many steps."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{name} {' '.join(map(str, shape))} {count}\n")
        self._process.stdin.flush()
        took: list[float] = json.loads(self._process.stdout.readline())
        return took


def kernels(name: str, shape: tuple[int, int, int, int]) -> Callable[[], None]:
    """A training step by kernels, warm."""
    T, B, F, H = shape
    cls, options = load_cell(chosen("cell")[name])
    torch.manual_seed(0)
    step: Callable[[], None] = training_step(cls(F, H, **options), "kernels", torch.randn(T, B, F))
    for _ in range(2):
        step()
    return step


def main(python: str) -> None:
    torch.set_num_threads(1)
    jax = Jax(python)
    rows = [["T, B, F, H", *(each for name in ("GRU", "LSTM") for each in (f"{name}: kernels", "/ JAX"))]]
    for shape in SHAPES:
        row = [", ".join(map(str, shape))]
        for name in ("gru", "lstm"):
            step, ours, theirs = kernels(name, shape), list[float](), list[float]()
            for _ in range(ROUNDS):
                theirs += jax.times(name, shape, STEPS)
                for _ in range(STEPS):
                    start = time.process_time()
                    step()
                    ours.append(time.process_time() - start)
            row += [f"{1e3 * median(ours):.3g} ms", f"{median(ours) / median(theirs):.2f}"]
        rows.append(row)
        print(*row, sep="   ", file=sys.stderr, flush=True)
    print(f"{cpu_name()} ({torch.backends.cpu.get_cpu_capability()}), torch {torch.__version__}")
    print(table(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
