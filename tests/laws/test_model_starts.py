"""What stands around the cells starts as torch.nn draws it: embedding, head, norms, gate and perceptron."""

import pytest
import torch
from cell_starts import ONE, ZERO, linear, norm
from starts import Is, Normal, check_all, over_root
from traces import made

SEEDS, H, CLASSES, FEATURES = range(5), 48, 4, 3
HEAD = linear("head", H)
MLP = {**linear("layers.0.mlp.0", H), **linear("layers.0.mlp.2", 2 * H)}
OUT = linear("layers.0.out", 2 * H, False)
RMS = ("norm", "layers.0.pre_norm", "layers.0.mlp_norm")
GATED = {
    **linear("layers.0.mlp.gate", H, False), **linear("layers.0.mlp.up", H, False),
    **linear("layers.0.mlp.down", 2 * H, False),
}  # fmt: skip
SYMBOLS, EMBEDDED = {"task": "symbols"}, {"task": "symbols", "model.embedding": H}


def batch_norm(name):
    running = {f"{name}.running_mean": ZERO, f"{name}.running_var": ONE, f"{name}.num_batches_tracked": ZERO}
    return {**norm(name), **running}


def norm_per_step(name):
    """A gain of 0.1, as Cooijmans et al. (2017) start it."""
    kept = {f"{name}.means_TH": ZERO, f"{name}.variances_TH": ONE}
    return {f"{name}.weight": Is(0.1), f"{name}.bias": ZERO, **kept}


PARTS = [
    ({}, HEAD),
    (SYMBOLS, HEAD),  # one-hot vectors have no weights
    (EMBEDDED, {**HEAD, "encoder.weight": Normal(1.0)}),
    ({**EMBEDDED, "model.tie": True}, {**HEAD, "encoder.weight": over_root(H)}),  # the head's, which suits logits
    ({"model.gate": True}, {**HEAD, **linear("layers.0.gate", FEATURES)}),
    ({"model.mlp": 2}, {**HEAD, **MLP}),
    ({"model.norm": "layer"}, {**HEAD, **norm("layers.0.norm")}),
    ({"model.norm": "batch"}, {**HEAD, **batch_norm("layers.0.norm")}),
    ({"model.norm": "batch_per_step"}, {**HEAD, **norm_per_step("layers.0.norm")}),
    (
        {"model.norm": "layer", "model.mlp": 2},
        {**HEAD, **MLP, **norm("layers.0.norm"), **norm("layers.0.mlp_norm")},
    ),
    ({"model.zoneout": 0.5, "model.recurrent_dropout": 0.5}, HEAD),
    ({"model.conv": 4}, {**HEAD, "layers.0.conv.weight": over_root(4), "layers.0.conv.bias": over_root(4)}),
    ({"model.expand": 2.0, "model.hidden": H}, {**HEAD, **linear("layers.0.enter", FEATURES, False), **OUT}),
    (
        {"model.pre_norm": "rms", "model.residual": True, "model.mlp": 2.0, "model.mlp_kind": "geglu"},
        {**HEAD, **linear("layers.0.widen", FEATURES), **{f"{name}.weight": ONE for name in RMS}, **GATED},
    ),
    (
        {"model.hidden": H, "model.expand": 1.0, "model.skip": True, "model.norm": "head_rms"},
        {
            **HEAD,
            **linear("layers.0.enter", FEATURES, False),
            **linear("layers.0.out", H, False),
            "layers.0.skip": ONE,
            "layers.0.norm.weight": ONE,
        },
    ),
]


@pytest.mark.parametrize(("settings", "starts"), PARTS, ids=[str(settings) for settings, _ in PARTS])
def test_the_parts_around_a_cell_start_as_torch_draws_them(settings, starts):
    models = [made({"model.hidden": H, **settings, "seed": seed}).model.float().state_dict() for seed in SEEDS]
    check_all(starts, [{name: each for name, each in model.items() if ".cell." not in name} for model in models])


def test_an_encoder_starts_with_embedding_and_cell_of_its_own():
    model = made({"task": "sequence", "model.hidden": H, "model.embedding": H}).model
    assert not torch.equal(model.reader.encoder.weight, model.encoder.weight)
    assert not torch.equal(model.reader.cells[0].weight_hh, model.cells[0].weight_hh)
    assert not list(model.reader.head.parameters())


@pytest.mark.parametrize("init", [{}, {"init.recurrent": "orthogonal", "init.input": "xavier"}])
def test_each_layer_draws_weights_of_its_own(init):
    first, second = made({"model.layers": 2, "model.hidden": H, **init}).model.cells
    assert not torch.equal(first.weight_hh, second.weight_hh)
    assert not torch.equal(first.bias_ih, second.bias_ih)
