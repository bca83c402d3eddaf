"""The rule by which `unroll=auto` takes kernels: by cell, size, arithmetic and budget, and by nothing else."""

import re
import sys

import pytest
from cli_tools import COPY
from kernel_tools import forget_compiler
from tiny import a_config

from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.config.compose import compose
from bench.config.schema import BudgetConfig
from bench.job.ended import Ended
from bench.job.opening import say_what_begins
from bench.job.prepared import prepare
from bench.kernels import compiler
from bench.tables.whole import whole
from bench.unroll.rule import PAYS, PAYS_BESIDE_ONEDNN, WIDE, against_kernels, time_steps

pytestmark = pytest.mark.form_by_rule

_SHORT = tuple(option for option in COPY if not option.startswith("budget"))
GRUS = (*_SHORT, "cell=gru")  # steps of 20 time steps each


@pytest.mark.parametrize(
    ("cell", "precision", "trained", "why"),
    [
        (GRU(3, 8), "float32", PAYS, None),
        (GRU(3, 8), "float64", PAYS, None),
        (GRU(3, 8), "float32", PAYS - 1, "pays from 20,000 time steps of training on, and there are 19,999"),
        (GRU(3, WIDE), "float32", PAYS, None),
        (GRU(3, 8), "bfloat16", PAYS, "they are for float32 and float64 on a CPU, and this is bfloat16 on cpu"),
        (GRU(3, 8).to("meta"), "float32", PAYS, "they are for .*, and this is float32 on meta"),
        (LSTM(3, 8), "float32", PAYS_BESIDE_ONEDNN, None),
        (LSTM(3, 8), "float32", PAYS_BESIDE_ONEDNN - 1, "pays from 100,000"),
        (LSTM(3, WIDE), "float32", float("inf"), "torch.nn's LSTM is faster from 256 units on"),
        (LSTM(3, 8, peepholes=True), "float32", PAYS, None),
    ],
)  # fmt: skip
def test_kernels_are_taken_where_they_pay(cell, precision, trained, why):
    said = against_kernels(cell, precision, trained)
    assert (said is None) == (why is None)
    assert re.search(why or "", said or "")


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        (BudgetConfig(steps=10), 10 * 3 * 7),
        (BudgetConfig(examples=100), 100 / 5 * 7),
        (BudgetConfig(examples=100, seconds=5.0), 20_000),
    ],
)
def test_what_a_budget_trains_over_is_in_its_options(budget, steps):
    assert time_steps(a_config(budget=budget, batch_size=5, accumulate=3), 7) == steps


def prepared(*options):
    run = prepare(compose([*options]))
    assert run.error is None, run.error
    return run


def test_a_run_that_is_long_enough_goes_by_kernels_and_its_record_says_which_compiler_made_them(tmp_path):
    run = prepared(*GRUS, "budget.steps=1000")
    record = Ended().record(run)
    assert (record.unroll, record.form_refused) == ("kernels", None)
    assert record.versions["c++"] == compiler.version()
    assert f"kernels    by {compiler.version()}"[:40] in whole(record, tmp_path, 200)


def test_a_shorter_one_goes_as_before_and_only_its_record_says_why(caplog):
    run = prepared(*GRUS, "budget.steps=999")
    say_what_begins(run)
    record = Ended().record(run)
    assert record.unroll == "vendor"
    assert record.form_refused == (
        "unroll=auto takes vendor, and not kernels: to compile them pays from 20,000 time steps of training on, and "
        "there are 19,980"
    )
    assert "c++" not in record.versions
    assert not any("kernels" in line for line in caplog.messages)


def test_without_a_compiler_auto_takes_what_there_was_before_and_says_so(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    forget_compiler()
    try:
        run = prepared(*GRUS, "budget.steps=1000")
    finally:
        forget_compiler()
    assert run.setup.unroll == "vendor"
    assert run.setup.model.form.refused == (
        "unroll=auto takes vendor, and not kernels: GRU has no kernels: there is no C++ compiler here: install one, or "
        "bench-sequences[kernels]"
    )
    say_what_begins(run)
    assert run.setup.model.form.refused in caplog.messages


def test_a_run_is_the_same_whether_its_kernels_were_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    first, second = (prepared(*GRUS, "budget.steps=1000") for _ in range(2))
    assert [*tmp_path.glob("kernels/*.so")]
    assert first.identity.hash == second.identity.hash
    assert "files" not in second.identity.code
