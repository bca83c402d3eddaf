"""Symbols go into kernels as rows of a product that is made once for each symbol: the same numbers and gradients."""

import pytest
import torch
from kernel_tools import assert_close
from tiny import seeded

from bench.api import Metric, TaskSpec, Tokens
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.vanilla import Vanilla
from bench.model.around import Around
from bench.model.sequence import SequenceModel
from bench.unroll.forms import over_symbols
from bench.unroll.generated import KernelUnroll

V, T, B, H = 5, 9, 4, 6
SPEC = TaskSpec("symbols-v1", Tokens(V), V, "every_step", Metric("nll", "nats", "min", 1.0), "drawn", "none")


class Reads(Vanilla):
    """Reads its input besides the product, as `x` itself."""

    def step(self, x_BF, state):
        y_BH, new = super().step(x_BF, state)
        return y_BH * x_BF.mean(-1, keepdim=True), new


def a_model(cell=GRU, steps=T, mode="kernels", dtype=torch.float64, **options):
    torch.manual_seed(0)
    model = SequenceModel(SPEC, cell, H, **options).to(dtype)
    assert model.choose_unroll(mode, steps) == mode
    return model


def symbols(lanes=B):
    """Of which one never occurs, and others often."""
    return torch.randint(1, V, (T, lanes), generator=seeded())


def gradients(model, inputs):
    """Outputs and the gradients of all parameters, that of the embedding among them."""
    y, _ = model(inputs, model.initial_state(inputs.shape[1]))
    total = (y * torch.randn(y.shape, generator=seeded(1)).to(y)).sum()
    return [y, *torch.autograd.grad(total, list(model.parameters()))]


@pytest.mark.parametrize(
    ("cell", "options"),
    [(GRU, {"embedding": 3}), (LSTM, {}), (GRU, {"embedding": H, "tie": True, "layers": 2})],
    ids=["GRU, embedding", "LSTM, one-hot", "GRU, tied"],
)
def test_gradients_are_those_of_the_products(cell, options):
    model, loop = a_model(cell, **options), a_model(cell, mode="eager", **options)
    assert_close(gradients(model, symbols()), gradients(loop, symbols()), 1e-11)


def test_a_symbol_costs_no_product(monkeypatch):
    """Of 36 symbols, 5 by 3 numbers go into a product: nothing is ever as large as the inputs are."""
    model, seen = a_model(embedding=3), []

    def look(x, *args):
        seen.append(tuple(x.shape))
        return linear(x, *args)

    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", look)
    gradients(model, symbols())
    assert (V, 3) in seen and (T, B, 3) not in seen
    seen.clear()
    model(symbols()[:2], model.initial_state(B))
    assert (V, 3) not in seen, "8 symbols are too few for rows of 5"


@pytest.mark.parametrize(
    "options",
    [
        {"cell": Reads},
        {"around": Around(residual=True), "embedding": H},
        {"around": Around(pre_norm="rms"), "embedding": H},
        {"around": Around(norm="batch_per_step")},
        {"bidirectional": True},
        {"mode": "eager"},
    ],
    ids=str,
)
def test_where_more_than_products_is_made_of_them_they_are_vectors(options):
    assert a_model(**options)._over_symbols is None


def test_dropout_of_inputs_acts_on_vectors_in_training():
    model = a_model(embedding=3, input_dropout=0.5)
    torch.manual_seed(1)
    one, other = (gradients(model, symbols())[0] for _ in range(2))
    assert not torch.equal(one, other) and model._over_symbols is not None
    assert model.train()._of_symbols() is None and model.eval()._of_symbols() is not None


def test_a_wrong_gradient_of_symbols_is_not_trained_by(monkeypatch):
    model = a_model(embedding=3)
    (kernels,) = model.unrolls
    assert isinstance(kernels, KernelUnroll) and over_symbols(kernels) is kernels
    right = torch.ops.aten.embedding_dense_backward
    monkeypatch.setattr(torch.ops.aten, "embedding_dense_backward", lambda *args: 1.1 * right(*args))
    assert over_symbols(kernels) is None


def test_under_autocast_products_are_in_its_dtype():
    model = a_model(embedding=3, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(model, symbols())
        model._over_symbols = None
        assert_close(found, gradients(model, symbols()), 0)
