"""The trials of one study in a journal of Optuna's: what was told, and what is to be tried next.

A trial is written once, when it has ended. What comes next follows from the trials that were told and from the seed,
and from nothing in the process: a study that is killed and taken up again asks for the same trials as one that is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from bench.config.search import Choice, Interval, Space
from bench.config.tree import written
from bench.errors import ConfigError, Failed, StoreError
from bench.results.files import make_folder, writing
from bench.results.trial import Trial

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("random", "tpe")
PRUNERS = ("none", "median")
_STATED = "stated"
_LINE = b'{"op_code":'
_FACTS = ("run", "status", "reason", "seconds", "tokens")
_MISSING = (
    "bench tune needs the package optuna: pip install -c constraints.txt -e '.[tune]' (or 'bench-sequences[tune]')"
)
_REMEDY = "choose another folder with --to, or remove that file to tune anew"


class Pruned(Failed):
    """A trial was ended early, since it was worse than others had been at the same validation."""


@dataclass(frozen=True)
class Drawing:
    """How trials are drawn: from which `space`, for which `direction`, by which sampler and pruner, from which seed."""

    space: Space
    direction: Literal["max", "min"]
    sampler: str = "random"
    pruner: str = "none"
    seed: int = 0


class Trials:
    """The trials of a study, in the file at `path`, which this process alone has open.

    `ask` draws the next trial's values, `report` says of each of its validations whether to go on, `tell` keeps it.
    """

    def __init__(self, path: Path, drawing: Drawing, study: optuna.Study) -> None:
        self._path, self._drawing, self._study = path, drawing, study
        self._asked: optuna.Trial | None = None
        self._curve: list[float] = []

    @property
    def told(self) -> list[Trial]:
        """The trials that have ended, in their order."""
        return [self._trial(each) for each in self._study.get_trials(deepcopy=False)]

    def ask(self) -> dict[str, Any]:
        """The values of the next trial, by option."""
        import optuna

        told = self._study.get_trials(deepcopy=False)
        pruner = optuna.pruners.MedianPruner() if self._drawing.pruner == "median" else optuna.pruners.NopPruner()
        study = optuna.create_study(sampler=self._sampler(len(told)), pruner=pruner, direction=self._study.direction)
        study.add_trials(told)
        self._asked, self._curve = study.ask(self._distributions), []
        return {option: self._drawing.space[option].settled(value) for option, value in self._asked.params.items()}

    def report(self, score: float) -> bool:
        """Note a validation's score of the trial that was asked for; whether it is to end early."""
        assert self._asked is not None
        self._asked.report(score, len(self._curve))
        self._curve.append(score)
        return self._asked.should_prune()

    def tell(self, trial: Trial) -> None:
        """Keep a trial for good. Raises StoreError where the file cannot be written."""
        import optuna

        states = optuna.trial.TrialState
        state = (
            states.COMPLETE if trial.score is not None else states.PRUNED if trial.status == "pruned" else states.FAIL
        )
        facts = trial._asdict()
        with writing(self._path.parent, "--to"):
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=state,
                    value=trial.score,
                    params=dict(trial.values),
                    distributions=self._distributions,
                    intermediate_values=dict(enumerate(self._curve)),
                    user_attrs={name: facts[name] for name in _FACTS},
                )
            )

    def _trial(self, told: optuna.trial.FrozenTrial) -> Trial:
        values = {option: told.params[option] for option in self._drawing.space}
        return Trial(values, told.value, **{name: told.user_attrs[name] for name in _FACTS})

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """The sampler of one trial: a new one each time, so that nothing but seed and number decides what it draws."""
        import numpy as np
        import optuna

        seed = int(np.random.SeedSequence([self._drawing.seed, number]).generate_state(1)[0])
        kinds = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
        return kinds[self._drawing.sampler](seed=seed)

    @property
    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        return {option: _distribution(values) for option, values in self._drawing.space.items()}


def _distribution(values: Interval | Choice) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Choice):
        return CategoricalDistribution(values.values)
    if values.whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def require_optuna() -> None:
    """Raise ConfigError, in one line, where Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        raise ConfigError(_MISSING) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@contextmanager
def opened(path: Path, drawing: Drawing, stated: Mapping[str, Any]) -> Iterator[Trials]:
    """The trials in the file at `path`, made where there is none; meanwhile no other process has them.

    `stated` is all that decides what trials come to, in plain types by dotted name. Raises ConfigError where the file
    has trials of something else, and StoreError where it cannot be read or written, or another process is at work in
    it.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    with writing(path.parent, "--to"):
        make_folder(path.parent)
        try:
            lock.acquire()
        except Timeout:
            raise StoreError(f"{path}: another process is at work on these trials; wait for its end") from None
    try:
        yield Trials(path, drawing, _study(path, drawing, stated))
    finally:
        lock.release()


def _study(path: Path, drawing: Drawing, stated: Mapping[str, Any]) -> optuna.Study:
    """The study in the file. Raises as `opened` does."""
    import optuna

    try:
        with writing(path.parent, "--to"):
            _drop_cut_off_line(path)
            storage, name = _journal(path), path.stem
            if name in optuna.get_all_study_names(storage):
                study = optuna.load_study(study_name=name, storage=storage)
            else:
                direction: Any = "maximize" if drawing.direction == "max" else "minimize"
                study = optuna.create_study(study_name=name, storage=storage, direction=direction)
            if _STATED not in study.user_attrs and not study.get_trials(deepcopy=False):
                study.set_user_attr(_STATED, dict(stated))
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, optuna.exceptions.OptunaError) as error:
        raise StoreError(f"cannot read {path}, which is no journal of trials ({error}): {_REMEDY}") from None
    _refuse_others(path, study.user_attrs.get(_STATED, {}), stated)
    return study


def _refuse_others(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ConfigError where the trials in the file are not those of what is `now` stated: the first difference."""
    for key in dict.fromkeys([*now, *before]):
        if (was := before.get(key)) != (is_now := now.get(key)):
            what = "of another search space, " if key.startswith("search.") else ""
            raise ConfigError(f"{path} has trials {what}with {key}={_short(was)}, now {_short(is_now)}: {_REMEDY}")


def _short(value: object) -> str:
    """A value in a line: of a hash the beginning."""
    text = written(value)
    return text[:8] if re.fullmatch(r"[0-9a-f]{32,}", text) else text


class _NoLock:
    """No lock: `opened` has one, and that of a process that is killed ends with it."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _journal(path: Path) -> optuna.storages.JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path), lock_obj=_NoLock()))  # type: ignore[arg-type]


def _drop_cut_off_line(path: Path) -> None:
    """Take away what a process that was killed while it wrote has left of a line; ValueError for another such line."""
    if path.exists():
        with path.open("r+b") as file:
            content = file.read()
            end = content.rfind(b"\n") + 1
            if content[end : end + len(_LINE)] != _LINE[: len(content) - end]:
                raise ValueError("its last line has no end")
            file.truncate(end)
