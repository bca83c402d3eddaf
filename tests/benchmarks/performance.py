"""Times kernels at all shapes, and writes docs/performance.md anew. Takes some ten minutes of a quiet machine.

python tests/benchmarks/performance.py
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch  # noqa: E402
from test_kernels import LOOPED, NARROW, OF_TORCH, SHAPES, TWO, WIDE, forms, load_cell, timed  # noqa: E402
from traces import chosen  # noqa: E402

from bench.hardware.processors import cpu_name  # noqa: E402

PAGE = """# How fast kernels are

Generated kernels (`unroll=kernels`, [how](how-to/kernels.md)) beside torch.nn's layers and the loop of steps: a
training step of one layer, which is forward, backward and Adam, on one thread of {machine}, in float32, with torch
{torch}. Ratios of median processor times, all forms in turn in one process:

    python tests/benchmarks/performance.py

Below 1 the kernels are faster. T time steps, B lanes, F inputs, H units.
They compute what the other forms do: the whole test suite passes with kernels wherever `unroll=auto` chooses
(`python -m pytest --kernels`), but for tests of which form it takes.

## Beside torch.nn

torch.nn's LSTM is oneDNN's; its other layers run a product for each step in the backward pass. At 128 units and more
the products of matrices take most of the time.

{of_torch}

## Every cell that has kernels

T 128, B 32; F 32 with H 32, F 64 with H 128. Cells with a parallel form have the ratio to it, too. The last column is
the ratio to the products of matrices of H 128 alone, as BLAS makes them; kernels make those of a time step themselves.

{looped}
"""


JAX = "\n## Beside JAX"
"""Begins the part of the page that `beside_jax.py` prints, and this program keeps."""


def main() -> None:
    machine = f"{cpu_name()} ({torch.backends.cpu.get_cpu_capability()})"
    page = PAGE.format(machine=machine, torch=torch.__version__, of_torch=beside_torch(), looped=beside_loops())
    path = ROOT / "docs" / "performance.md"
    _, head, kept = path.read_text("utf-8").partition(JAX)
    path.write_text(page + head + kept, encoding="utf-8")


def beside_torch() -> str:
    names = {"vanilla": "vanilla", "gru": "GRU", "lstm": "LSTM"}
    rows = [["T, B, F, H", *(each for name in OF_TORCH for each in (names[name], "/ torch.nn", "/ loop"))]]
    for shape in SHAPES:
        row = [", ".join(map(str, shape))]
        for name in OF_TORCH:
            ms = timed(name, shape, ["vendor", "eager", "kernels"])
            row += [milliseconds(ms), ratio(ms, "vendor"), ratio(ms, "eager")]
        rows.append(row)
    return table(rows)


def beside_loops() -> str:
    rows = [["cell", *(each for H in (32, 128) for each in (f"H {H}: kernels", "/ loop", "/ parallel")), "/ products"]]
    have_kernels = [(name, shape) for name, shape, _ in TWO]
    for name in LOOPED:
        cls, _ = load_cell(chosen("cell")[name])
        row, has_parallel = [name], "parallel" in forms(cls(4, 8))
        for shape in (NARROW, WIDE):
            ms = None
            if (name, shape) in have_kernels:
                ms = timed(name, shape, ["eager", *["parallel"] * has_parallel, "kernels"])
            row += [milliseconds(ms), ratio(ms, "eager"), ratio(ms, "parallel") if has_parallel else ""]
        rows.append([*row, ratio(ms, "products")])
    return table(rows)


def milliseconds(ms: dict[str, float] | None) -> str:
    return "-" if ms is None else f"{ms['kernels']:.3g} ms"


def ratio(ms: dict[str, float] | None, form: str) -> str:
    return "-" if ms is None else f"{ms['kernels'] / ms[form]:.2f}"


def table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
