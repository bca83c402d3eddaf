"""Stored runs that the words of a command choose: by name, by sweep, by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.results.names import RECORD
from bench.results.store import Store
from bench.study.fate import fates
from bench.tables.runs import find_runs

Say = Callable[[str], object]


def choose(results_dir: str, names: Sequence[str], where: Mapping[str, Sequence[Any]], say: Say) -> list[Path]:
    """The folders of the runs that `names` and `where` choose, each once; `say` is called with lines about the choice.

    A name is that of a run, as `Store.resolve` reads it, or of a sweep: its folder's name, the beginning of one, or its
    path. `where` keeps of them those that fit, as `find_runs` does, or without names chooses from all runs. With
    neither, it is the runs of the latest sweep. Raises StoreError where no run has a name, ConfigError where none is
    chosen.
    """
    store = Store(results_dir)
    folders = [folder for name in names for folder in _named(store, name, say)]
    if not names and not where:
        folders = _latest_sweep(store, say)
    if where:
        fitting = find_runs(results_dir, where, say).sort_values(["finished", "id"])["id"]
        folders = (
            [each for each in folders if each.name in {*fitting}] if names else [store.runs / run for run in fitting]
        )
    if not folders:
        words = " ".join([*names, *(f"{key}={','.join(map(str, values))}" for key, values in where.items())])
        raise ConfigError(f"no run in {store.runs} fits {words}; python -m bench runs lists them all")
    return list(dict.fromkeys(folders))


def the_sweep(results_dir: Path, name: str, say: Say) -> Path:
    """The folder of the sweep with this name, the beginning of one, or its path: the latest of several, or of all.

    Raises ConfigError where there is none.
    """
    sweeps = _sweeps(Store(results_dir))
    found = [each for each in sweeps if each.name.startswith(name)]
    if name and not found and Path(name).is_dir():
        return Path(name)
    if not found:
        there = f"the latest of {len(sweeps)} is {sweeps[-1].name}" if sweeps else "there is none"
        raise ConfigError(f"there is no sweep {name}".rstrip() + f" in {results_dir / 'sweeps'}: {there}")
    return _latest(found, name, say) if name else found[-1]


def _latest(sweeps: Sequence[Path], name: str, say: Say) -> Path:
    """The last of the sweeps that begin with a name; where there are several, this is said."""
    if len(sweeps) > 1:
        say(f"{name}: the latest of {len(sweeps)} sweeps is {sweeps[-1].name}")
    return sweeps[-1]


def _named(store: Store, name: str, say: Say) -> list[Path]:
    sweeps = [each for each in _sweeps(store) if each.name.startswith(name) or each == Path(name)]
    if not sweeps or not name:
        return [store.resolve(name, say)]
    sweep = _latest(sweeps, name, say)
    if not (found := _members(store, sweep)):
        raise ConfigError(f"no run of the sweep {sweep} is stored in {store.runs}")
    return found


def _latest_sweep(store: Store, say: Say) -> list[Path]:
    sweeps = _sweeps(store)
    for sweep in reversed(sweeps):
        if found := _members(store, sweep):
            return found
        say(f"no run of the sweep {sweep.name} is stored; taking an earlier sweep")
    raise ConfigError(
        f"there is no sweep in {store.runs.parent}: name runs, or choose some, as in task=copy cell=gru,lstm"
    )


def _sweeps(store: Store) -> list[Path]:
    """The folders of sweeps, the latest last: their names are times."""
    folder = store.runs.parent / "sweeps"
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def _members(store: Store, sweep: Path) -> list[Path]:
    """The stored runs of a sweep, in the order of its members."""
    found = [store.runs / fate["id"] for fate in fates(sweep, "")]
    return [folder for folder in found if (folder / RECORD).is_file()]
