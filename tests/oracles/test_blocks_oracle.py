"""A block of `conf/block/` is its paper's: each with its own cell and with a GRU, against a second writing-down."""

from functools import partial

import numpy as np
import pytest
import torch
from oracles import linear
from oracles.blocks import BLOCKS

from bench.cells.attention import Attention
from bench.cells.deltanet import GatedDeltaNet
from bench.cells.gru import GRU
from bench.cells.mamba import S6
from bench.cells.mlstm import MLSTM
from bench.cells.rglru import RGLRU
from bench.cells.slstm import SLSTM
from bench.cells.transformer import Transformer
from bench.config.compose import compose
from bench.model.around import Around
from bench.model.layer import Layer
from bench.unroll.eager import unroll_eager
from bench.unroll.forms import forms

H, T, B = 8, 9, 2
OWN = {  # with the cell's own linear maps that the block repeats given as identities
    "mamba": (S6, linear.s6, ("project",)),
    "griffin": (RGLRU, linear.rglru, ("project",)),
    "xlstm": (MLSTM, linear.mlstm, ("out", "output_gate")),
    "deltanet": (GatedDeltaNet, linear.deltanet, ("out",)),
}
PLAIN = {"xlstm_post": SLSTM, "transformer": Attention}


def around(block):
    shape = compose([f"block={block}"]).config.model
    return Around(**{name: getattr(shape, name) for name in Around.__dataclass_fields__})


def a_layer(block, cell, width=H):
    """In float64, every parameter moved off its start so that none is zero or one by chance."""
    torch.manual_seed(0)
    layer = Layer(cell, width, H, around(block)).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return layer


def inputs(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def run(layer, x_TBH, form="eager"):
    return layer(x_TBH, layer.initial_state(x_TBH.shape[1], x_TBH), forms(layer.cell)[form]())


def own_oracle(oracle, left_out, layer):
    """The cell's oracle, which has the maps that the block took over: identities, and a gate that is always open."""
    wide = layer.cell.hidden_size
    maps = {f"{name}.weight": np.eye(wide) for name in left_out}
    if "output_gate" in left_out:  # a sigmoid of 60 is 1 in float64
        maps |= {"output_gate.weight": np.zeros((wide, wide)), "output_gate.bias": np.full(wide, 60.0)}
    return lambda w, xs: np.stack(list(oracle({**w, **maps}, xs)))


def stepped(cell):
    """The cell itself as an oracle, for cells that are held to theirs elsewhere."""

    def mix(w, xs):
        x_T1F = torch.from_numpy(xs)[:, None]
        with torch.no_grad():
            return unroll_eager(cell, x_T1F, cell.initial_state(1, x_T1F))[0][:, 0].numpy()

    return mix


def check(block, layer, mix):
    x = inputs(T, B, H)
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    heads = getattr(layer.cell, "heads", 1)
    wanted = np.stack([BLOCKS[block](w, x[:, lane].numpy(), mix, heads) for lane in range(B)], axis=1)
    np.testing.assert_allclose(run(layer, x)[0].detach().numpy(), wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("block", OWN)
def test_a_block_with_the_cell_of_its_paper(block):
    cell, oracle, left_out = OWN[block]
    layer = a_layer(block, cell)
    assert not {name.partition(".")[0] for name, _ in layer.cell.named_parameters()} & {*left_out}
    check(block, layer, own_oracle(oracle, left_out, layer))


@pytest.mark.parametrize("block", PLAIN)
def test_a_block_that_takes_over_nothing_of_its_cell(block):
    layer = a_layer(block, PLAIN[block])
    check(block, layer, stepped(layer.cell))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_around_any_cell(block):
    layer = a_layer(block, GRU)
    check(block, layer, stepped(layer.cell))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("cell", [GRU, S6, MLSTM])
def test_in_a_block_streaming_and_the_cells_forms_equal_the_loop(block, cell):
    layer, x = a_layer(block, cell, width=3), inputs(T, B, 3)
    wanted, _ = run(layer, x)
    for form in forms(layer.cell):
        torch.testing.assert_close(run(layer, x, form)[0], wanted, rtol=1e-9, atol=1e-10)
    state, steps = layer.initial_state(B, x), []
    for x_BF in x:
        y, state = layer(x_BF, state, layer.cell.step)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps), wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("width", [H, 3])
def test_attention_in_its_block_is_the_transformer_cell(width):
    torch.manual_seed(0)
    cell = Transformer(width, H).double()
    layer = a_layer("transformer", Attention, width)
    renamed = {"attention_norm": "pre_norm", "qkv": "cell.qkv", "out": "cell.out"}
    parts = ((*name.partition("."), weight) for name, weight in cell.state_dict().items())
    layer.load_state_dict({f"{renamed.get(part, part)}.{rest}": weight for part, _, rest, weight in parts})
    x = inputs(T, B, width)
    torch.testing.assert_close(run(layer, x)[0], unroll_eager(cell, x, cell.initial_state(B, x))[0])


def test_the_parameters_of_mambas_block_are_those_of_its_paper():
    d, n, wide = 64, 16, 128
    layer = Layer(partial(S6, state_size=n), d, d, around("mamba"))
    rank = wide // 16
    conv, select, widen, own = 5 * wide, wide * (rank + 2 * n), rank * wide + wide, wide * n + wide
    linear_maps = d * 2 * wide + wide + wide * d  # in, gate (with a bias) and out
    assert sum(p.numel() for p in layer.parameters()) == d + linear_maps + conv + select + widen + own


def test_heads_that_do_not_divide_the_width_are_refused_by_name():
    with pytest.raises(ValueError, match=r"model\.norm=head_layer: 8 units are no multiple of 3 heads"):
        Layer(partial(Attention, heads=3), H, H, Around(norm="head_layer"))


def test_a_cell_that_is_a_block_stands_in_no_other():
    with pytest.raises(ValueError, match="Transformer is a block of its own.*choose block=bare, or another cell"):
        a_layer("transformer", Transformer)


def test_a_skip_needs_inputs_as_wide_as_the_cell():
    with pytest.raises(ValueError, match=r"model\.skip=true: GRU maps 3 inputs to 8 outputs"):
        Layer(GRU, 3, H, Around(skip=True))


def test_a_convolution_sees_its_last_inputs_and_nothing_later():
    layer = Layer(GRU, H, H, Around(conv=3)).double()
    assert layer.conv is not None
    x = inputs(T, B, H).requires_grad_()
    u, past = layer.conv(x, layer.conv.initial_state(B, x))
    (seen,) = torch.autograd.grad(u[5].sum(), x)
    assert seen.abs().sum((1, 2)).nonzero().flatten().tolist() == [3, 4, 5]
    assert torch.equal(past, x[-2:].transpose(0, 1))
