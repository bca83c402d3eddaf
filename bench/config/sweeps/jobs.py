"""What the launchers of a sweep share: its members as jobs, run in whichever process an engine has for them."""

from __future__ import annotations

import copy
import math
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from bench.config.away import must_be_there
from bench.config.options import AGAIN
from bench.config.sweeps.members import without_seed
from bench.errors import BenchError, ConfigError

_KEPT = 32
"""How many composed configurations are kept for the members that differ in the seed alone."""


@dataclass(eq=False)
class Jobs:
    """The members of a sweep as an engine's processes have them: pickled here, run there."""

    context: HydraContext
    config: DictConfig
    task: TaskFunction
    sweep: Path
    """The sweep's folder, which is there from its beginning on."""
    state: dict[Any, Any] = field(default_factory=Singleton.get_state)
    folder: Path = field(default_factory=Path.cwd)
    """From which paths are relative."""
    _known: OrderedDict[tuple[str, ...], DictConfig] = field(default_factory=OrderedDict)

    def arrive(self) -> None:
        """Make this process one of the sweep. Raises ConfigError where its machine lacks the sweep's folder."""
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ConfigError(f"this node has no {self.folder}, where the sweep began: {error.strerror}") from None
        setup_globals()
        Singleton.set_state(self.state)

    def run(self, number: int, overrides: Sequence[str], name: str | None = None, again: bool = False) -> JobReturn:
        """Run the member of this number, from 0 on. `name` is what its engine calls it; `again` is for one that an
        engine has begun before and lost.

        Raises StoreError where the sweep's folder is away and does not return.
        """
        must_be_there(self.sweep, told)
        config = self._composed([*overrides])
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = name or str(number), number
            if again:
                config.hydra.job.env_set[AGAIN] = "1"
        HydraConfig.instance().set_config(config)
        return run_job(
            hydra_context=self.context,
            config=config,
            task_function=self.task,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )

    def _composed(self, overrides: list[str]) -> DictConfig:
        """The configuration of a member: composed, in a tenth of a second, or that of a member with another seed."""
        load = self.context.config_loader.load_sweep_config
        others, seed = without_seed(overrides)
        if seed is None:
            return load(self.config, overrides)
        if others not in self._known:
            self._known[others] = load(self.config, overrides)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        config = copy.deepcopy(self._known[others])
        OmegaConf.copy_cache(from_config=self.config, to_config=config)
        words = [word for word in overrides if not word.startswith("hydra.")]
        with open_dict(config):
            config.seed = seed
            config.hydra.overrides.task = words
            config.hydra.job.override_dirname = get_overrides_dirname(
                OverridesParser.create().parse_overrides(words), **_separators(config)
            )
        return config


def _separators(config: DictConfig) -> dict[str, Any]:
    """How Hydra writes a member's words as the name of a folder."""
    said = config.hydra.job.config.override_dirname
    return {name: said[name] for name in ("kv_sep", "item_sep", "exclude_keys")}


class EngineLauncher(Launcher):
    """A launcher of Hydra's with the options of one of the dataclasses that `register` names."""

    asked_to_stop: Callable[[], bool] = staticmethod(lambda: False)
    """Whether the sweep is to be stopped; set by whoever started it, as is `has_ended`."""
    has_ended: Callable[[Path], bool] = staticmethod(lambda folder: False)
    """Whether the member with this folder has ended in an earlier round of the sweep, and is left out of this one."""
    refused: BenchError | None = None
    """Why the sweep cannot run, where its beginning has told; set with each sweep."""
    options_type: type

    def __init__(self, **options: Any) -> None:
        self.options: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(self.options_type), options))

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what each job needs, and make the sweep's folder. Raises what the sweep was refused for; may raise
        OSError."""
        if self.refused is not None:
            raise self.refused
        self._context, self._task, self._config = hydra_context, task_function, config
        self._sweep = Path(config.hydra.sweep.dir)
        self._sweep.mkdir(parents=True, exist_ok=True)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the members, and return what came of them in the order of `job_overrides`: NaN of one that has not run
        here. Raises as `run_all` does."""
        setup_globals()
        members = {initial_job_idx + place: [*overrides] for place, overrides in enumerate(job_overrides)}
        left = {number: words for number, words in members.items() if not self.has_ended(self._sweep / str(number))}
        jobs = Jobs(self._context, self._config, self._task, self._sweep)
        found = self.run_all(jobs, left, self._sweep) if left else {}
        nothing = JobReturn(status=JobStatus.COMPLETED, _return_value=math.nan)
        return [found.get(number, nothing) for number in members]

    def run_all(self, jobs: Jobs, members: dict[int, list[str]], sweep: Path) -> dict[int, JobReturn]:
        """Run the members with these numbers and words; what came of those that have ended. `sweep` is its folder."""
        raise NotImplementedError


def told(line: str) -> None:
    """Say a line about the sweep, beside what its members say."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    """The last line of an error that has something in it."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), text)
