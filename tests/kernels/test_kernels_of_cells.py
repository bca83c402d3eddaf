"""Kernels of every cell that has them compute what its steps do: outputs, states and all gradients, at odd sizes."""

import gc
import weakref
from copy import deepcopy

import pytest
import torch
from kernel_tools import NEAR, WITHOUT, F, assert_close, by_the_oracle, everything, inputs_of
from torch.func import functional_call
from traces import chosen

from bench.api import Cell, GatedCell, leaves, map_state
from bench.job.build import load_cell
from bench.kernels.native import Code
from bench.kernels.passes import passes
from bench.model.noise import NoisyCell
from bench.unroll.eager import unroll_eager
from bench.unroll.generated import CannotGenerate, KernelUnroll, step_of, tensors_of

WITH = sorted(chosen("cell").keys() - WITHOUT.keys() - {"custom"})
H = 9  # no multiple of a vector


def a_cell(name, dtype=torch.float32):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")[name])
    return cls(F, H - (name in ("slstm", "mamba")), **options).to(dtype)


@pytest.mark.parametrize("name", WITH)
def test_kernels_compute_what_the_steps_do(name):
    cell = a_cell(name)
    kernels, wide = KernelUnroll(cell), deepcopy(cell).double()
    for T, B in ((7, 3), (12, 1), (1, 2)):
        x_TBF, state = inputs_of(cell, T, B)
        found = everything(cell, kernels, x_TBF, state)
        x_wide, state_wide = map_state(lambda s: s.detach().double().requires_grad_(), (x_TBF, state))
        right = everything(wide, lambda x, s: unroll_eager(wide, x, s), x_wide, state_wide)
        assert_close([each.double() for each in found], right, NEAR[torch.float32])
        with torch.no_grad():
            y_TBH, last = kernels(x_TBF, state)
        assert_close([y_TBH, *leaves(last)], found[: 1 + len(leaves(last))], 0)


@pytest.mark.parametrize("name", WITH)
def test_what_is_derived_from_a_step_is_its_gradient(name):
    """In float64, and without a compiler."""
    cell = a_cell(name, torch.float64)
    x_TBF, state = inputs_of(cell)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    assert_close(by_the_oracle(cell, x_TBF, state), right, NEAR[torch.float64])


@pytest.mark.parametrize("name", WITHOUT)
def test_a_cell_without_kernels_names_the_operation(name):
    with pytest.raises(CannotGenerate, match=f"{type(a_cell(name)).__name__} has no kernels: {WITHOUT[name]} "):
        KernelUnroll(a_cell(name))


@pytest.mark.parametrize("noise", [(0.3, 0.0), (0.0, 0.3), (0.2, 0.2)], ids=str)
def test_zoneout_and_recurrent_dropout_draw_what_the_loop_draws(noise):
    cell = NoisyCell(a_cell("lstm"), *noise)
    kernels = KernelUnroll(cell)
    for training in (True, False):
        cell.train(training)
        x_TBF, state = inputs_of(cell)
        state = map_state(lambda s: s.detach(), state)

        def lived(unroll, x_TBF=x_TBF, state=state):
            torch.manual_seed(5)
            y_TBH, last = unroll(x_TBF, state)
            return [y_TBH, *leaves(last), *torch.autograd.grad(y_TBH.square().sum(), [x_TBF, *cell.parameters()])]

        assert_close(lived(kernels), lived(lambda x, s: unroll_eager(cell, x, s)), NEAR[torch.float32])


def test_kernels_follow_the_weights_wherever_they_are():
    cell = a_cell("gru")
    kernels, (x_TBF, state) = KernelUnroll(cell), inputs_of(cell)
    with torch.no_grad():
        cell.weight_hh.mul_(2)
    right, _ = unroll_eager(cell, x_TBF, state)
    assert_close([kernels(x_TBF, state)[0]], [right], NEAR[torch.float32])
    copied = deepcopy(kernels)
    with torch.no_grad():
        copied.cell.weight_hh.zero_()
    assert_close([kernels(x_TBF, state)[0]], [right], NEAR[torch.float32])
    assert (copied(x_TBF, state)[0] - right).abs().max() > 0.01

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x_TBF):
            return kernels(x_TBF, state)[0]

    zeros = {f"cell.{key}": torch.zeros_like(value) for key, value in cell.named_parameters()}
    assert (functional_call(Whole(), zeros, (x_TBF,)) - right).abs().max() > 0.01


def test_a_window_goes_on_where_the_one_before_ended():
    cell = a_cell("lstm")
    kernels, (x_TBF, state) = KernelUnroll(cell), inputs_of(cell, T=9)
    whole, last = kernels(x_TBF, state)
    first, between = kernels(x_TBF[:4], state)
    second, end = kernels(x_TBF[4:], between)
    assert_close([torch.cat([first, second]), *end], [whole, *last], 1e-6)


class Odd(GatedCell):
    """Operations that no cell of ours has, one after the other."""

    blocks, states = 3, ("h", "c")

    def add_parameters(self):
        self.gain = torch.nn.Parameter(torch.empty(2, self.hidden_size))
        self.sharpness = torch.nn.Parameter(torch.empty(1))

    def gates(self, x_proj, h_proj, h, c):
        a, b, d = (x_proj * h_proj.sigmoid()).view(-1, 3, self.hidden_size).unbind(1)
        a = (
            torch.nn.functional.softplus(a, beta=2.0)
            + torch.nn.functional.elu(b)
            + torch.nn.functional.leaky_relu(d, 0.1)
        )
        b = torch.nn.functional.gelu(b) * torch.nn.functional.silu(d) - torch.nn.functional.logsigmoid(a)
        mean = torch.stack([a, b], 1).mean(1).sum(-1, keepdim=True) / 10
        scaled = (
            torch.lerp(h, c, self.sharpness.sigmoid()) * self.gain[0] + torch.addcmul(a, b, d, value=0.5) * self.gain[1]
        )
        with torch.no_grad():
            stop = b.clamp(-0.5, 0.5)
        new = torch.tanh(scaled - mean) * torch.cat([a, b], -1).square().mean(-1, keepdim=True).rsqrt() + stop
        return torch.where(new > 0, new, new.abs().add(1e-3).reciprocal().clamp(max=2.0)), torch.maximum(
            c * 0.5, d.detach()
        )


class Multiplicative(GatedCell):
    """A gradient that reads the input's map, beside functions to keep for the backward pass."""

    blocks = 1

    def gates(self, x_proj, h_proj, h):
        return torch.sigmoid(x_proj * h_proj) * torch.tanh(x_proj * h)


class Weighted(GatedCell):
    """A weight whose gradient is that of the state, which has no row for each time step."""

    blocks = 1

    def add_parameters(self):
        self.weight = torch.nn.Parameter(torch.empty(self.hidden_size))

    def gates(self, x_proj, h_proj, h):
        return torch.tanh(h + self.weight) * x_proj + h_proj


class Maps(Cell):
    """A cell of one state, with linear maps of the input and of the state."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.input, self.map = torch.nn.Linear(input_size, hidden_size), torch.nn.Linear(hidden_size, hidden_size)

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, self.hidden_size)


class Stopped(Maps):
    """Products in which a gradient stops."""

    def step(self, x_BF, state):
        with torch.no_grad():
            stopped = self.map(state) * self.input(x_BF)
        h = torch.tanh(self.input(x_BF) + self.map(state) + stopped)
        return h, h


class Pair(Maps):
    """A state that is read by two products, and by nothing else."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gate = torch.nn.Linear(hidden_size, hidden_size)

    def step(self, x_BF, state):
        h = torch.tanh(self.input(x_BF) + self.map(state)) * torch.sigmoid(self.gate(state))
        return h, h


class Overlapping(GatedCell):
    """Parts of the input that overlap, and of which the gradient reads a product."""

    blocks = 2

    def parts(self, x_proj):
        return x_proj[:, 3 : 3 + self.hidden_size], x_proj[:, self.hidden_size :]

    def gates(self, x_proj, h_proj, h):
        a, b = (x * y for x, y in zip(self.parts(x_proj), h_proj.chunk(2, -1), strict=True))
        return torch.tanh(torch.sigmoid(a) * torch.exp(-b * b) + h)


class Late(Overlapping):
    """Parts of the input of which the later units are read when those before were computed."""

    def gates(self, x_proj, h_proj, h):
        a, b = (x + y for x, y in zip(self.parts(x_proj), h_proj.chunk(2, -1), strict=True))
        return torch.tanh(torch.sigmoid(a) * torch.tanh(b) + h)


class Wide(Maps):
    """Linear maps of the input and the state alone."""

    def step(self, x_BF, state):
        h = self.input(x_BF) + self.map(state)
        return h, h


def test_products_of_any_size_are_those_of_torch():
    """Panels and tiles of every remainder: one lane and many, for few steps and many, narrow matrices and wide."""
    torch.manual_seed(0)
    cell = Wide(F, 53).double()
    kernels = KernelUnroll(cell)
    for T, B in ((10, 1), (9, 2), (9, 15), (3, 1), (3, 4)):
        x_TBF, state = inputs_of(cell, T, B)
        right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
        assert_close(everything(cell, kernels, x_TBF, state), right, 1e-12)


def test_a_backward_pass_after_an_output_was_written_to_is_refused():
    cell = a_cell("lstm")
    x_TBF, state = inputs_of(cell)
    y_TBH, _ = KernelUnroll(cell)(x_TBF, state)
    total = y_TBH.sum()  # which keeps nothing of y itself
    with torch.no_grad():
        y_TBH.mul_(2)
    with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
        total.backward()


@pytest.mark.parametrize("cls", [Odd, Multiplicative, Weighted, Stopped, Pair, Overlapping, Late])
def test_an_equation_of_many_operations(cls):
    torch.manual_seed(0)
    cell = cls(F, H).double()
    x_TBF, state = inputs_of(cell)
    right = everything(cell, lambda x, s: unroll_eager(cell, x, s), x_TBF, state)
    assert_close(everything(cell, KernelUnroll(cell), x_TBF, state), right, 1e-10)


class Scaled(Weighted):
    """Keeps an eye on tensors of each step, of which `scale` is made of a parameter alone."""

    seen = []

    def gates(self, x_proj, h_proj, h):
        scale = torch.exp(self.weight)
        new = torch.tanh(h * scale) * x_proj + h_proj
        self.seen.extend(map(weakref.ref, (x_proj, h_proj, h, scale, new)))
        return new


def test_nothing_of_a_trace_or_a_call_is_alive_after_it():
    """It would be memory of each training step, and count as such; not for long, since no garbage is looked for."""
    cell = Scaled(F, H)
    step_of(cell, True)  # the first trace of a process imports parts of torch that keep it alive
    gc.disable()
    try:
        Scaled.seen = []
        step = step_of(cell, True)
        assert len(Scaled.seen) == 5 and all(tensor() is None for tensor in Scaled.seen)
        _, weights, _ = step.hoisted(torch.zeros(2, 3, F), tensors_of(cell), torch.nn.functional.linear)
        (made,) = (each for each in weights if torch.equal(each, cell.weight.exp()))
        made, weights = weakref.ref(made), None
        assert made() is None
    finally:
        gc.enable()


def test_a_product_that_is_smaller_than_what_is_made_of_it_is_kept_instead():
    """Of layer norm the backward pass needs the product in many forms; weights added alike have one gradient."""
    cls, options = load_cell(chosen("cell")["layernorm_lstm"])
    gradient = passes(step_of(cls(F, H, **options), True)).gradient
    kept = [store for store in gradient.saved.stores if store.array.kind == "saved"]
    assert sum(store.span for store in kept) == 9 * H + 6  # the product of 4 H among them
    assert [(w.name, row.name) for w, row in gradient.summed.items()] == [("weight1", "dweight3")]
    cls, options = load_cell(chosen("cell")["gru"])
    (store,) = (s for s in passes(step_of(cls(F, H, **options), True)).gradient.saved.stores if s.array.kind == "saved")
    assert store.span == H  # of 3 H


@pytest.mark.parametrize("name", sorted(chosen("cell").keys() - WITHOUT.keys() - {"custom"}))
def test_the_same_step_has_the_same_code_each_time(name):
    """Else a kernel would be compiled anew in each process: it is known by the hash of its code."""
    cls, options = load_cell(chosen("cell")[name])
    cell = cls(F, H, **options)
    texts = {Code(passes(step_of(cell, True)), torch.float32).text for _ in range(8)}
    assert len(texts) == 1
