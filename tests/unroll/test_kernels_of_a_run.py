"""Runs whose cells go by generated kernels."""

import pytest
import torch
from cli_tools import COPY, bench, records
from tiny import Given, a_batch, a_setup, fitted, truncated

from bench.config.schema import HardwareConfig, ModelConfig
from bench.job import execute as runner
from bench.job.reload import reload
from bench.measure.memory import measure_memory
from bench.unroll import rule

WAYS = {
    "windows that overlap": {"bptt": truncated(4, horizon=8), "ema": 0.9, "accumulate": 2},
    "checkpoints, layers and noise": {
        "bptt": truncated(None, checkpoint=True),
        "model": ModelConfig(hidden=5, layers=2, dropout=0.2, zoneout=0.2, recurrent_dropout=0.2),
        "hardware": HardwareConfig(device="cpu", precision="float64", deterministic=True),
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_training_by_kernels_is_training_by_the_loop(way):
    batches = [a_batch(11, 2, seed=seed, fresh=seed % 2 == 0) for seed in range(8)]
    weights = []
    for unroll in ("eager", "kernels"):
        setup = a_setup(
            Given(train=batches, valid=batches[:1]), cell="bench.cells.vanilla.Vanilla", unroll=unroll, **WAYS[way]
        )
        assert setup.unroll == unroll
        fitted(setup)
        weights.append(torch.cat([weight.flatten() for weight in setup.model.parameters()]))
    torch.testing.assert_close(*weights, rtol=0, atol=1e-10)


def test_checkpoints_give_back_what_a_backward_pass_needs():
    task = Given(train=[a_batch(200, 8)])
    whole, few = (
        measure_memory(
            a_setup(task, bptt=truncated(None, checkpoint=recompute), cell="bench.cells.lstm.LSTM", unroll="kernels")
        )["activations_mib"]
        for recompute in (False, True)
    )
    assert few < 0.4 * whole


@pytest.mark.form_by_rule
def test_a_run_that_goes_on_in_another_form_says_so_and_a_loaded_one_has_the_form_it_had(capsys, monkeypatch, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    run = [option for option in COPY if not option.startswith("budget")] + ["cell=gru", "checkpoint.steps=1"]
    with monkeypatch.context() as patched:
        patched.setattr(rule, "PAYS", 1000)
        patched.setattr(runner, "evaluate", interrupt)
        assert bench(capsys, *run, "budget.steps=3", f"results_dir={tmp_path}").code == 130
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    assert reload(folder, trained=False).model.form.name == "vendor"
    monkeypatch.setattr(rule, "PAYS", 100)
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    more = tmp_path / "more"
    said = bench(capsys, *run, "budget.steps=5", f"results_dir={more}", f"resume={folder}")
    assert said.code == 0
    assert "that run had unroll vendor and has kernels here" in said.err
    (record,) = records(more)
    assert (record["resumed"]["unroll"], record["unroll"]) == ("vendor", "kernels")
    monkeypatch.undo()
    (folder,) = (more / "runs").glob("[!.]*")
    assert reload(folder).model.form.name == "kernels"


@pytest.mark.form_by_rule
def test_the_same_command_that_goes_on_in_another_form_says_so_on_the_screen_and_in_the_record(
    capsys, monkeypatch, tmp_path
):
    def interrupt(*_):
        raise KeyboardInterrupt

    command = [*COPY, "cell=gru", "checkpoint.steps=1", f"results_dir={tmp_path}"]
    monkeypatch.setattr(runner, "measure_speed", lambda *_: None)
    for pays in (1, 10**9):
        with monkeypatch.context() as patched:
            patched.setattr(rule, "PAYS", pays)
            patched.setattr(runner, "evaluate", interrupt)
            said = bench(capsys, *command)
        assert said.code == 130
    assert "up to there cells went by kernels, and go on by vendor: it rounds differently" in said.err
    monkeypatch.setattr(rule, "PAYS", 10**9)
    assert bench(capsys, *command).code == 0
    *_, record = sorted(records(tmp_path), key=lambda each: each["status"] == "done")
    assert (record["resumed"], record["unroll"]) == ({"unroll": "kernels"}, "vendor")
    assert "from cells that went by kernels" in bench(capsys, "show", record["id"], f"results_dir={tmp_path}").out
