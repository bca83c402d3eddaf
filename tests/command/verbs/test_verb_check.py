"""`bench check`: a line a law or a row a cell, and the exit code that a script needs."""

from pathlib import Path

import pytest

from bench.checks import CELL_LAWS, TASK_LAWS, Verdict, cell_time
from bench.command.registry import find
from bench.errors import ConfigError

MUTANTS = Path(__file__).parents[2] / "mutants_cells.py"

run = find("check").run


@pytest.fixture(autouse=True)
def not_so_long(monkeypatch):
    """The law of 10,000 steps over fewer: what it finds is for the tests of the laws."""
    monkeypatch.setattr(cell_time, "_LONG", 100)


def of_mine(name):
    return ["cell=custom", f"cell.target={MUTANTS}:{name}"]


def test_a_cell_gets_a_line_for_each_law(capsys):
    assert run(["cell=gru", "model.hidden=2"]) == 0
    name, *lines, last = capsys.readouterr().out.splitlines()
    assert (name, last) == ("gru", f"laws that hold: {len(CELL_LAWS)} of {len(CELL_LAWS)}")
    assert [line.split("passed")[1].split(":")[0].strip() for line in lines] == list(CELL_LAWS)


@pytest.mark.parametrize("start", [["cell=minlstm", "init.forget_bias=1"], ["init=orthogonal", "cell=lstm"]])
def test_a_cell_is_checked_from_the_start_that_was_chosen(capsys, start):
    assert run([*start, "model.hidden=2"]) == 0


def test_a_broken_law_is_exit_code_1(capsys):
    assert run(of_mine("UnusedParameter")) == 1
    out = capsys.readouterr().out
    assert "\n  failed               every parameter gets a finite gradient: eager: the gradient of `spare`" in out
    assert out.startswith("custom:UnusedParameter\n") and out.endswith(f"{len(CELL_LAWS) - 1} of {len(CELL_LAWS)}\n")


def test_a_failure_that_the_class_declares_is_exit_code_0(capsys):
    assert run(of_mine("AdmitsToRound")) == 0
    out = capsys.readouterr().out
    assert "\n  expected failure     gradcheck in float64: rounds its drive (eager: " in out
    assert out.endswith(f"{len(CELL_LAWS) - 1} of {len(CELL_LAWS)} (1 fails as expected)\n")


def test_what_a_window_sees_is_told(capsys):
    assert run(["cell=ngram_mlp", "cell.context=5"]) == 0
    assert "\nreceptive field: 5 inputs\n" in capsys.readouterr().out


def test_help_states_every_law(capsys):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{law}: " in out for law in (*CELL_LAWS, *TASK_LAWS))


@pytest.mark.parametrize(("flags", "sides"), [([], ("", "")), (["--markdown"], ("| ", " |"))])
def test_several_cells_make_a_table_that_one_bad_name_does_not_end(capsys, flags, sides):
    assert run(["cell=vanilla,gruu,ugrnn", *flags]) == 1
    rows = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(sides[0]) and line.endswith(sides[1])
    ]
    cells = [[text.strip() for text in row.strip("| ").replace("|", "  ").split("  ") if text.strip()] for row in rows]
    flops = ["FLOPs forward", "FLOPs backward", "FLOPs streaming"]
    assert cells[0] == [
        *["cell", "parameters", *flops, "unroll", "receptive field", "equation", "block", "start", "laws"]
    ]
    assert next(row for row in cells if row[0] == "vanilla") == [
        *["vanilla", "24,832", "49,152 + 512", "97,792 + 1,338", "49,152 + 512", "eager, vendor", "all"],
        *["Elman 1990", "none", "torch.nn", f"{len(CELL_LAWS)} of {len(CELL_LAWS)}"],
    ]
    assert ["gruu", *["-"] * 9, "0 of 1"] in cells
    assert any(row[0] == "ugrnn" and row[-1] == f"{len(CELL_LAWS)} of {len(CELL_LAWS)}" for row in cells)


def test_a_task_is_checked_in_the_same_way(capsys):
    assert (
        run(["task=custom", f"task.target={MUTANTS.with_name('mutants_tasks.py')}:RosyChance", "+task.symbols=5"]) == 1
    )
    out = capsys.readouterr().out
    assert out.startswith("copy-v1\n") and out.endswith(f"laws that hold: {len(TASK_LAWS) - 1} of {len(TASK_LAWS)}\n")
    assert "\n  failed               a constant predictor scores chance: metric.chance is 0.5" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cell=gruu"], "did you mean gru"),
        (["cell=gru", "cell.blocks=2"], r"cell\.blocks: there is no such option"),
        (["cell=custom"], r"cell\.target is not set"),
        (["cell=custom", "cell.target=nowhere.py:Mine"], "there is no file nowhere.py"),
        (["cell=gru", "model.hidden=0"], r"model\.hidden=0"),
        (
            ["cell=vanilla", "init.forget_bias=1"],
            "init.forget_bias=1.0: Vanilla has no gate with a bias that keeps its state",
        ),
        (["cell=gru", "seed=3"], "seed=3: bench check takes cell=NAME"),
        (["task=copy", "task.delay=0"], r"task\.delay=0"),
        (["task=copy", "model.hidden=4"], "model.hidden=4: bench check takes task=NAME"),
        (["gru"], "check: gru: write cell=gru"),
    ],
)
def test_a_wrong_command_is_one_line(arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        run(arguments)
    assert "\n" not in str(caught.value)


def test_an_audit_is_of_a_task_alone():
    with pytest.raises(ConfigError, match="check: --audit is for tasks: write task=NAME --audit"):
        run(["cell=gru", "--audit"])


def test_what_an_audit_finds_stands_below_the_laws_and_decides_the_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(
        "bench.job.checked.audit", lambda probe, config: [Verdict("test is not near train", "failed", "all")]
    )
    monkeypatch.setattr("bench.job.checked.check_task", lambda *_: [])
    assert run(["task=copy", "--audit"]) == 1
    assert "failed               test is not near train: all" in capsys.readouterr().out
    assert run(["task=copy"]) == 0
