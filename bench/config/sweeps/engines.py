"""The launchers and the sweeper that stand in the place of Hydra's own, by their names on the command line."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from bench.config.sweeps.basic import BasicLauncher, BasicOptions
from bench.config.sweeps.joblib import JoblibLauncher, JoblibOptions
from bench.config.sweeps.ray import RayLauncher, RayOptions
from bench.config.sweeps.slurm import SlurmLauncher, SlurmOptions
from bench.config.sweeps.sweeper import ShardedSweeper, SweeperOptions

_ENGINES: dict[tuple[str, str], tuple[Any, Any]] = {
    ("launcher", "basic"): (BasicLauncher, BasicOptions),
    ("launcher", "joblib"): (JoblibLauncher, JoblibOptions),
    ("launcher", "slurm"): (SlurmLauncher, SlurmOptions),
    ("launcher", "ray"): (RayLauncher, RayOptions),
    ("sweeper", "basic"): (ShardedSweeper, SweeperOptions),
}


def register_engines() -> None:
    """Make them known to Hydra, after its own plugins: it takes the latest of a name."""
    known = Plugins.instance().class_name_to_class
    for (group, name), (engine, options) in _ENGINES.items():
        ConfigStore.instance().store(group=f"hydra/{group}", name=name, node=options, provider="bench")
        known[options._target_] = engine
