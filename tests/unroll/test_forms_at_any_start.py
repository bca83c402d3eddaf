"""A form is compared with the loop at any weights that a run starts from, also where rounding errors grow large."""

import pytest
import torch
from acting import values_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from traces import chosen

from bench.config.schema import InitConfig
from bench.job.build import load_cell
from bench.model.init import draw_cell
from bench.unroll.agreement import disagreement
from bench.unroll.eager import unroll_eager
from bench.unroll.forms import choose, forms

FUSED = ["vanilla", "irnn", "gru", "lstm"]
DRAWN = st.sampled_from(sorted(values_of("init.recurrent")))
STARTS = st.builds(
    InitConfig,
    input=DRAWN,
    recurrent=DRAWN,
    gain=st.sampled_from([0.1, 1.0, 5.0, 50.0]),
    sigma=st.sampled_from([0.01, 1.0, 3.0, 30.0]),
    bias=st.sampled_from(["default", "zero"]),
)
WILD = InitConfig(input="normal", recurrent="normal", sigma=30.0)
"""A start from which cells are chaotic, saturate, or overflow where nothing bounds them."""
CHAOTIC = InitConfig(recurrent="normal", sigma=3.0)


def drawn(name, init, hidden=32):
    torch.manual_seed(0)
    cls, options = load_cell(chosen("cell")[name])
    return draw_cell(init, cls, options, 3, hidden)


@settings(max_examples=8)
@given(st.sampled_from(FUSED), STARTS, st.sampled_from(["float32", "bfloat16"]))
@example("lstm", WILD, "float32")
@example("lstm", InitConfig(input="normal", recurrent="normal"), "bfloat16")
@example("irnn", InitConfig(recurrent="normal", sigma=30.0), "float32")  # it overflows
@example("gru", InitConfig(recurrent="he", gain=50.0), "bfloat16")  # its gradient does
@example("lstm", InitConfig(recurrent="he", gain=50.0), "bfloat16")  # errors of products with weights grow
def test_the_fused_form_of_a_cell_is_taken_from_any_start(name, init, precision):
    cell = drawn(name, init)
    before = [weight.clone() for weight in cell.parameters()]
    choose(cell, "vendor", 35, precision)
    assert all(map(torch.equal, before, cell.parameters())), "the weights are the run's own again"


def wrongly(form, fault):
    """A form with a slip."""

    def unroll(x_TBF, state):
        if fault == "it is wrong by a fiftieth":
            y_TBH, last = form(x_TBF, state)
            return y_TBH * 1.02, last
        y_TBH, last = form(x_TBF[:50], state)
        last = tuple(each.detach() if fault == "it cuts the gradient" else torch.zeros_like(each) for each in last)
        rest_TBH, last = form(x_TBF[50:], last)
        return torch.cat([y_TBH, rest_TBH]), last

    return unroll


@pytest.mark.parametrize("fault", ["it is wrong by a fiftieth", "it loses its state", "it cuts the gradient"])
@pytest.mark.parametrize("name", FUSED)
def test_a_form_with_a_slip_is_found_where_the_start_is_chaotic(name, fault):
    cell = drawn(name, CHAOTIC)
    assert disagreement(cell, forms(cell)["vendor"](), 100) is None
    assert disagreement(cell, wrongly(forms(cell)["vendor"](), fault), 100) is not None


def test_the_weights_are_the_runs_own_again_after_a_form_that_raises():
    cell, calls = drawn("lstm", WILD), []

    def form(x_TBF, state):
        calls.append(cell.weight_hh.abs().max().item())
        if calls[-1] < calls[0]:
            raise RuntimeError("dies at tame weights")
        return unroll_eager(cell, x_TBF * 1.000001, state)

    before = cell.weight_hh.clone()
    with pytest.raises(RuntimeError, match="tame"):
        disagreement(cell, form)
    assert torch.equal(cell.weight_hh, before)


class InTF32(TorchDispatchMode):
    """Rounds the factors of products to TF32's 10 bits of mantissa, as tensor cores do."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name in ("aten::mm", "aten::addmm"):
            args = (*args[:-2], *map(self.rounded, args[-2:]))
        return func(*args, **(kwargs or {}))

    def rounded(self, factor):
        return (factor.contiguous().view(torch.int32) + 0x1000 & ~0x1FFF).view(torch.float32)


def differs_in_tf32(cell, precision):
    """Whether the cell's loop with products in TF32 counts as another than the loop in float32."""

    def form(x_TBF, state):
        with InTF32():
            return unroll_eager(cell, x_TBF, state)

    return disagreement(cell, form, precision=precision) is not None


@pytest.mark.parametrize("name", FUSED)
def test_rounding_to_tf32_is_no_difference_in_tf32_and_one_in_float32(name):
    cells = [drawn(name, InitConfig(input=way, recurrent=way), hidden=128) for way in ("default", "he", "orthogonal")]
    assert not any(differs_in_tf32(cell, "tf32") for cell in cells)
    assert any(differs_in_tf32(cell, "float32") for cell in cells)
    slip = wrongly(forms(cells[0])["vendor"](), "it is wrong by a fiftieth")
    assert disagreement(cells[0], slip, precision="tf32") is not None
