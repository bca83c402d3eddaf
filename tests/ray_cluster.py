"""A Ray cluster on this machine: a head that runs nothing, and two nodes of one processor each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


def is_installed() -> bool:
    """Whether a cluster can be started here."""
    return find_spec("ray") is not None


class Cluster:
    """The cluster, and its nodes n1 and n2."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as Nodes

        self._nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self._of: dict[str, Any] = {}
        for name in ("n1", "n2"):
            self.start_node(name)

    @property
    def address(self) -> str:
        """What `hydra.launcher.address` is to be."""
        return str(self._nodes.address)

    def start_node(self, name: str) -> None:
        """Start a node."""
        self._of[name] = self._nodes.add_node(num_cpus=1, resources={name: 1})

    def kill_node(self, name: str) -> None:
        """Kill the daemon of a node; its workers end with it."""
        self._nodes.remove_node(self._of.pop(name), allow_graceful=False)

    def stop(self) -> None:
        """Stop all nodes."""
        self._nodes.shutdown()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster for the time of the block."""
    one = Cluster()
    try:
        yield one
    finally:
        one.stop()
