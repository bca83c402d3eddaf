"""Tuning: the same trials for every cell, chosen on valid, scored on seeds that no trial had, and killed without harm.

Training is replaced by a formula; preparing, storing and telling are real.
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from factories import a_failure, a_record, a_score

from bench.config.compose import compose
from bench.config.search import short_hash, space
from bench.errors import BenchError, ConfigError, Diverged
from bench.job.listener import Listener
from bench.results.labels import make_labels
from bench.study import tune as tuning
from bench.study.studies import Plan
from bench.study.tune import Watch, tune
from bench.train.validation import Validation

WORDS = ("task=copy", "task.held_out=20", "task.delay=3", "model.hidden=4", "budget.steps=3")
RATE = short_hash(space("rate"))
SILENT = Watch(lambda member: nullcontext(Listener()), lambda line: None)
BEST = {"lstm": 0.003, "gru": 0.01, "vanilla": 0.001}
"""The learning rate at which the formula scores each cell best on valid."""


class Runs(list):
    """Takes the place of `execute`: the options of all runs, in their order. It dies before the run `killed_at`, and
    `fails` are the cells of which every run diverges."""

    killed_at: int | None = None
    fails: tuple[str, ...] = ()

    def execute(self, options, listener):
        if len(self) == self.killed_at:
            self.killed_at = None
            raise KeyboardInterrupt
        self.append(options)
        cell, rate = options.choices["cell"], options.config.optimizer["lr"]
        known = {"seed": options.config.seed, "labels": make_labels("copy-v1", options, "a machine")}
        known |= {"config": options.tree, "id": f"run-{len(self)}", "cell": cell}
        if cell in self.fails:
            return a_failure(**known, status="diverged")
        valid = 1 - abs(rate / BEST[cell] - 1) / 100
        try:
            for number in range(3):
                listener.validated(Validation(number, *[0] * 7, {}, valid, True), "recall_accuracy")
        except BenchError as error:
            return a_failure(**known, reason=str(error))
        return a_record(**known, metric=a_score(1 - valid / 2 + options.config.seed / 100, valid=valid))


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(tuning, "execute", runs.execute)
    return runs


def a_plan(folder: Path, *words: str, **changes) -> Plan:
    given = {"space": space("rate"), "trials": 3, "seeds": 1, "folder": folder / "tune", **changes}
    return Plan([*WORDS, *(words or ("cell=lstm,gru",)), f"results_dir={folder}"], **given)


def words_of(found):
    return [(each.cell, each.best and each.best.words, [trial.words for trial in each.trials]) for each in found]


def test_every_cell_has_the_same_trials_and_is_chosen_on_valid_not_on_test(tmp_path, runs):
    lstm, gru = tune(a_plan(tmp_path), SILENT)
    assert [trial.values for trial in lstm.trials] == [trial.values for trial in gru.trials]
    assert len({trial.words for trial in gru.trials}) == 3
    for each in (lstm, gru):
        rate = min((t.values["optimizer.lr"] for t in each.trials), key=lambda lr: abs(lr - BEST[each.cell]))
        assert each.best.values == {"optimizer.lr": rate}
    trials = runs[:6]
    assert {options.config.results_dir for options in trials} == {str(tmp_path / "tune")}
    assert {options.config.chosen for options in trials} == {"default"}


def test_default_and_chosen_options_are_scored_on_seeds_that_no_trial_had(tmp_path, runs):
    (found,) = tune(a_plan(tmp_path, "cell=gru", "seed=5", seeds=2), SILENT)
    trials, ends = runs[:3], runs[3:]
    assert {options.config.seed for options in trials} == {5}
    assert [options.config.seed for options in ends] == [6, 7, 6, 7]
    assert [options.config.chosen for options in ends] == ["default"] * 2 + [f"3 trials of {RATE}"] * 2
    assert [options.config.optimizer["lr"] for options in ends[:2]] == [compose(WORDS).config.optimizer["lr"]] * 2
    assert {options.config.optimizer["lr"] for options in ends[2:]} == {found.best.values["optimizer.lr"]}
    assert {options.config.results_dir for options in ends} == {str(tmp_path)}
    assert {row.chosen for row in found.tuned} == {f"3 trials of {RATE}"}
    assert found.tuned[0].bptt.endswith(f"chosen=3 trials of {RATE})")


@pytest.mark.parametrize(("killed_at", "sampler"), [(2, "random"), (4, "tpe"), (7, "random")])
def test_a_tune_that_is_killed_and_taken_up_again_comes_to_the_same(tmp_path, runs, killed_at, sampler):
    whole = tune(a_plan(tmp_path / "whole", sampler=sampler), SILENT)
    runs.clear()
    runs.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        tune(a_plan(tmp_path / "killed", sampler=sampler), SILENT)
    again = tune(a_plan(tmp_path / "killed", sampler=sampler), SILENT)
    assert words_of(again) == words_of(whole)
    assert [row.test for each in again for row in each.tuned] == [row.test for each in whole for row in each.tuned]
    trials = [options for options in runs if options.config.results_dir.endswith("tune")]
    assert len(trials) == 6, "no trial is run twice"


def test_more_trials_go_on_from_those_that_are_there_and_fewer_take_the_first(tmp_path, runs):
    (three,) = tune(a_plan(tmp_path, "cell=gru"), SILENT)
    runs.clear()
    (four,) = tune(a_plan(tmp_path, "cell=gru", trials=4), SILENT)
    assert four.trials[:3] == three.trials
    assert [options.config.chosen for options in runs] == ["default", "default", f"4 trials of {RATE}"]
    (two,) = tune(a_plan(tmp_path, "cell=gru", trials=2), SILENT)
    assert two.trials == three.trials[:2]


def test_a_cell_that_fails_in_all_trials_is_stated_and_the_others_are_tuned(tmp_path, runs):
    runs.fails = ("lstm",)
    lstm, gru = tune(a_plan(tmp_path), SILENT)
    assert (lstm.best, [*lstm.tuned], lstm.is_done) == (None, [], False)
    assert [trial.status for trial in lstm.trials] == ["diverged"] * 3
    assert gru.best and gru.is_done


def test_a_score_that_is_no_number_is_none(tmp_path, runs, monkeypatch):
    def execute(options, listener):
        return replace(runs.execute(options, listener), metric=a_score(0.5, valid=float("nan")))

    monkeypatch.setattr(tuning, "execute", execute)
    (found,) = tune(a_plan(tmp_path, "cell=gru"), SILENT)
    assert found.best is None and [trial.score for trial in found.trials] == [None] * 3


def test_a_pruner_ends_trials_that_are_worse_and_says_so(tmp_path, runs):
    (found,) = tune(a_plan(tmp_path, "cell=gru", trials=9, pruner="median"), SILENT)
    pruned = [trial for trial in found.trials if trial.status == "pruned"]
    assert pruned and all(trial.score is None for trial in pruned)
    assert min(t.score for t in found.trials[:5]) < found.best.score
    assert {options.config.resume for options in runs[:9]} == {"never"}
    (plain,) = tune(a_plan(tmp_path / "plain", "cell=gru", trials=9), SILENT)
    assert plain.best.values == found.best.values


def test_a_cell_with_options_that_vary_is_tuned_for_each(tmp_path, runs):
    found = tune(a_plan(tmp_path, "cell=gru", "model.layers=1,2", trials=1, seeds=1), SILENT)
    assert [each.cell for each in found] == ["gru, model.layers=1", "gru, model.layers=2"]
    names = sorted(path.name for path in (tmp_path / "tune").glob("*.journal"))
    assert names == ["copy_gru,_model.layers=1.journal", "copy_gru,_model.layers=2.journal"]


def test_trials_of_other_code_are_not_mixed(tmp_path, runs, monkeypatch):
    tune(a_plan(tmp_path, "cell=gru", trials=1), SILENT)
    monkeypatch.setattr("bench.job.prepared._code", lambda: "f" * 64)
    with pytest.raises(ConfigError, match="has trials with harness="):
        tune(a_plan(tmp_path, "cell=gru", trials=2), SILENT)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["cell=gru", "rerun=true"], "rerun=true: trials are told once"),
        (["cell=gru", "chosen=published"], "chosen=published: bench tune states it"),
        (["cell=gru", "optimizer.lr=0.1"], r"optimizer.lr=0.1: the search has optimizer.lr \(log\(.*leave it out"),
        (["cell=gru", "seed=0,1"], "seed has several values: all trials have one; --seeds N"),
        (["cell=gru", "budget.evaluations=1"], "budget.evaluations: there is no such option"),
        (["cell=gru,lstm", "budget.examples=10,20"], "task=copy has budgets of 10 examples and 20 examples"),
        (["cell=gru,gru"], "2 members are task=copy cell=gru: .*leave one"),
        (["cell=gru", "batch_size=0"], "batch_size=0: "),
    ],
)  # fmt: skip
def test_what_is_wrong_or_unfair_is_refused_before_anything_is_run(tmp_path, runs, words, line):
    with pytest.raises(ConfigError, match=line):
        tune(a_plan(tmp_path, *words), SILENT)
    assert not runs and not (tmp_path / "tune").exists()


@pytest.mark.parametrize(
    ("option", "values", "line"),
    [
        ("optimizer.lrr", "log(0.1, 1)", r"optimizer.lrr: unknown option \(did you mean lr\?\)"),
        ("model.dropout", "uniform(0, 1)", "model.dropout=1.0: "),
        ("cell.width", "[1, 2]", "cell.width"),
        ("clip.value", "log(0.1, 1)", "clip.norm=10.0 and clip.value=1.0 are both set"),
    ],
)
def test_an_option_that_cannot_be_searched_is_refused_before_anything_is_run(tmp_path, runs, option, values, line):
    with pytest.raises(ConfigError, match=line):
        tune(a_plan(tmp_path, "cell=gru", space=space("default", [(option, values)])), SILENT)
    assert not runs


def test_a_run_whose_error_names_no_score_is_no_trial_of_its_own(tmp_path, runs, monkeypatch):
    """An error that is no outcome of a run, such as a full disk, ends the tune and loses nothing."""

    def execute(options, listener):
        if len(runs) == 2:
            raise Diverged("not of a run")
        return runs.execute(options, listener)

    monkeypatch.setattr(tuning, "execute", execute)
    with pytest.raises(Diverged):
        tune(a_plan(tmp_path, "cell=gru"), SILENT)
    monkeypatch.setattr(tuning, "execute", runs.execute)
    (found,) = tune(a_plan(tmp_path, "cell=gru"), SILENT)
    assert len(found.trials) == 3 and found.trials[0].run == "run-1"
