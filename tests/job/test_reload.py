"""A stored run brought back: what it offers, and that nothing else is touched by it."""

import json
import shutil

import pytest
import torch
from cli_tools import COPY, records
from safetensors.torch import load_file, save_file
from torch import Generator
from traces import made

from bench.api import leaves
from bench.errors import BenchError, ConfigError, StoreError
from bench.job.reload import load_weights, reload
from bench.results.store import Store


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a run over symbols that is done."""
    from bench.command.main import main

    folder = tmp_path_factory.mktemp("reload")
    assert main([*COPY, "cell=lstm", "model.dropout=0.5", "model.layers=2", f"results_dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def run(results):
    return reload(Store(results).resolve("copy"))


def test_it_has_record_options_curve_task_and_a_model_that_drops_nothing(run, results):
    (record,) = records(results)
    assert run.record.id == run.folder.name == record["id"]
    assert (run.config.model.hidden, run.config.hardware.device) == (8, "cpu")
    assert run.task.spec.id == record["task"]
    assert run.curve["valid_recall_accuracy"].tolist() == [record["metric"]["valid"]]
    assert not run.model.training


def test_its_predictions_score_what_the_record_says(run):
    totals = {}
    for batch in run.batches("test", 7):
        logits, _ = run.predict(batch.inputs)
        for name, value in run.task.tally(logits, batch).items():
            totals[name] = totals.get(name, 0.0) + value.item()
    assert run.task.scores(totals)["recall_accuracy"] == run.record.metric["test"]


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_stream_in_pieces_with_the_state_carried_predicts_the_same(run, chunk):
    inputs = next(run.batches("valid", 2)).inputs
    whole, last = run.predict(inputs)
    pieces, state = [], None
    for start in range(0, len(inputs), chunk):
        logits, state = run.predict(inputs[start : start + chunk], state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces), whole)
    for one, other in zip(leaves(state), leaves(last), strict=True):
        torch.testing.assert_close(one, other)
    state = run.model.initial_state(2)
    for step, inputs_B in enumerate(inputs):
        logits, state = run.step(inputs_B, state)
        torch.testing.assert_close(logits, whole[step])


def test_batches_are_the_tasks_own(run):
    ours, theirs = next(run.batches("train")), next(run.task.batches("train", 32, Generator().manual_seed(0)))
    assert torch.equal(ours.inputs, theirs.inputs)
    assert len(next(run.batches("valid", 3)).fresh) == 3


def test_reading_a_run_leaves_torch_as_it_was(results):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    try:
        with torch.inference_mode():
            run = reload(Store(results).resolve("copy"))
        run.predict(next(run.batches("valid", 2)).inputs)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.rand(3), wanted)


def test_predictions_can_be_learned_from(run):
    """They are no tensors of inference mode, in which autograd refuses them."""
    logits, _ = run.predict(next(run.batches("valid", 2)).inputs)
    scale = torch.ones((), requires_grad=True)
    (logits * scale).sum().backward()
    assert scale.grad is not None


def test_only_an_encoder_decoder_decodes(run):
    with pytest.raises(ConfigError, match=r"writes at every time step of its input: call predict\(inputs\)"):
        run.decode(torch.zeros(2, 1, dtype=torch.int64))


def test_weights_that_do_not_fit_are_one_line(run, results, tmp_path):
    import shutil

    broken = tmp_path / run.folder.name
    shutil.copytree(run.folder, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(StoreError, match=r"does not load into the run's model \(.*\): run it again"):
        reload(broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="has no weights: choose a run that is done"):
        reload(broken)
    untrained = reload(broken, trained=False)
    assert not torch.equal(untrained.model.head.weight, run.model.head.weight)


@pytest.fixture
def copied(results, tmp_path):
    """The folder of a copy of the run, to be damaged."""
    source = Store(results).resolve("copy")
    return shutil.copytree(source, tmp_path / "runs" / source.name)


def with_config(folder, change):
    """Change what a run's record says of its options."""
    tree = json.loads((folder / "record.json").read_text())
    change(tree["config"])
    (folder / "record.json").write_text(json.dumps(tree))


@pytest.mark.parametrize("part", ["hardware", "init", "bptt", "match", "checkpoint"])
def test_options_that_a_record_lacks_have_their_defaults(copied, part):
    with_config(copied, lambda config: config.pop(part))
    assert reload(copied).config.model.hidden == 8


def test_a_run_in_tf32_is_brought_back_on_a_cpu_in_float32(copied):
    with_config(copied, lambda config: config["hardware"].update(device="cuda:1", precision="tf32"))
    hardware = reload(copied).config.hardware
    assert (hardware.device, hardware.precision) == ("cpu", "float32")


def nested(levels):
    return {"a": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("hardware", None, "does not hold the options of a run"),
        ("cell", "lstm", "does not hold the options of a run"),
        ("task", nested(500), "does not hold the options of a run"),
        ("cell", {"_target_": "bench.cells.vanilla.Vanilla", "init": []}, "does not hold the options of a run"),
        ("model", [1], "model=.*: input should be a dictionary"),
        ("model", {"hidden": 10**400}, "model.hidden has 401 digits"),
        ("seed", -1, "seed=-1: input should be greater than or equal to 0"),
        ("task", {}, "task._target_=: write file.py:Class"),
    ],
    ids=range(8),
)
def test_options_that_are_none_are_named_in_a_line(copied, part, value, words):
    with_config(copied, lambda config: config.update({part: value}))
    with pytest.raises(BenchError, match=words) as caught:
        reload(copied)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(copied, value):
    weights = load_file(copied / "model.safetensors")
    weights["head.bias"][0] = value
    save_file(weights, copied / "model.safetensors")
    with pytest.raises(StoreError, match=r"model\.safetensors is damaged \(weights of head.bias are NaN or infinite\)"):
        reload(copied)
    assert reload(copied, trained=False).record.id == copied.name


def test_a_damaged_curve_is_named_when_it_is_asked_for(copied):
    (copied / "curve.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match=r"curve\.csv is damaged"):
        reload(copied, trained=False).curve  # noqa: B018


def test_weights_of_older_code_are_brought_back_within_the_bounds_of_today_s(tmp_path):
    """An IndRNN once clamped its weights in its equation: what it computed is kept."""
    model = made({"cell": "indrnn", "cell.u_max": 0.5}).model
    save_file({name: 9 * tensor for name, tensor in model.state_dict().items()}, tmp_path / "model.safetensors")
    load_weights(model, tmp_path / "model.safetensors")
    assert model.cells[0].weight_hh.max() == 0.5
