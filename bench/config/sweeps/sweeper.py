"""Hydra's sweeper over all combinations of values, or over a shard of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from bench.config.compose import plainly
from bench.config.sweeps.members import members_of, without_seed
from bench.config.sweeps.shard import Shard
from bench.errors import BenchError, ConfigError

NAME = "hydra_plugins.bench.BasicSweeper"


@dataclass
class SweeperOptions:
    """The options of `hydra/sweeper=basic`: Hydra's own, and the shard, as `--shard` sets it."""

    _target_: str = NAME
    max_batch_size: int | None = None
    params: dict[str, str] | None = None
    shard: str | None = None


class ShardedSweeper(Sweeper):
    """Goes through all combinations in the order of Hydra's own sweeper, or through those of a shard."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None, shard: str | None) -> None:
        self._at_once, self._params = max_batch_size, params or {}
        self._shard = None if shard is None else Shard.parse(shard)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what the sweep needs, and make its launcher. Raises ConfigError for batches of less than one member."""
        if self._at_once is not None and self._at_once < 1:
            raise ConfigError(f"hydra.sweeper.max_batch_size={self._at_once} must be at least 1; null: all at once")
        self.hydra_context, self.config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run all members. Raises the error of the first that cannot be composed, before any runs."""
        assert self.hydra_context is not None and self.config is not None
        params = [f"{option}={value}" for option, value in self._params.items()]
        members = members_of(self.hydra_context.config_loader, [*params, *arguments])
        if self._shard is not None:
            members = self._shard.share(members)
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        self.validate_batch_is_legal(members)
        returned, size = [], self._at_once or max(1, len(members))
        for first in range(0, len(members), size):
            returned.append(self._launcher.launch(members[first : first + size], initial_job_idx=first))
            for job in returned[-1]:
                _ = job.return_value  # raises what the job raised
        return returned

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Raise the error of the first member that cannot be composed.

        Of members that differ in the seed alone one is composed, and a plain one without Hydra.
        """
        seen = set[tuple[str, ...]]()
        for overrides in batch:
            others, seed = without_seed(overrides)
            if seed is not None and others in seen:
                continue
            seen.add(others)
            if not _is_plain(overrides):
                super().validate_batch_is_legal([overrides])


def _is_plain(member: Sequence[str]) -> bool:
    """Whether a member composes without Hydra; what is wrong with one that does not, Hydra tells."""
    try:
        return plainly([*member]) is not None
    except BenchError:
        return False
