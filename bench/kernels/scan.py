"""The linear recurrence h_t = a_t * h_{t-1} + b_t over all time steps at once.

Blelloch, "Prefix sums and their applications", CMU-CS-90-190 (1990); for recurrent cells Martin & Cundy, "Parallelizing
linear recurrent neural nets over sequence length", ICLR 2018. States are multiplied by coefficients and never divided,
so that the scan overflows only where the plain loop would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

_CHUNK = 16  # time steps in a chunk; 8 and 32 are slower
# On a CPU, chunks pay off from _LONG time steps on, if a step's tensor has at most _NARROW bytes: a call then has more
# overhead than arithmetic.
_LONG = 128
_NARROW = 6 * 1024


def linear_scan(a_TB: Tensor, b_TB: Tensor, h0_B: Tensor | None = None) -> Tensor:
    """All states `[T, B, ...]` of h_t = a_t * h_{t-1} + b_t, element by element, for T >= 1.

    `b_TB [T, B, ...]` is real or complex. The shape of `a_TB` is that of `b_TB` or broadcasts to it. `h0_B [B, ...]` is
    the state before the first step; None means zeros. On a CPU, wide steps run in order, in place and as one node of
    the graph, which is faster there than chunks. Narrow steps, and all steps on other devices, run in chunks of depth
    O(log T). The backward pass keeps `a_TB`, `h0_B` and the result. The function can be differentiated any number of
    times, also under torch.func's vmap, grad and jacrev, but not under `vectorize=True` of torch.autograd.functional.
    """
    dtype = torch.promote_types(a_TB.dtype, b_TB.dtype)
    if h0_B is not None:
        dtype = torch.promote_types(dtype, h0_B.dtype)
    b_TB = b_TB.to(dtype)
    h0_B = b_TB.new_zeros(b_TB.shape[1:]) if h0_B is None else h0_B.to(dtype).expand(b_TB.shape[1:])
    return _Scan.apply(a_TB.to(dtype).expand(b_TB.shape), b_TB, h0_B)


class _Scan(Function):
    """h_t = a_t * h_{t-1} + b_t. Its backward pass is the same recurrence in reversed time."""

    @staticmethod
    def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        return _in_chunks(a, b, h0) if _chunks_pay(b) else _in_order(a, b, h0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, _, h0 = inputs
        ctx.save_for_backward(a, h0, output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h0, h = ctx.saved_tensors
        grad_a, grad_b = _Gradients.apply(a, h0, h, grad)
        return grad_a, grad_b, grad_b[0] * a[0].conj()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], a: Tensor, b: Tensor, h0: Tensor) -> tuple[Tensor, int]:
        return _Scan.apply(*_with_lanes(info.batch_size, in_dims, (1, 1, 0), (a, b, h0))), 1


class _Gradients(Function):
    """The gradients of a and b, from the gradient g of all states and from the last step to the first:

        p_t = g_t + conj(a_{t+1}) * p_{t+1}        dL/db_t = p_t        dL/da_t = p_t * conj(h_{t-1})

    It is a separate node of the graph, so that it can be differentiated in turn.
    """

    @staticmethod
    def forward(a: Tensor, h0: Tensor, h: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        if not _chunks_pay(g):
            return _in_reverse(a.conj(), h0.conj(), h.conj(), g)
        p = _in_chunks(a.conj().roll(-1, 0).flip(0), g.flip(0), torch.zeros_like(g[0])).flip(0)
        return p * _delayed(h, h0).conj(), p

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
        a, h0, h, _ = inputs
        ctx.save_for_backward(a, h0, h, output[1])

    @staticmethod
    def backward(ctx: Any, grad_a: Tensor, grad_b: Tensor) -> tuple[Tensor, ...]:
        a, h0, h, p = ctx.saved_tensors
        zero = torch.zeros_like(h0)
        grad_g = _Scan.apply(a, grad_b + grad_a * _delayed(h, h0), zero)
        grad_before = p * grad_a.conj()
        grad_h = torch.cat([grad_before[1:], zero.unsqueeze(0)])
        return p * _delayed(grad_g, zero).conj(), grad_before[0], grad_h, grad_g

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Any, tuple[int, int]]:
        return _Gradients.apply(*_with_lanes(info.batch_size, in_dims, (1, 0, 1, 1), tensors)), (1, 1)


def _chunks_pay(b: Tensor) -> bool:
    """Whether the overhead of calls, and not the arithmetic, would take most of the time of a loop in order."""
    if b.device.type == "cpu":
        return len(b) >= _LONG and b[0].numel() * b.element_size() <= _NARROW
    return len(b) > 2 * _CHUNK


def _in_order(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    out = torch.empty_like(b)
    for a_t, b_t, out_t in zip(a.unbind(), b.unbind(), out.unbind(), strict=True):
        h = torch.addcmul(b_t, a_t, h, out=out_t)
    return out


def _in_reverse(a: Tensor, h0: Tensor, h: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """p_t * h_{t-1} and p_t in one loop over steps, so that a step finds the previous one's tensors in the cache."""
    grad_a, grad_b = torch.empty_like(g), torch.empty_like(g)
    products, sums = grad_a.unbind(), grad_b.unbind()
    p = sums[-1].copy_(g[-1])
    earlier = zip(a.unbind()[:0:-1], h.unbind()[-2::-1], g.unbind()[-2::-1], products[:0:-1], sums[-2::-1], strict=True)
    for a_after, h_t, g_t, product_after, sum_t in earlier:
        torch.mul(p, h_t, out=product_after)
        p = torch.addcmul(g_t, a_after, p, out=sum_t)
    torch.mul(p, h0, out=products[0])
    return grad_a, grad_b


def _in_chunks(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """All chunks in parallel, each from a zero state; then, by the same scan over chunks, their true initial states."""
    if len(b) <= 2 * _CHUNK:
        return _in_order(a, b, h0)
    chunks = len(b) // _CHUNK
    whole = chunks * _CHUNK
    a_KC, b_KC = (x[:whole].unflatten(0, (chunks, _CHUNK)) for x in (a, b))
    decay_KC, h_KC = torch.empty_like(b_KC), torch.empty_like(b_KC)
    decay_KC[:, 0], h_KC[:, 0] = a_KC[:, 0], b_KC[:, 0]
    for i in range(1, _CHUNK):
        torch.mul(a_KC[:, i], decay_KC[:, i - 1], out=decay_KC[:, i])
        torch.addcmul(b_KC[:, i], a_KC[:, i], h_KC[:, i - 1], out=h_KC[:, i])
    ends = _in_chunks(decay_KC[:, -1], h_KC[:, -1], h0)
    h = h_KC.addcmul_(decay_KC, _delayed(ends, h0).unsqueeze(1)).flatten(0, 1)
    return h if whole == len(b) else torch.cat([h, _in_order(a[whole:], b[whole:], h[-1])])


def _delayed(h: Tensor, first: Tensor) -> Tensor:
    """`h` shifted by one time step, with `first` at step 0."""
    return torch.cat([first.unsqueeze(0), h[:-1]])


def _with_lanes(
    size: int, in_dims: tuple[int | None, ...], places: tuple[int, ...], tensors: tuple[Tensor, ...]
) -> Iterator[Tensor]:
    """The tensors with vmap's dimension moved to `places`, after any time dimension; expanded if they have none."""
    for place, dim, tensor in zip(places, in_dims, tensors, strict=True):
        if dim is not None:
            yield tensor.movedim(dim, place)
        else:
            yield tensor.unsqueeze(place).expand(*tensor.shape[:place], size, *tensor.shape[place:])
