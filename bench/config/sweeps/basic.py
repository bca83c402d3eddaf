"""Hydra's launcher `basic`: the members of a sweep in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.utils import JobReturn

from bench.config.sweeps.jobs import EngineLauncher, Jobs

NAME = "hydra_plugins.bench.BasicLauncher"
"""By which Hydra knows the launcher: it takes none from elsewhere than its own package of plugins."""


@dataclass
class BasicOptions:
    """`hydra/launcher=basic` has none."""

    _target_: str = NAME


class BasicLauncher(EngineLauncher):
    """Runs the members one after the other in this process."""

    options_type = BasicOptions

    def run_all(self, jobs: Jobs, members: dict[int, list[str]], sweep: Path) -> dict[int, JobReturn]:
        """As all launchers do."""
        return {number: jobs.run(number, overrides) for number, overrides in members.items()}
