"""A model as ONNX: by onnxruntime it computes what the model does, for any number of steps and lanes."""

import pytest
import torch
from streamed import a_model, by_steps, inputs_of

from bench.api import leaves
from bench.errors import BenchError, ConfigError
from bench.export import onnx_file as onnx_module
from bench.export.onnx_file import onnx_file, over_time
from bench.export.onnx_run import run_and_checked

onnx = pytest.importorskip("onnx", reason="bench-sequences[onnx] is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="bench-sequences[onnx] is not installed")
pytest.importorskip("onnxscript", reason="bench-sequences[onnx] is not installed")


def ran(content, **given):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, given), strict=True))


def test_a_step_becomes_the_body_of_a_loop_over_time():
    """Running sums of what is added, and twice that: of a step written by hand."""
    helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

    def row(name):
        return helper.make_tensor_value_info(name, FLOAT, ["B", 2])

    nodes = [
        helper.make_node("Add", ["inputs", "state_0"], ["next_state_0"]),
        helper.make_node("Mul", ["next_state_0", "two"], ["outputs"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [row("inputs"), row("state_0")], [row("outputs"), row("next_state_0")],
        [helper.make_tensor("two", FLOAT, [1], [2.0])],
    )  # fmt: skip
    step = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    whole = over_time(step, 1)
    onnx.checker.check_model(whole, full_check=True)
    x, begun = torch.arange(12.0).view(3, 2, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = ran(whole.SerializeToString(), inputs=x.numpy(), state_0=begun.numpy())
    sums = begun + x.cumsum(0)
    assert found["outputs"].tolist() == (2 * sums).tolist() and found["next_state_0"].tolist() == sums[-1].tolist()


@pytest.fixture(scope="module")
def exported():
    """A model, and the ONNX of its step; torch.onnx takes seconds for it."""
    model = a_model(embedding=4)
    return model, onnx_file(model, {"run": "copy-v1"}, scans=False)


@pytest.fixture
def whole(exported, monkeypatch):
    """The ONNX over time of that model."""
    monkeypatch.setattr(onnx_module, "_exported", lambda *_: onnx.load_from_string(exported[1]))
    return onnx_file(exported[0], {}, scans=True)


@pytest.mark.slow
def test_whole_sequences_of_any_length_and_number_are_those_of_the_model(exported, whole):
    model, _ = exported
    for T, B in ((7, 3), (1, 1)):
        inputs = inputs_of(model, T, B)
        right, states = by_steps(model, inputs)
        begin = {f"state_{i}": leaf.numpy() for i, leaf in enumerate(leaves(model.initial_state(B)))}
        found = ran(whole, inputs=inputs.numpy(), **begin)
        torch.testing.assert_close(torch.from_numpy(found["outputs"]), right, rtol=1e-5, atol=1e-6)
        for i, leaf in enumerate(leaves(states[-1])):
            torch.testing.assert_close(torch.from_numpy(found[f"next_state_{i}"]), leaf, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_its_metadata_says_what_it_is_and_where_it_begins(exported):
    found = {each.key: each.value for each in onnx.load_from_string(exported[1]).metadata_props}
    assert found == {"run": "copy-v1", "initial_state_0": "0.0", "initial_state_1": "0.0"}


@pytest.mark.slow
@pytest.mark.parametrize("scans", [False, True])
def test_another_weight_is_seen(exported, whole, scans):
    model, content = exported[0], whole if scans else exported[1]
    assert run_and_checked(content, model, inputs_of(model, 9, 2), scans) < 1e-6
    spoilt = onnx.load_from_string(content)
    bias = next(each for each in spoilt.graph.initializer if each.name.endswith("head.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 1e-3, bias.name))
    with pytest.raises(BenchError, match=r"the exported outputs differ from the model's by 0.001"):
        run_and_checked(spoilt.SerializeToString(), model, inputs_of(model, 9, 2), scans)


def test_what_torch_cannot_export_is_a_line(monkeypatch):
    def fails(*_, **__):
        try:
            raise NotImplementedError("there is no view_as_complex\nand much more")
        except NotImplementedError as error:
            raise RuntimeError("step 3 of 3") from error

    monkeypatch.setattr(torch.onnx, "export", fails)
    line = "no form for a step of this model: NotImplementedError: there is no view_as_complex; try --format=c"
    with pytest.raises(ConfigError, match=f"^torch.onnx has {line}$"):
        onnx_file(a_model(), {}, scans=True)
