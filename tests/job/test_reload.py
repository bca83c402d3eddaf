"""A stored run brought back: what it offers, and that nothing else is touched by it."""

import pytest
import torch
from cli_tools import COPY, records
from torch import Generator

from bench.api import leaves
from bench.errors import ConfigError, StoreError
from bench.job.reload import reload
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
