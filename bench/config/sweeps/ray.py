"""Hydra's launcher `ray`: the members of a sweep as tasks of a Ray cluster, or of Ray on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from bench.config.sweeps.jobs import EngineLauncher, Jobs, last_line, told
from bench.errors import ConfigError

NAME = "hydra_plugins.bench.RayLauncher"

_LOOK = 0.3
"""Seconds between two looks for a request to stop."""
_NODES = 3
"""How many nodes a member may lose until it is given up: it may be what ends them."""


@dataclass
class RayOptions:
    """The options of `hydra/launcher=ray`: the cluster, and what each member takes of it."""

    _target_: str = NAME
    address: str | None = None
    """null: Ray on this machine, for the time of the sweep; `auto`, `HOST:6379` or `ray://HOST:10001`: a cluster."""
    cpus: float = 1
    gpus: float = 0
    memory_gb: float | None = None
    resources: dict[str, float] = field(default_factory=dict)
    """Other resources, by the names that the site has given them."""
    runtime_env: dict[str, Any] = field(default_factory=dict)
    """The environment of the workers, in Ray's words."""


class RayLauncher(EngineLauncher):
    """Gives each member to Ray as a task, and one whose node was lost to it again, as SLURM does by itself.

    Ray would begin a lost task again, too, and not say so: the member could not tell this from another process that
    runs it, and would leave the run to that. One whose worker was killed, as where memory runs out, is left to the next
    round, as with any launcher.
    """

    options_type = RayOptions

    def run_all(self, jobs: Jobs, members: dict[int, list[str]], sweep: Path) -> dict[int, JobReturn]:
        """As all launchers do. Raises ConfigError where Ray is not installed, there is no cluster at the address, or a
        member can have its resources on no node."""
        with _signals_kept():
            ray = _imported()
        with self._connected(ray):
            tasks = _Tasks(ray, jobs, members, self._resources())
            self._say_what_no_node_has(ray, tasks.wanted)
            for number in members:
                tasks.begin(number)
            stopped = False
            while tasks.under_way:
                tasks.take_ended(stopped)
                if not stopped and self.asked_to_stop():
                    stopped = True
                    tasks.stop()
            return tasks.found

    @contextmanager
    def _connected(self, ray: Any) -> Iterator[None]:
        """In the block this process is a driver of the cluster."""
        address = self.options.address
        more: dict[str, Any] = {"runtime_env": self.options.runtime_env} if self.options.runtime_env else {}
        if address is None:
            more["include_dashboard"] = False
        try:
            with _signals_kept():
                ray.init(address or "local", logging_level="ERROR", namespace="bench", **more)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise ConfigError(
                f"hydra.launcher.address={address or 'null'}: Ray cannot be reached: {last_line(str(error))}; start it "
                "with ray start --head, or leave the address out for Ray on this machine"
            ) from None
        try:
            yield
        finally:
            ray.shutdown()

    def _resources(self) -> dict[str, float]:
        given = self.options
        wanted = {"CPU": given.cpus, "GPU": given.gpus, **given.resources}
        if given.memory_gb is not None:
            wanted["memory"] = given.memory_gb * 2**30
        if wrong := [name for name, amount in wanted.items() if amount < 0]:
            raise ConfigError(f"hydra/launcher=ray: a member cannot take {wanted[wrong[0]]:g} of {wrong[0]}")
        return {name: amount for name, amount in wanted.items() if amount}

    def _say_what_no_node_has(self, ray: Any, wanted: dict[str, float]) -> None:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
            return
        asked = ", ".join(f"{amount:g} of {name}" for name, amount in wanted.items())
        said = f"hydra/launcher=ray: no node has what a member takes: {asked}"
        if self.options.address is None:
            raise ConfigError(f"{said}; ask for less, or give the address of a cluster")
        told(f"{said}: the members wait until one has joined the cluster")


class _Tasks:
    """The members as tasks of Ray. `wanted` is what each takes, by the names of Ray's resources."""

    def __init__(self, ray: Any, jobs: Jobs, members: dict[int, list[str]], wanted: dict[str, float]) -> None:
        self.wanted, self.under_way, self.found = wanted, dict[Any, int](), dict[int, JobReturn]()
        self._ray, self._jobs, self._members = ray, ray.put(jobs), members
        self._nodes_lost = dict.fromkeys(members, 0)
        others = {name: amount for name, amount in wanted.items() if name not in ("CPU", "GPU", "memory")}
        self._task = ray.remote(
            max_retries=0,
            num_cpus=wanted.get("CPU", 0),
            num_gpus=wanted.get("GPU", 0),
            memory=int(wanted["memory"]) if "memory" in wanted else None,
            resources=others,
        )(_called)

    def begin(self, number: int) -> None:
        """Queue a member."""
        task = self._task.options(name=f"member {number + 1}")
        again = self._nodes_lost[number] > 0
        self.under_way[task.remote(self._jobs, number, self._members[number], again)] = number

    def take_ended(self, stopped: bool) -> None:
        """Wait a little, take what has ended, and queue again what was lost."""
        errors = self._ray.exceptions
        for task in self._ray.wait([*self.under_way], num_returns=1, timeout=_LOOK)[0]:
            number = self.under_way.pop(task)
            try:
                self.found[number] = self._ray.get(task)
            except errors.TaskCancelledError:
                pass
            except (errors.RayTaskError, errors.RuntimeEnvSetupError, errors.TaskUnschedulableError) as error:
                told(f"member {number + 1} could not begin: {last_line(str(error))}")
            except errors.NodeDiedError:
                self._lost_its_node(number, stopped)
            except errors.RayError as error:  # its fate stays as it began: killed
                told(f"member {number + 1} lost its worker: {type(error).__name__}")

    def stop(self) -> None:
        """Cancel what waits, and ask what runs to save and stop."""
        for task in self.under_way:
            self._ray.cancel(task, force=False)

    def _lost_its_node(self, number: int, stopped: bool) -> None:
        self._nodes_lost[number] += 1
        runs_again = not stopped and self._nodes_lost[number] <= _NODES
        told(f"member {number + 1} lost its node{' and runs again' * runs_again}")
        if runs_again:
            self.begin(number)


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of the sweep
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # lines of members that are alike are still theirs
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    try:
        import ray
    except ImportError:
        raise ConfigError("hydra/launcher=ray needs Ray: pip install 'bench-sequences[ray]'") from None
    return ray


@contextmanager
def _signals_kept() -> Iterator[None]:
    """After the block signals are handled as before: Ray takes SIGTERM as it begins, and a member takes all of them."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _called(jobs: Jobs, number: int, overrides: list[str], again: bool) -> JobReturn:
    """Run a member in a worker."""
    with _signals_kept():
        jobs.arrive()
        return jobs.run(number, overrides, again=again)
