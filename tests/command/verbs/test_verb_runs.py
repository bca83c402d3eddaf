"""`bench runs` lists runs, `bench show` shows one whole, `bench rm` removes some after a question."""

import io
import os
import sys

import pytest
from cli_tools import bench, the_line
from factories import a_failure, a_record, publish

from bench.command.verbs import rm
from bench.results.store import Store
from bench.tables.whole import sparkline

BASES = [f"copy-v1_{cell}_s{seed}_{seed}a2b3c4d5e6f7a8b" for cell, seed in (("gru", 0), ("gru", 1), ("lstm", 2))]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for hour, base in enumerate(BASES):
        cell = base.split("_")[1]
        labels = {**a_record().labels, "cell": f"{cell}(model.hidden=8)"}
        publish(store, base, finished=f"2026-01-01T0{9 - hour}:00:00+00:00", labels=labels)
    (store.runs / BASES[0] / "curve.csv").write_text(
        "step,grad_norm,train_loss,valid_recall_accuracy\n1,1,2.5,0.25\n2,1,1.5,0.5\n3,1,0.5,1\n"
    )
    return store


def test_runs_are_listed_the_latest_last_and_what_they_share_is_said_once(capsys, store):
    said = bench(capsys, "runs", f"results_dir={store.runs.parent}")
    assert (said.code, said.err) == (0, "")
    head, titles, *rows = said.out.splitlines()
    assert head.startswith("task copy-v1; every cell with model.hidden=8; bptt full; budget 1500 steps; hardware")
    assert titles.split() == ["run", "cell", "status", "score", "valid", "seconds", "finished"]
    assert [row.split()[0] for row in rows] == BASES[::-1]
    assert rows[0].split()[1:5] == ["lstm", "done", "0.970", "0.980"]


@pytest.mark.parametrize(
    ("words", "bases"),
    [
        (["cell=gru"], [BASES[1], BASES[0]]),
        (["cell=gru,lstm", "seed=0"], BASES[::-1]),
        (["status=failed"], []),
        (["--last", "1"], BASES[:1]),
    ],
)
def test_words_choose_runs_by_their_columns(capsys, store, words, bases):
    lines = bench(capsys, "runs", *words, f"results_dir={store.runs.parent}").out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("copy-v1_")] == bases
    assert bases or lines == ["no run fits"]
    rows = bench(capsys, "runs", *words, "--csv", f"results_dir={store.runs.parent}").out.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == bases and rows[0].startswith("id,task,cell,bptt,")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["staus=done"], "staus: runs have no such column (did you mean status?); there are id,"),
        (["cell"], "runs: cell: not of the form COLUMN=VALUE, as in task=copy"),
        (["--last=0"], "runs: argument --last: 0: must be a whole number, 1 or more"),
    ],
)
def test_what_chooses_no_runs_is_refused(capsys, store, words, line):
    assert line in the_line(bench(capsys, "runs", *words, f"results_dir={store.runs.parent}"))


def test_a_run_is_shown_whole_and_by_a_prefix_the_latest(capsys, store):
    said = bench(capsys, "show", "copy-v1_gru", f"results_dir={store.runs.parent}")
    assert (said.code, said.err) == (0, f"copy-v1_gru: the latest of 2 runs is {BASES[0]}\n")
    facts = {line[:12].strip(): line[13:] for line in said.out.splitlines()[1:]}
    assert facts["test"].startswith("recall_accuracy 0.97") and facts["finished"].startswith("2026-01-01T09:00:00")
    assert "  curve      ▁▃█  valid recall_accuracy, 0.25 to 1\n  curve      █▅▁  train loss, 2.5 to 0.5\n" in said.out
    for part in ("in ", BASES[0], "curve.csv (", "record.json ("):
        assert part in " ".join(said.out.split())


def test_a_run_says_its_options_and_what_its_task_said_and_a_failed_one_its_reason(capsys, tmp_path):
    publish(Store(tmp_path), "some", changed={"model.hidden": 8, "task.splits": [0.9, 0.1]}, notes=["two rows dropped"])
    publish(Store(tmp_path), "other", **vars(a_failure()) | {"id": "other"})
    done, failed = (bench(capsys, "show", name, f"results_dir={tmp_path}").out for name in ("some", "oth"))
    assert (
        "\n  options    model.hidden=8, task.splits=[0.9, 0.1]\n" in done
        and "\n  data       two rows dropped\n" in done
    )
    assert "\n  reason     model.hidden=0: must be 1 or more\n" in failed


def test_a_course_is_drawn_from_its_least_to_its_largest_value():
    import pandas as pd

    assert sparkline(pd.Series([0.0, 7, 3.5, 7]), 9) == "▁█▅█"
    assert sparkline(pd.Series([2.0, 2]), 9) == "▁▁"
    assert sparkline(pd.Series([float(n) for n in range(1000)]), 8) == "▁▂▃▄▅▆▇█"


def removed(capsys, store, *words):
    said = bench(capsys, "rm", *words, f"results_dir={store.runs.parent}")
    return said, [base for base in BASES if not (store.runs / base).exists()]


def test_without_a_terminal_nothing_is_removed_but_with_yes(capsys, store):
    said, gone = removed(capsys, store, BASES[0])
    assert "there is no terminal to ask at: add --yes" in the_line(said) and not gone
    said, gone = removed(capsys, store, BASES[0], "copy-v1_lstm", "--yes")
    assert said.code == 0 and gone == [BASES[0], BASES[2]] and said.out.splitlines()[-1] == "removed 2 runs"
    assert f"{BASES[0]}  done, recall_accuracy 0.97, " in said.out
    assert (store.runs.parent / "leaderboard.csv").read_text().count("gru") == 1


@pytest.mark.parametrize(("answer", "gone"), [("y", BASES[:1]), ("n", []), ("", [])])
def test_at_a_terminal_it_asks(capsys, store, monkeypatch, answer, gone):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    said, found = removed(capsys, store, BASES[0])
    assert found == gone and said.code == int(not gone) and "remove this run for good? [y/N]" in said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("copy-v1_gru",), "rm: copy-v1_gru is the beginning of 2 runs: "),
        ((BASES[0], "nothing"), "there is no run nothing in"),
        (("elsewhere/run",), "is no run of"),
    ],
)
def test_where_one_name_is_wrong_nothing_is_removed(capsys, store, monkeypatch, tmp_path, words, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    os.rename(publish(Store(tmp_path / "other"), "run"), tmp_path / "elsewhere" / "run")
    said, gone = removed(capsys, store, *words, "--yes")
    assert line in the_line(said) and not gone and (tmp_path / "elsewhere" / "run").exists()


def test_a_run_under_way_cannot_be_named(capsys, store):
    with store.open("busy", "busy") as folder:
        folder.path("checkpoint-1.pt").write_bytes(b"")
        hidden = next(store.runs.glob(".busy*"))
        for name in (hidden.name, str(hidden), "busy", "."):
            said, _ = removed(capsys, store, name, "--yes")
            assert said.code == 1 and "no run" in the_line(said)
        assert hidden.is_dir() and rm.__doc__


def test_a_label_with_commas_is_one_value(capsys, store):
    hardware = a_record().labels["hardware"]
    assert ", " in hardware
    said = bench(capsys, "runs", f"hardware={hardware}", f"results_dir={store.runs.parent}")
    assert said.code == 0 and all(base in said.out for base in BASES)
