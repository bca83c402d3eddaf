"""`bench verify --scores` accuses none of 24 runs that nobody has touched, whatever their options."""

import pytest
from cli_tools import COPY, TEXT, bench, last_of_each, write_cell

from bench.command.main import main

HONEST = (
    "cell=lstm", "cell=vanilla seed=3", "cell=gru model.layers=2 model.dropout=0.5", "cell=gru unroll=kernels",
    "cell=gru unroll=eager", "cell=minlstm", "cell=transformer", "cell=mamba", "cell=gru hardware.precision=float64",
    "cell=lstm hardware.precision=bfloat16", "cell=gru bptt=truncated bptt.window=4", "cell=gru optimizer=sgd",
    "cell=gru schedule=cosine", "cell=gru ema=0.9", "cell=lstm evaluations=3",
    "task=temporal_order cell=gru model.bidirectional=true", "cell=gru match.params=3000",
    "task=adding cell=gru task.held_out=20", "task=parity cell=gru task.held_out=20", "task=charlm cell=lstm",
    "task=charlm cell=gru bptt=truncated", "cell=gru budget.steps=null budget.examples=64", "cell=custom",
    "cell=gru gradient=rtrl",
)  # fmt: skip


@pytest.mark.thorough
def test_no_honest_run_is_accused(capsys, tmp_path):
    own = write_cell(tmp_path, "pass")
    for words in HONEST:
        base = TEXT if "charlm" in words else COPY
        custom = [f"cell.target={own}:Mine"] if "custom" in words else []
        options = last_of_each([*base, *words.split(), *custom, f"results_dir={tmp_path / 'results'}"])
        assert main(options) == 0, (words, capsys.readouterr().err)
    assert bench(capsys, "leaderboard", f"results_dir={tmp_path / 'results'}").code == 0
    said = bench(capsys, "verify", str(tmp_path / "results"), "--scores", f"--trust={own}")
    assert said.code == 0, said.out
    assert "not scored again" not in said.out
