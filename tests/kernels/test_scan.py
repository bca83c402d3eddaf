"""The scan equals the loop over h_t = a_t * h_{t-1} + b_t: values, gradients of any order, and under torch.func."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import few, seeded
from torch.func import grad, vmap

from bench.kernels import scan
from bench.kernels.scan import linear_scan

LONG = (127, 128, 131, 257, 528, 600)  # about the length from which the scan goes by chunks, primes, chunks of chunks
lengths = st.integers(1, 40) | st.sampled_from(LONG)
dtypes = st.sampled_from([torch.float64, torch.complex128])


def loop(a_TB, b_TB, h_B):
    states = []
    for a_B, b_B in zip(a_TB.expand(b_TB.shape), b_TB, strict=True):
        h_B = a_B * h_B + b_B
        states.append(h_B)
    return torch.stack(states)


def operands(T, shape, dtype=torch.float64, seed=0):
    """Coefficients of modulus 1 or less, so that states do not explode; additions; the first state."""
    shapes = [(T, *shape), (T, *shape), shape]
    a, b, h0 = (torch.randn(s, dtype=dtype, generator=seeded(seed + i)) for i, s in enumerate(shapes))
    return [tensor.requires_grad_() for tensor in (a / a.abs().clamp_min(1), b, h0)]


def check_scan(function, given):
    """Values and gradients of a weighted sum agree with the loop's to float64 rounding."""
    found, wanted = function(*given), loop(*given)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10, msg=lambda m: f"values differ: {m}")
    weight = torch.randn(wanted.shape, dtype=wanted.dtype, generator=seeded(9))
    gradients = [torch.autograd.grad((states * weight).real.sum(), given) for states in (found, wanted)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9, msg=lambda m: f"gradients differ: {m}")


@few
@given(lengths, st.sampled_from([(1,), (3,), (2, 5), (2, 1, 3)]), dtypes, st.integers(0, 99))
def test_the_scan_is_the_loop(T, shape, dtype, seed):
    check_scan(linear_scan, operands(T, shape, dtype, seed))


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("width", [scan._NARROW // 16 - 1, scan._NARROW // 8 + 1])
def test_narrow_steps_in_chunks_and_wide_ones_in_order_are_the_loop(width, dtype):
    check_scan(linear_scan, operands(scan._LONG + 3, (width,), dtype))


@pytest.mark.parametrize("T", [1, 2, 32, 33, 48, 600])
def test_chunks_of_any_length_are_the_loop(T):
    a, b, h0 = (tensor.detach() for tensor in operands(T, (3,)))
    torch.testing.assert_close(scan._in_chunks(a, b, h0), loop(a, b, h0), rtol=1e-10, atol=1e-10)


@few
@given(st.sampled_from([(), (5,), (3, 1), (7, 1, 5), (7, 3, 1), (1, 3, 5)]), dtypes)
def test_coefficients_broadcast_to_the_additions(shape, dtype):
    a = torch.rand(shape, dtype=torch.float64, generator=seeded()).requires_grad_()
    _, b, h0 = operands(7, (3, 5), dtype)
    check_scan(linear_scan, [a, b, h0])


def test_without_a_first_state_it_starts_from_zeros():
    a, b, h0 = operands(5, (2,))
    assert torch.equal(linear_scan(a, b), linear_scan(a, b, torch.zeros_like(h0)))


def test_types_are_promoted_so_that_a_state_keeps_its_precision():
    a, b, h0 = (tensor.detach() for tensor in operands(5, (2,)))
    assert linear_scan(a.bfloat16(), b.bfloat16(), h0.float()).dtype == torch.float32
    assert linear_scan(a.float(), b.to(torch.complex64)).dtype == torch.complex64


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("T", [1, 2, 6])
def test_gradients_of_first_and_second_order_agree_with_finite_differences(T, dtype):
    given = operands(T, (2,), dtype)
    assert torch.autograd.gradcheck(linear_scan, given)
    assert torch.autograd.gradgradcheck(linear_scan, given)


@pytest.mark.parametrize("T", [5, 131])
@pytest.mark.parametrize("in_dims", [(0, 0, 0), (1, None, None), (None, 2, 0), (None, None, 1)])
def test_many_scans_at_once_have_each_its_own_gradient(T, in_dims):
    def total(a, b, h0):
        return (linear_scan(a, b, h0) ** 3).sum()

    shapes = [(T, 2, 3), (T, 2, 3), (2, 3)]
    shapes = [s if d is None else (*s[:d], 4, *s[d:]) for s, d in zip(shapes, in_dims, strict=True)]
    many = [torch.rand(s, dtype=torch.float64, generator=seeded(i)) for i, s in enumerate(shapes)]
    together = vmap(grad(total, argnums=(0, 1, 2)), in_dims)(*many)
    for i in range(4):
        alone = [m if d is None else m.select(d, i) for m, d in zip(many, in_dims, strict=True)]
        torch.testing.assert_close([part[i] for part in together], list(grad(total, argnums=(0, 1, 2))(*alone)))


@pytest.mark.parametrize("T", [64, 4096])
def test_coefficients_that_vanish_over_a_chunk_do_no_harm(T):
    """Dividing by products of coefficients, as scans in log space or by cumulative products do, gives NaN here."""
    a = torch.full((T, 2), 1e-30, requires_grad=True)
    h = linear_scan(a, torch.ones(T, 2))
    assert torch.equal(h, torch.ones(T, 2))
    assert torch.autograd.grad(h.sum(), a)[0].isfinite().all()


def late(a_TB, b_TB, h_B):
    """The mutant: each step takes the coefficient of the step before."""
    return linear_scan(a_TB.roll(1, 0), b_TB, h_B)


def cut(a_TB, b_TB, h_B):
    """The mutant: right values, but the first state gets no gradient."""
    return linear_scan(a_TB, b_TB, h_B.detach()) + 0 * h_B


@pytest.mark.parametrize(("mutant", "message"), [(late, "values differ"), (cut, "gradients differ")])
def test_another_scan_is_noticed(mutant, message):
    with pytest.raises(AssertionError, match=message):
        check_scan(mutant, operands(5, (2,)))
