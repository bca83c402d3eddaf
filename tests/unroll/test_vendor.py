"""torch.nn's fused layers on a cell's own parameters: their mode, their dtype, and where the parameters lie."""

import pytest
import torch
from tiny import CELLS
from torch import nn

from bench.train.average import Average
from bench.unroll.eager import unroll_eager
from bench.unroll.vendor import VendorUnroll


def vendor(cell):
    return VendorUnroll(cell, cell.vendor())


@pytest.mark.parametrize("cell_class", CELLS)
@pytest.mark.parametrize(("mode", "training"), [(torch.enable_grad, True), (torch.no_grad, False)])
def test_the_layer_keeps_what_a_backward_pass_needs_where_gradients_are_wanted_alone(cell_class, mode, training):
    form = vendor(cell_class(3, 4))
    modes = []
    form.layer.register_forward_pre_hook(lambda layer, _: modes.append(layer.training))
    x_TBF = torch.ones(5, 2, 3)
    with mode():
        form(x_TBF, cell_class(3, 4).initial_state(2, x_TBF))
    assert modes == [training]


def test_a_model_in_evaluation_mode_still_has_gradients():
    cell = CELLS[1](3, 4).eval()
    x_TBF = torch.ones(5, 2, 3, requires_grad=True)
    vendor(cell)(x_TBF, cell.initial_state(2, x_TBF))[0].sum().backward()
    assert x_TBF.grad.any()


@pytest.mark.parametrize("cell_class", CELLS)
def test_a_layer_in_bfloat16_computes_in_bfloat16_and_gives_the_weights_their_gradients_in_float32(cell_class):
    torch.manual_seed(0)
    cell, x_TBF = cell_class(3, 4), torch.randn(5, 2, 3)
    state = cell.initial_state(2, x_TBF)
    y_TBH, last = vendor(cell).in_dtype(torch.bfloat16, x_TBF, tuple(each[None] for each in state))
    assert {y_TBH.dtype, *(each.dtype for each in last)} == {torch.bfloat16}
    with torch.autocast("cpu", torch.bfloat16):
        wanted_TBH, _ = unroll_eager(cell, x_TBF, state)
    torch.testing.assert_close(y_TBH.float(), wanted_TBH.float(), atol=0.02, rtol=0.02)
    y_TBH.float().sum().backward()
    assert all(weight.grad.dtype == torch.float32 and weight.grad.any() for weight in cell.parameters())


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("cell_class", CELLS)
def test_under_autocast_the_layer_is_given_bfloat16_on_every_device(cell_class, device, monkeypatch):
    cell = cell_class(3, 4)
    form, x_TBF, asked = vendor(cell), torch.ones(5, 2, 3).to(device), []
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: True)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(form, "in_dtype", lambda dtype, x_TBF, carried: asked.append(dtype) or (x_TBF, carried))
    form(x_TBF, cell.initial_state(2, x_TBF))
    assert asked == [torch.bfloat16]


@pytest.mark.parametrize("cell_class", CELLS)
def test_weights_that_are_loaded_or_averaged_stay_in_the_block_of_memory_that_the_layer_reads(cell_class):
    model = nn.ModuleList([cell_class(3, 4)])
    form = vendor(model[0])
    places = [weight.data_ptr() for weight in form.layer._flat_weights]
    model.load_state_dict(nn.ModuleList([cell_class(3, 4)]).state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average = Average(model, optimizer, 0.9)
    x_TBF = torch.ones(5, 2, 3)
    form(x_TBF, model[0].initial_state(2, x_TBF))[0].sum().backward()
    optimizer.step()
    with average.in_place():
        assert [weight.data_ptr() for weight in form.layer._flat_weights] == places
    assert [weight.data_ptr() for weight in model.parameters()] == places
