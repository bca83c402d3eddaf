"""What an op of torch costs: the floating-point operations of one call, by the op's name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

Cost = tuple[float, float]
"""Operations of products of matrices, and operations element by element."""

FREE = frozenset(
    """
    _conj_copy _local_scalar_dense _reshape_alias _reshape_copy _to_copy _unsafe_index _unsafe_index_put _unsafe_view
    alias_copy arange as_strided_scatter bernoulli bucketize cat clone complex constant_pad_nd contiguous copy
    diag_embed diagonal_backward embedding empty empty_like empty_permuted empty_strided equal exponential eye fill flip
    full full_like gather index index_copy index_fill index_select is_nonzero item lift lift_fresh linspace masked_fill
    masked_scatter masked_select narrow_copy new_empty new_empty_strided new_full new_ones new_zeros nonzero normal
    ones ones_like permute_copy rand rand_like randint randint_like randn randn_like random randperm repeat
    repeat_interleave resize roll scalar_tensor scatter select_backward select_scatter set_ slice_backward slice_scatter
    sort sym_size split_with_sizes_copy squeeze_copy stack t_copy take topk tril tril_indices triu triu_indices
    unbind_copy uniform unsqueeze_copy view_copy where zero zeros zeros_like
    """.split()
)
"""Ops that move, choose, draw or make numbers and compute none."""

PER_ELEMENT = {
    **{"addcmul": 2, "addcdiv": 2, "lerp": 3, "polar": 4, "rsqrt": 2, "logaddexp": 5, "logit": 3, "hypot": 4},
    **{"silu": 2, "gelu": 5, "softplus": 2, "elu": 2, "selu": 3, "celu": 3, "mish": 4, "leaky_relu": 2},
    **{"hardsigmoid": 3, "hardswish": 4, "log_sigmoid_forward": 4, "rsub": 1, "cumsum": 1, "cumprod": 1},
    **{"tanh_backward": 3, "sigmoid_backward": 3, "silu_backward": 6, "gelu_backward": 12, "softplus_backward": 4},
    **{"log_sigmoid_backward": 4, "elu_backward": 3, "native_dropout": 2, "native_dropout_backward": 2},
    **{"leaky_relu_backward": 2, "mish_backward": 8, "logit_backward": 3, "hardtanh_backward": 1},
    **{"hardswish_backward": 3, "hardsigmoid_backward": 1, "cummax": 1, "logcumsumexp": 5},
}
"""Operations for each element of the result, where they are not the one of any other element-wise op."""

COMPLEX = {
    **{"add": 2, "sub": 2, "rsub": 2, "neg": 2, "mul": 6, "div": 11, "addcmul": 8, "addcdiv": 13, "lerp": 10},
    **{"exp": 5, "expm1": 6, "log": 4, "abs": 4, "angle": 1, "polar": 4, "sgn": 6, "reciprocal": 5, "square": 6},
    **{"conj_physical": 1, "cumsum": 2, "cumprod": 6},
}
"""Real operations for each element of an op on complex numbers; 6 where the op does not stand here."""

OVER_INPUT = {
    **dict.fromkeys(("sum", "mean", "prod", "amax", "amin", "max", "min", "aminmax", "nansum"), 1),
    **{"var": 4, "std": 4, "var_mean": 4, "std_mean": 4, "logsumexp": 4, "linalg_vector_norm": 2, "norm": 2},
    **{
        "_softmax": 5,
        "_safe_softmax": 5,
        "_log_softmax": 5,
        "_softmax_backward_data": 4,
        "_log_softmax_backward_data": 4,
    },
    **{"native_layer_norm": 7, "native_layer_norm_backward": 14, "native_group_norm": 7},
    **{"native_group_norm_backward": 14, "native_batch_norm": 7, "native_batch_norm_backward": 14},
    **{"_native_batch_norm_legit": 7, "_native_batch_norm_legit_no_training": 4, "_fused_rms_norm": 5},
    **{"_batch_norm_with_update": 7, "_batch_norm_no_update": 4, "batch_norm_backward": 14},
    **{"_fused_rms_norm_backward": 10, "glu": 1, "glu_backward": 3, "embedding_dense_backward": 1, "mse_loss": 3},
    **{"_weight_norm_interface": 3, "_weight_norm_interface_backward": 6},
}
"""Operations for each element of the first argument: sums over elements, and norms, softmax and the like."""

ADDED = {"index_put": 2, "_index_put_impl": 2, "index_add": 3, "scatter_add": 3, "scatter_reduce": 3}
"""The place of the argument whose every element is added to another number, in ops that scatter."""


def _by_registry(args: Sequence[Any], out: Any, func: Any) -> Cost:
    """As torch's own counter has it."""
    return flop_registry[func.overloadpacket](*args, out_val=out), 0


def _with_bias(args: Sequence[Any], out: Tensor, func: Any) -> Cost:
    return _by_registry(args, out, func)[0], out.numel()


def _convolution(args: Sequence[Any], out: Tensor, func: Any) -> Cost:
    return _by_registry(args, out, func)[0], 0 if args[2] is None else out.numel()


def _convolution_backward(args: Sequence[Any], out: Any, func: Any) -> Cost:
    return _by_registry(args, out, func)[0], args[0].numel() if args[3] else 0


def _vectors(args: Sequence[Any], out: Tensor, func: Any) -> Cost:
    """A matrix or a vector by a vector, which is the last argument; addmv adds another."""
    return 2 * args[-2].numel(), out.numel() if len(args) == 3 else 0


def _attention(args: Sequence[Any], out: Any, func: Any) -> Cost:
    """softmax(q k / sqrt(d) + mask) v; each score is scaled, masked and takes the 5 operations of a softmax."""
    q, k, v = (each.shape for each in args[:3])
    return sdpa_flop_count(q, k, v), 7 * prod(q[:-1]) * k[-2]


def _attention_backward(args: Sequence[Any], out: Any, func: Any) -> Cost:
    """The scores are computed anew; then as many operations for their gradients."""
    grad, q, k, v = (each.shape for each in args[:4])
    return sdpa_backward_flop_count(grad, q, k, v), 10 * prod(q[:-1]) * k[-2]


def _of_squares(share: float, share_of_columns: float = 0) -> Callable[[Sequence[Any], Any, Any], Cost]:
    """Algorithms on n x n matrices: `share` n^3 operations, and `share_of_columns` n^2 for each column solved for."""

    def cost(args: Sequence[Any], out: Any, func: Any) -> Cost:
        matrix = args[0]
        columns = args[1].numel() / matrix.shape[-1] if share_of_columns else 0
        cubes = matrix.numel() * matrix.shape[-1]
        return share * cubes + share_of_columns * matrix.shape[-1] ** 2 * columns, 0

    return cost


def _fourier(args: Sequence[Any], out: Any, func: Any) -> Cost:
    """5 n log2 n for a transform of n complex numbers, and half of it where one side is real."""
    larger = max((args[0], out), key=Tensor.numel)
    n = prod(larger.shape[dim] for dim in args[1])
    whole = args[0].is_complex() and out.is_complex()
    return 0, (5 if whole else 2.5) * larger.numel() * math.log2(max(n, 2))


PRODUCTS: dict[str, Callable[[Sequence[Any], Any, Any], Cost]] = {
    **dict.fromkeys(("mm", "bmm"), _by_registry),
    **dict.fromkeys(("addmm", "baddbmm"), _with_bias),
    **dict.fromkeys(("convolution", "_convolution"), _convolution),
    "convolution_backward": _convolution_backward,
    **dict.fromkeys(("mv", "addmv", "dot", "vdot"), _vectors),
    **{f"_scaled_dot_product_{kind}": _attention for kind in ("flash_attention_for_cpu", "flash_attention")},
    **{f"_scaled_dot_product_{kind}_attention": _attention for kind in ("efficient", "cudnn")},
    "_scaled_dot_product_fused_attention_overrideable": _attention,
    **{f"_scaled_dot_product_{kind}_backward": _attention_backward for kind in ("flash_attention_for_cpu",)},
    "linalg_matrix_exp": _of_squares(10),  # five products, by torch's polynomial of degree 18
    "linalg_solve_triangular": _of_squares(0, 1),
    "_linalg_solve_ex": _of_squares(2 / 3, 2),
    "linalg_inv_ex": _of_squares(2),
    "linalg_lu_factor_ex": _of_squares(2 / 3),
    "linalg_cholesky_ex": _of_squares(1 / 3),
    **dict.fromkeys(("_fft_r2c", "_fft_c2c", "_fft_c2r"), _fourier),
}


def name_of(func: Any) -> str:
    """The name of an op without its namespace, and without the mark of one that changes its argument."""
    return str(func._schema.name).partition("::")[2].removesuffix("_")


def cost_of(func: Any, args: Sequence[Any], out: Any) -> Cost | None:
    """The operations of a call of the op `func`; None where its cost is not known.

    An op on complex numbers costs what it does in real ones.
    """
    name = name_of(func)
    results = [each for each in (out if isinstance(out, tuple | list) else [out]) if isinstance(each, Tensor)]
    if func.namespace not in ("aten", "prims"):
        return None
    numbers = [each for each in results if each.is_floating_point() or each.is_complex()]
    if func.is_view or name in FREE or not numbers:
        return 0, 0
    result = numbers[0]
    if name in PRODUCTS:
        products, others = PRODUCTS[name](args, out, func)
        return (4 * products, 2 * others) if result.is_complex() else (products, others)
    if name in OVER_INPUT:
        return 0, OVER_INPUT[name] * args[0].numel() * (2 if args[0].is_complex() else 1)
    if name in ADDED:
        return 0, args[ADDED[name]].numel()
    if torch.Tag.pointwise in func.tags or name in PER_ELEMENT:
        return 0, _per_element(name, args) * result.numel()
    return None


def _per_element(name: str, args: Sequence[Any]) -> int:
    """The operations for an element of the result; a complex number times or by a real one takes 2."""
    numbers = [each for each in args if isinstance(each, Tensor | int | float | complex)]
    is_complex = [each.is_complex() if isinstance(each, Tensor) else isinstance(each, complex) for each in numbers]
    if not any(is_complex):
        return PER_ELEMENT.get(name, 1)
    if (name == "mul" and not all(is_complex)) or (name == "div" and not is_complex[1]):
        return 2
    return COMPLEX.get(name, 6)
