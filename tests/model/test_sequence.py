"""The model around a cell: encoder, stacked cells, dropout, head; what goes in and what comes out."""

from dataclasses import replace

import pytest
import torch
from tiny import CELLS, CLASSES, FEATURES, Given, Turning, a_batch, a_model

from bench.cells.gru import GRU
from bench.cells.vanilla import Vanilla
from bench.measure.flops import parameter_count
from bench.model.sequence import OneHot, SequenceModel

TOKENS = Turning().spec


def of_tokens(**shape):
    torch.manual_seed(0)
    model = SequenceModel(TOKENS, GRU, hidden=5, **shape)
    model.choose_unroll("eager")
    return model


def test_one_hot_makes_each_symbol_a_unit_vector():
    vectors = OneHot(4)(torch.tensor([[2, 0]]))
    assert vectors.tolist() == [[[0, 0, 1, 0], [1, 0, 0, 0]]]
    assert not list(OneHot(4).parameters())
    assert not OneHot(4).state_dict()


@pytest.mark.parametrize(("embedding", "width"), [(0, CLASSES), (7, 7)])
def test_symbols_come_as_unit_vectors_or_through_an_embedding(embedding, width):
    model = of_tokens(embedding=embedding)
    assert model.cells[0].input_size == width
    logits, _ = model(torch.zeros(3, 2, dtype=torch.int64), model.initial_state(2))
    assert logits.shape == (3, 2, CLASSES)


def test_features_go_to_the_first_cell_as_they_are():
    model = a_model()
    assert model.cells[0].input_size == FEATURES
    assert model.encoder(a_batch().inputs) is not None
    assert parameter_count(model.encoder) == 0


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layers_are_stacked_and_each_has_a_state(cell, layers):
    model, batch = a_model(cell, layers), a_batch(T=3, B=2)
    assert [c.input_size for c in model.cells] == [FEATURES, *[5] * (layers - 1)]
    _, state = model(batch.inputs, model.initial_state(2))
    assert len(state) == layers
    assert all(part.shape == (2, 5) for layer in state for part in layer)


def test_a_second_layer_reads_the_first_ones_outputs():
    model, inputs = a_model(Vanilla, layers=2), a_batch(T=1).inputs
    logits, (first, second) = model(inputs, model.initial_state(2))
    below, above = model.cells
    assert torch.equal(first[0], below.step(inputs[0], below.initial_state(2, inputs))[0])
    assert torch.allclose(second[0], above.step(first[0], above.initial_state(2, inputs))[0])
    assert torch.allclose(logits[0], model.head(second[0]))


def test_dropout_acts_in_training_between_layers_and_before_the_head_and_never_in_evaluation():
    model, inputs = a_model(layers=2, dropout=0.5), a_batch(T=8).inputs
    state = model.initial_state(2)
    a, b = (model(inputs, state) for _ in range(2))
    assert not torch.equal(a[0], b[0])
    assert torch.equal(a[1][0][0], b[1][0][0]), "the first layer's input is not dropped"
    assert not torch.equal(a[1][1][0], b[1][1][0]), "the second layer's is"
    model.eval()
    assert torch.equal(model(inputs, state)[0], model(inputs, state)[0])


def test_the_model_keeps_no_state():
    model, inputs = a_model(layers=2), a_batch().inputs
    state = model.initial_state(2)
    assert torch.equal(model(inputs, state)[0], model(inputs, state)[0])


def test_weights_are_counted_and_stored_once_although_the_vendors_layer_shares_them():
    model = a_model(GRU)
    before = parameter_count(model), list(model.state_dict())
    assert model.choose_unroll("vendor") == "vendor"
    assert (parameter_count(model), list(model.state_dict())) == before


def test_the_vendors_layer_follows_weights_that_are_loaded_or_updated():
    """As when best weights are loaded, or an optimiser steps: the vendor's layer must not keep old ones."""
    model, other, inputs = a_model(GRU), a_model(GRU, seed=1), a_batch().inputs
    model.choose_unroll("vendor")
    model.load_state_dict(other.state_dict())
    state = model.initial_state(2)
    torch.testing.assert_close(model(inputs, state)[0], other(inputs, state)[0])
    with torch.no_grad():
        for parameter in (*model.parameters(), *other.parameters()):
            parameter.mul_(2)
    torch.testing.assert_close(model(inputs, state)[0], other(inputs, state)[0])


def test_a_state_of_too_few_layers_is_an_error():
    model = a_model(layers=2)
    with pytest.raises(ValueError, match="shorter"):
        model(a_batch().inputs, model.initial_state(2)[:1])


def test_the_head_is_as_wide_as_the_task_asks():
    spec = replace(Given(train=[a_batch()]).spec, outputs=9)
    assert SequenceModel(spec, GRU, hidden=5).head.out_features == 9
