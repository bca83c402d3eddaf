"""All that training changes, so that a run can go on from a checkpoint to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Generator

from bench.api import leaves, map_state
from bench.train.loop import Carried
from bench.train.passes import Passes
from bench.train.progress import Progress
from bench.train.setup import Setup


@dataclass
class Position:
    """All that training changes, the place in the data included: the content of a checkpoint.

    `carried` is the state from which lanes that are not fresh go on.
    """

    setup: Setup
    progress: Progress
    batches: Passes
    offsets: Generator
    carried: Carried | None = None

    def state_dict(self, seconds: float = 0.0) -> dict[str, Any]:
        """A state in plain types and tensors; this process has spent `seconds` on the run."""
        setup, fit = self.setup, self.progress.state_dict()
        fit["before"] += seconds
        return {
            "model": setup.model.state_dict(),
            "optimizer": setup.optimizer.state_dict(),
            "schedule": setup.schedule.state_dict(),
            "average": setup.average.state_dict() if setup.average else None,
            "fit": fit,
            "batches": self.batches.state_dict(),
            "offsets": self.offsets.get_state(),
            "carried": [] if self.carried is None else leaves(self.carried),
            "random": setup.machine.random_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`, as `state_dict` gave it for the same configuration."""
        setup, optimizer = self.setup, self.setup.optimizer
        setup.model.load_state_dict(state["model"])
        began = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
        optimizer.load_state_dict(state["optimizer"])
        if not setup.schedule.fits(state["schedule"]):  # a larger budget has a schedule of its own, from the start on
            for group, options in zip(optimizer.param_groups, began, strict=True):
                group.update(options)
        setup.schedule.load_state_dict(state["schedule"])
        if setup.average:
            setup.average.load_state_dict(state["average"])
        self.progress.load_state_dict(state["fit"])
        self.batches.load_state_dict(state["batches"])
        self.offsets.set_state(state["offsets"])
        if state["carried"]:
            tensors = iter(state["carried"])
            lanes = len(state["carried"][0])
            like = setup.forward.initial_state(lanes) if setup.forward else setup.model.initial_state(lanes)
            self.carried = map_state(lambda old: next(tensors).to(old), like)  # type: ignore[assignment]
        setup.machine.set_random_state(state["random"])  # last: building a state may draw dropout masks
