"""Noise in every place that it has, one at a time: what is dropped there, and whether it is the same over time."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from three_tasks import TASKS
from tiny import FEATURES as FEATURES_WIDE
from tiny import a_batch
from traces import made

from bench.errors import ConfigError

FEATURES, SYMBOLS, SEQUENCE = ({"task": task} for task in ("features", "symbols", "sequence"))
TWO = {"model.layers": 2, "model.hidden": 40, "model.embedding": 40}
MLP = {"model.mlp": 1}
BY_TURNS = {"model.teacher_forcing": 1 - 1e-12}  # the decoder goes symbol by symbol
SHARE, LANES = 0.4, 90
STATE_NOISE = ("recurrent_dropout", "zoneout")


def a_model(**settings):
    return made(settings).model


def a_batch_for(model):
    """Enough lanes for shares to be near their probability."""
    sequence = hasattr(model, "reader")
    batch = TASKS["sequence" if sequence else "symbols"].splits["train"][0]
    if not sequence and model.layers[0].cell.input_size == FEATURES_WIDE:
        return a_batch(6, LANES)
    return replace(
        batch, **{name: getattr(batch, name).repeat(1, LANES // 3) for name in ("inputs", "targets", "weight")}
    )


def predict(model):
    batch = a_batch_for(model)
    return model.predict(batch, model.initial_state(batch.inputs.shape[1]))[0].detach()


def readings(model, *paths):
    """The inputs `[T, B, H]` of the modules at `paths` while the model goes through a batch, at once or by turns."""
    seen = {path: [] for path in paths}
    hooks = [
        model.get_submodule(path).register_forward_pre_hook(lambda _, inputs, path=path: seen[path].append(inputs[0]))
        for path in paths
    ]
    predict(model)
    for hook in hooks:
        hook.remove()
    return [torch.cat(seen[path]).detach() for path in paths]


def reading(model, path):
    return readings(model, path)[0]


def silence(model):
    """Cells that are 0 at every step: what follows a layer is then its perceptron's constant branch alone."""
    for name, parameter in model.named_parameters():
        if ".cell." in name:
            torch.nn.init.zeros_(parameter)


PLACES = [
    ("dropout", FEATURES, "layers.1", False),
    ("dropout", FEATURES, "head", False),
    ("dropout", {**FEATURES, **MLP}, "layers.1", True),
    ("dropout", {**FEATURES, **MLP}, "head", True),
    ("dropout", SYMBOLS, "head", False),
    ("dropout", SEQUENCE, "reader.layers.1", False),
    ("dropout", SEQUENCE, "layers.1", False),
    ("dropout", SEQUENCE, "head", False),
    ("dropout", {**SEQUENCE, **MLP}, "reader.layers.1", True),
    ("dropout", {**SEQUENCE, **MLP}, "head", True),
    ("input_dropout", FEATURES, "layers.0", False),
    ("input_dropout", SYMBOLS, "layers.0", False),
    ("input_dropout", SEQUENCE, "reader.layers.0", False),
    ("input_dropout", SEQUENCE, "layers.0", False),
    *(("dropout", {**SEQUENCE, **BY_TURNS}, reader, False) for reader in ("reader.layers.1", "layers.1", "head")),
    ("dropout", {**SEQUENCE, **BY_TURNS, **MLP}, "head", True),
    ("input_dropout", {**SEQUENCE, **BY_TURNS}, "layers.0", False),
]
"""Option, settings beside it, the module that reads what is left, whether only a perceptron's branch comes there."""


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize(("option", "beside", "reader", "branch"), PLACES, ids=lambda part: str(part).strip("{}"))
def test_a_share_is_dropped_and_variational_drops_the_same_at_every_step(option, beside, reader, branch, variational):
    settings = {**TWO, **beside, f"model.{option}": SHARE, "model.variational": variational}
    model = a_model(**settings)
    if branch:
        silence(model)
    whole_TBH = reading(model.eval(), reader)
    assert (whole_TBH != 0).all(), "zeros that are not dropped"
    left_TBH = reading(model.train(), reader)
    kept_TBH = left_TBH != 0
    assert (~kept_TBH).double().mean().item() == pytest.approx(SHARE, abs=0.1)
    assert (kept_TBH == kept_TBH[:1]).all().item() == variational
    if option == "input_dropout":  # nothing before it was dropped
        torch.testing.assert_close(left_TBH, whole_TBH * kept_TBH / (1 - SHARE))


@pytest.mark.parametrize("turns", [{}, BY_TURNS], ids=str)
def test_each_sequence_and_each_place_has_a_mask_of_its_own(turns):
    model = a_model(**TWO, **SEQUENCE, **turns, **{"model.dropout": SHARE, "model.variational": True}).train()
    places = ("reader.layers.1", "layers.1", "head")
    masks = [read_TBH[0] != 0 for _ in range(2) for read_TBH in readings(model, *places)]
    assert all(not torch.equal(one, other) for one, other in combinations(masks, 2))


@pytest.mark.parametrize(
    ("option", "task", "place", "acts"),
    [
        *((option, "symbols", f"layers.{i}", True) for option in ("dropout", *STATE_NOISE) for i in (0, 1)),
        *((option, "sequence", f"layers.{i}", True) for option in STATE_NOISE for i in (0, 1)),
        *(("zoneout", "sequence", f"reader.layers.{i}", True) for i in (0, 1)),
        ("dropout", "sequence", "reader.layers.0", True),
        ("dropout", "sequence", "reader.layers.1", False),  # nobody reads the encoder's outputs, only its state
        ("dropout", "sequence", "layers.1", True),
    ],
)
def test_noise_acts_in_each_layer_by_itself(option, task, place, acts):
    model = a_model(**TWO, task=task, **{f"model.{option}": SHARE}).eval()
    quiet = predict(model)
    model.get_submodule(place).train()
    assert torch.equal(predict(model), quiet) != acts


@pytest.mark.parametrize("layer", [0, 1])
def test_an_encoder_and_its_decoder_share_a_mask_of_recurrent_dropout(layer):
    model = a_model(**{**TWO, **SEQUENCE, "model.recurrent_dropout": SHARE}).train()
    inputs = a_batch_for(model).inputs
    start = model.initial_state(inputs.shape[1])
    read = model.read(inputs, start)
    assert torch.equal(read[layer][1], start[layer][1])
    assert (read[layer][1] == 0).double().mean().item() == pytest.approx(SHARE, abs=0.1)
    whole = tuple((own, torch.ones_like(mask)) for own, mask in start)
    assert not torch.equal(read[layer][0][0], model.read(inputs, whole)[layer][0][0])


@pytest.mark.parametrize("part", [0, 1])
def test_zoneout_keeps_every_part_of_the_state(part):
    """Of an LSTM both h and c, each by its own draw."""
    cell = a_model(cell="lstm", **{**TWO, "model.zoneout": SHARE}).layers[0].cell.train()
    x_BF = torch.ones(9, 3, dtype=torch.float64)
    old = cell.step(x_BF, cell.initial_state(9, x_BF))[1]
    new = cell.step(x_BF, old)[1]
    kept_BH = [new[0][i] == old[0][i] for i in (0, 1)]
    assert kept_BH[part].double().mean().item() == pytest.approx(SHARE, abs=0.1)
    assert not torch.equal(*kept_BH)


def test_lanes_that_go_on_get_another_mask_of_the_same_share():
    model = a_model(**{**TWO, "model.recurrent_dropout": SHARE}).train()
    start = model.initial_state(LANES)
    for layer, state in zip(start, model.carry(start, torch.zeros(LANES, dtype=torch.bool)), strict=True):
        assert not torch.equal(state[1], layer[1])
        assert (state[1] == 0).double().mean().item() == pytest.approx(SHARE, abs=0.1)
        assert state[1].unique().tolist() == pytest.approx([0, 1 / (1 - SHARE)])


def test_zoneout_of_a_cell_whose_states_are_parts_of_one_value_is_refused():
    """One by one, sLSTM's sums and their scale once made NaN of a run within some fifty steps."""
    with pytest.raises(ConfigError, match=r"model\.zoneout=0\.5: SLSTM has states that are parts of one value"):
        a_model(cell="slstm", **{"model.zoneout": 0.5})
    a_model(cell="slstm", **{"model.recurrent_dropout": 0.5})  # of h alone, which is a mean
