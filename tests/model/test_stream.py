"""Streaming by one generated function a step gives what `model.step` gives, and carries the same state."""

import pytest
import torch
from streamed import a_model, inputs_of

from bench.api import Features, Metric, TaskSpec, leaves
from bench.cells.gru import GRU
from bench.cells.mlstm import MLSTM
from bench.cells.vanilla import Vanilla
from bench.errors import ConfigError
from bench.model import stream as stream_module
from bench.model.around import Around
from bench.model.sequence import SequenceModel
from bench.model.stream import Stream

MODELS = {
    "one-hot": lambda: a_model(),
    "embedding, two layers": lambda: a_model(GRU, embedding=4, layers=2),
    "features, norms and a residual path": lambda: a_model(
        GRU, Features(3), layers=2, around=Around(pre_norm="rms", norm="layer", residual=True, mlp=2)
    ),
    "no head": lambda: SequenceModel(
        TaskSpec("given-v1", Features(3), 0, "every_step", Metric("m", "", "max", 0.0), "", ""), GRU, 9
    ).eval(),
    "panels side by side, the last one not full": lambda: a_model(GRU, Features(40), hidden=139),
    "float64": lambda: a_model(GRU, Features(3), hidden=37).double(),
    "no kernel": lambda: a_model(MLSTM, hidden=8),
}


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_stream_is_the_model_s_steps(name, lanes, monkeypatch):
    monkeypatch.setattr(stream_module, "_RING", 4)
    model = MODELS[name]()
    stream, state = Stream(model, lanes), model.initial_state(lanes)
    assert (stream.refused is None) == (name != "no kernel")
    outputs = []
    inputs = inputs_of(model, 11, lanes)
    inputs = inputs.to(model.like.dtype) if inputs.is_floating_point() else inputs
    for x in inputs:
        right, state = model.step(x, state)
        outputs.append(stream(x))
        torch.testing.assert_close(outputs[-1], right, rtol=1e-5, atol=1e-6)
        for mine, its in zip(leaves(stream.state), leaves(state), strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-5, atol=1e-6)
    stream.reset()
    for x, before in zip(inputs, outputs, strict=True):
        assert torch.equal(stream(x), before)


def test_a_stream_reads_inputs_that_have_gradients_and_keeps_none():
    stream = Stream(a_model(GRU, Features(3)))
    for _ in range(3):
        outputs = stream(torch.randn(1, 3, requires_grad=True) * 2)
        assert not outputs.requires_grad and not any(leaf.requires_grad for leaf in leaves(stream.state))


def test_a_model_without_a_kernel_says_why_and_streams_all_the_same():
    stream = Stream(a_model(MLSTM, hidden=8))
    assert stream.refused == "_unsafe_view mixes lanes and units"
    with torch.autocast("cpu", torch.bfloat16):
        assert "autocast" in Stream(a_model()).refused


def test_a_stream_that_begins_in_inference_mode_has_the_same_function():
    """As the speed of a run is measured: operations are seen as a whole there."""
    model = a_model(GRU, embedding=4)
    with torch.inference_mode():
        stream = Stream(model)
        assert stream.refused is None
        for x in inputs_of(model, 3, 1):
            found = stream(x)
    state = model.initial_state(1)
    for x in inputs_of(model, 3, 1):
        right, state = model.step(x, state)
    torch.testing.assert_close(found, right, rtol=1e-5, atol=1e-6)


class Shaken(Vanilla):
    """Draws random numbers in evaluation too."""

    def step(self, x_BF, state):
        h_BH, state = super().step(x_BF, state)
        return h_BH + torch.rand_like(h_BH), state


def test_random_numbers_are_drawn_anew_at_each_step():
    stream = Stream(a_model(Shaken))
    assert stream.refused == "it draws random numbers in evaluation, others at each step"
    assert not torch.equal(stream(torch.tensor([1])), Stream(stream.model)(torch.tensor([1])))


class Deaf(Vanilla):
    """Makes nothing of its inputs."""

    def gates(self, x_proj, h_proj, *state):
        return torch.tanh(h_proj + 1)


@torch.no_grad()
def test_a_cell_that_reads_no_input_streams():
    model = a_model(Deaf)
    stream, state = Stream(model), model.initial_state(1)
    for x in inputs_of(model, 3, 1):
        right, state = model.step(x, state)
        torch.testing.assert_close(stream(x), right)


class Counting(Vanilla):
    """Divides by the number of lanes, which a trace takes for a number of the equation."""

    def step(self, x_BF, state):
        h_BH, _ = super().step(x_BF, state)
        h_BH = h_BH / len(h_BH)
        return h_BH, (h_BH,)


def test_a_generated_step_that_differs_from_the_model_s_is_not_taken():
    model = a_model(Counting)
    stream, state = Stream(model, 2), model.initial_state(2)
    assert stream.refused == "the generated step differs from the model's"
    for x in inputs_of(model, 3, 2):
        right, state = model.step(x, state)
        assert torch.equal(stream(x), right)


@pytest.mark.parametrize("inputs", [None, Features(3)], ids=["symbols", "features"])
def test_inputs_of_other_lanes_are_refused_and_leave_the_state(inputs):
    model = a_model() if inputs is None else a_model(inputs=inputs)
    stream, whole = Stream(model, 2), Stream(model, 2)
    first, second = inputs_of(model, 2, 2)
    stream(first), whole(first)
    for wrong in (torch.cat([second, second]), second[:1], second[0], second[None]):
        with pytest.raises(ConfigError, match=r"a stream of 2 lanes has inputs of shape \[2(, 3)?\], not \["):
            stream(wrong)
    assert torch.equal(stream(second), whole(second))


def test_a_bidirectional_model_streams_nothing():
    with pytest.raises(ConfigError, match=r"goes no single steps: choose a run with model.bidirectional=false"):
        Stream(a_model(bidirectional=True))
