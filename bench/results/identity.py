"""When two runs are the same: all that decides a result, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import about
from bench.config.roles import decides
from bench.config.tree import Tree, flatten
from bench.results.closure import Closure, closure, closure_hash, own_files
from bench.results.draws import Draws, without_what_follows
from bench.results.reads import FilesRead

ROLES = ("task", "cell", "optimizer", "schedule", "files")
"""The parts of a run with code of their own; `files` are what the model's code reads while it is built."""

Sources = Mapping[str, Closure]
"""The closure of each role's code."""


@dataclass(frozen=True)
class Identity:
    """All that decides a run's result: runs of one identity are one run, and nothing else is compared.

    `device` is the CPU, or a kind of GPU by its name. `data` is a hash of the task's data, None where it is generated;
    `harness` is a hash of the harness's own code. A run that failed early has no `device` and lacks roles in `sources`.
    """

    options: Tree
    task: str
    device: str | None
    data: str | None
    sources: Sources
    harness: str

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the deciding options (`bench.config.roles`) and of all else here."""
        return _digest(without_what_follows(self._decisive), self._facts)

    def of_seeds(self, seeds: Iterable[Draws]) -> dict[Draws, str]:
        """The hash of each of the runs that differ from this one in the seeds alone."""
        decisive, facts = self._decisive, self._facts
        own = {each: {"seed": each.seed, "seeds.data": each.data, "seeds.split": each.split} for each in seeds}
        return {each: _digest(without_what_follows({**decisive, **given}), facts) for each, given in own.items()}

    @property
    def _decisive(self) -> Tree:
        return {key: value for key, value in flatten(self.options).items() if decides(key, value)}

    @property
    def _facts(self) -> list[object]:
        return [self.task, self.device, self.data, self.code, self.harness]

    @property
    def code(self) -> dict[str, str]:
        """A short hash of the code of each role. Runs of one row of a table have the same."""
        return {role: closure_hash(found) for role, found in self.sources.items()}

    @property
    def origin(self) -> Tree:
        """The code, the data and the device in plain types, for a checkpoint."""
        sources = {role: dict(found) for role, found in self.sources.items()}
        return {"sources": sources, "data": self.data, "harness": self.harness, "device": self.device}


def _digest(decisive: Tree, facts: list[object]) -> str:
    text = json.dumps([decisive, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def sources_of(plugins: Mapping[str, type], read: FilesRead) -> dict[str, Closure]:
    """The closures of the plugins by role, and the data files that the model's code has `read`."""
    files = {"files": found} if (found := read.contents()) else {}
    return {role: closure(cls) for role, cls in plugins.items()} | files


def edited(then: Sources, now: Sources) -> Iterator[str]:
    """The own files that differ between two runs' sources, each with the role that it belongs to: `mine.py (cell)`."""
    for role in ROLES:
        before, after = (own_files(sources.get(role, {})) for sources in (then, now))
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield f"{name} ({role})"


def code_version(root: Path = about.FOLDER) -> str:
    """A hash of the harness's source files: runs of changed code are new runs."""
    digest = hashlib.sha256()
    folders = [root, root / "tasks" if (root / "tasks").is_dir() else root.parent / "tasks"]
    for path in sorted({p for folder in folders for kind in ("*.py", "*.h") for p in folder.rglob(kind)}):
        digest.update(path.relative_to(root.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
