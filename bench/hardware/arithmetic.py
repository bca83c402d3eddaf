"""The arithmetic of torch's products: what float32 is computed in, and how products of 16 bits are summed.

By torch's defaults cuDNN computes float32 in TF32, with 10 bits of mantissa, and cuBLAS does not; a user's settings may
change either. A run sets all of it, so that all cells are computed alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch

REDUCTIONS = (
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)


def places() -> dict[str, Any]:
    """The parts of torch with an `fp32_precision` of their own, by name; a part without one has that of its parent,
    which comes first.
    """
    backends: Any = torch.backends  # some of whose attributes type checkers do not see
    return {
        "all": backends,
        "cudnn": backends.cudnn,
        "cuda.matmul": backends.cuda.matmul,
        "cudnn.conv": backends.cudnn.conv,
        "cudnn.rnn": backends.cudnn.rnn,
        "mkldnn.matmul": backends.mkldnn.matmul,
        "mkldnn.conv": backends.mkldnn.conv,
        "mkldnn.rnn": backends.mkldnn.rnn,
    }


def set_arithmetic(precision: str) -> None:
    """Let products of float32 be computed in TF32 on NVIDIA GPUs for `precision="tf32"`, and in float32 for any other;
    on a CPU always in float32. Sums of products of 16 bits are in float32.

    torch has a newer and an older setting of the same, and refuses to read the older one where the two differ: both are
    set.
    """
    tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    for name, place in places().items():
        place.fp32_precision = "tf32" if tf32 and name.startswith("cu") else "ieee"
    for name in REDUCTIONS:
        setattr(torch.backends.cuda.matmul, name, False)


def arithmetic() -> dict[str, str | bool]:
    """The settings in force, by their names under `torch.backends`; for the record of a run."""
    matmul = torch.backends.cuda.matmul
    precisions = {f"{name}.fp32_precision": place.fp32_precision for name, place in places().items() if "." in name}
    return {**precisions, **{f"cuda.matmul.{name}": getattr(matmul, name) for name in REDUCTIONS}}


@contextmanager
def arithmetic_kept() -> Iterator[None]:
    """In the block products are computed in float32, unless `set_arithmetic` says otherwise; after it, as before."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    reductions = {name: _reduction(name) for name in REDUCTIONS}
    precisions = {}
    for name, place in places().items():  # a part's own setting shows once its parent has none
        precisions[name] = place.fp32_precision
        place.fp32_precision = "none"
    older = torch.get_float32_matmul_precision(), True
    with suppress(RuntimeError):  # raised where it differs from the newer one, which is none now
        older = older[0], cudnn.allow_tf32
    set_arithmetic("float32")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(older[0])
        cudnn.allow_tf32 = older[1]
        for name, place in places().items():
            place.fp32_precision = precisions[name]
        for name, value in reductions.items():
            setattr(matmul, name, value)


def _reduction(name: str) -> bool | tuple[bool, bool]:
    """A setting of reductions as it is set again; those of 16 bits have a second part, whether a sum may be split."""
    matmul = torch.backends.cuda.matmul
    if not name.endswith("reduction"):
        return bool(getattr(matmul, name))
    return getattr(matmul, name), getattr(matmul, f"{name}_split_k")
