"""Trials are kept in a journal: what comes next follows from what was told, whoever asks, and however often."""

import json

import pytest
from filelock import FileLock

from bench.config.search import Choice, Interval
from bench.errors import ConfigError, StoreError
from bench.results.trial import Trial
from bench.study.trials import Drawing, opened, require_optuna

SPACE = {
    "optimizer.lr": Interval(1e-4, 1e-1, True),
    "model.hidden": Interval(8, 64, True),
    "cell.form": Choice((1, "b")),
}
STATED = {"search.optimizer.lr": "log(1e-4, 1e-1)", "budget.steps": 3, "harness": "a" * 64}


@pytest.fixture(autouse=True)
def installed():
    require_optuna()


def outcome(values, number):
    """A trial that has been run: it fails now and then, and is the better the nearer its rate is to 0.01."""
    score = None if number % 5 == 4 else -abs(values["optimizer.lr"] - 0.01)
    return Trial(values, score, f"run-{number}", "failed" if score is None else "done", None, 1.5, 640)


def told(path, trials, drawing, keep_open, stated=STATED):
    """What so many trials come to: with the file opened once, or anew for each as after so many kills."""
    for number in range(1 if keep_open else trials):
        with opened(path, drawing, stated) as study:
            for each in range(trials) if keep_open else [number]:
                study.tell(outcome(study.ask(), each))
    with opened(path, drawing, stated) as study:
        return study.told


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_that_is_taken_up_again_asks_for_the_same_trials(tmp_path, sampler):
    drawing = Drawing(SPACE, "max", sampler, seed=3)
    whole, killed = (told(tmp_path / f"{keep}.journal", 14, drawing, keep) for keep in (True, False))
    assert whole == killed and len(whole) == 14
    assert len({trial.words for trial in whole}) == 14
    assert [trial.score is None for trial in whole] == [number % 5 == 4 for number in range(14)]
    other = told(tmp_path / "other.journal", 3, Drawing(SPACE, "max", sampler, seed=4), True)
    assert {trial.words for trial in other}.isdisjoint(trial.words for trial in whole)


def test_a_question_that_nobody_answered_is_asked_again(tmp_path):
    with opened(tmp_path / "a.journal", Drawing(SPACE, "max"), STATED) as study:
        first = study.ask()
    with opened(tmp_path / "a.journal", Drawing(SPACE, "max"), STATED) as study:
        assert study.ask() == first and study.told == []


def test_every_study_has_the_same_random_trials(tmp_path):
    gru, lstm = (told(tmp_path / f"{cell}.journal", 3, Drawing(SPACE, "max"), True) for cell in ("gru", "lstm"))
    assert [trial.values for trial in gru] == [trial.values for trial in lstm]


def test_the_sampler_that_learns_comes_nearer_to_the_best_than_chance(tmp_path):
    random, tpe = (
        told(tmp_path / f"{kind}.journal", 40, Drawing(SPACE, "max", kind), True)[20:] for kind in ("random", "tpe")
    )
    assert sum(trial.score or -1 for trial in tpe) > sum(trial.score or -1 for trial in random)


def test_a_line_that_a_kill_cut_off_is_dropped_and_nothing_else(tmp_path):
    path, drawing = tmp_path / "a.journal", Drawing(SPACE, "max")
    whole = told(path, 3, drawing, True)
    content = path.read_bytes()
    last = content.splitlines(keepends=True)[-1]
    for cut in (1, len(last) // 2, len(last) - 1):
        path.write_bytes(content + last[:cut])
        assert told(path, 0, drawing, True) == whole
    path.write_bytes(content[: -len(last) // 2])
    assert told(path, 0, drawing, True) == whole[:2]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"search.optimizer.lr": "log(1, 2)"},
            r"of another search space, with search.optimizer.lr=log\(1e-4, 1e-1\), now",
        ),
        ({"search.clip.norm": "log(1, 2)"}, r"of another search space, with search.clip.norm=null, now log\(1, 2\)"),
        ({"budget.steps": 4}, "has trials with budget.steps=3, now 4: choose another folder with --to, or remove"),
        ({"harness": "b" * 64}, "with harness=aaaaaaaa, now bbbbbbbb: "),
    ],
)
def test_a_file_with_trials_of_something_else_is_refused_and_kept(tmp_path, change, line):
    path = tmp_path / "a.journal"
    told(path, 2, Drawing(SPACE, "max"), True)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=line), opened(path, Drawing(SPACE, "max"), {**STATED, **change}):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"no newline", b'{"op_code": 99}\n', b"[]\n"])
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "a.journal"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot read .*a.journal, which is no journal of trials"):
        told(path, 1, Drawing(SPACE, "max"), True)
    assert path.read_bytes() == content


def test_two_processes_do_not_work_on_the_same_trials(tmp_path):
    with (
        FileLock(tmp_path / ".a.journal.lock"),
        pytest.raises(StoreError, match="another process is at work on these trials"),
        opened(tmp_path / "a.journal", Drawing(SPACE, "max"), STATED),
    ):
        pass
    assert told(tmp_path / "a.journal", 1, Drawing(SPACE, "max"), True)


def test_a_journal_that_cannot_be_written_is_told_with_the_option_that_chooses_another(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another folder with --to="):
        told(tmp_path / "file" / "a.journal", 1, Drawing(SPACE, "max"), True)


def test_the_pruner_ends_a_trial_that_is_worse_than_most_were_at_its_validation(tmp_path):
    with opened(tmp_path / "a.journal", Drawing(SPACE, "min", pruner="median"), STATED) as study:
        for number in range(6):
            study.ask()
            assert not study.report(1.0 + number / 10)
            study.tell(outcome(dict(study.ask()), 0)._replace(score=1.0 + number / 10))
        values = study.ask()
        assert not study.report(0.5)
        assert study.report(9.0) is False  # no other trial came so far
        study.tell(Trial(values, None, "run", "pruned", "pruned", 1.0, 10))
        assert study.told[-1].status == "pruned" and study.told[-1].score is None


def test_the_file_is_one_that_optuna_reads(tmp_path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    path = tmp_path / "a.journal"
    trials = told(path, 3, Drawing(SPACE, "max"), True)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="a", storage=storage)
    assert [each.params for each in study.trials] == [trial.values for trial in trials]
    assert all(json.loads(line) for line in path.read_text().splitlines())
