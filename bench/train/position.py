"""All that training changes: saved and restored, a run continues to the last bit as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Generator

from bench.api import leaves, map_state
from bench.train.loop import Carried
from bench.train.optimizer import restore_optimizer, state_of
from bench.train.passes import Passes
from bench.train.progress import Progress
from bench.train.setup import Setup


@dataclass
class Position:
    """All that training changes, the place in the data included: the content of a checkpoint.

    `carried` is the state with which lanes that are not fresh start the next batch.
    """

    setup: Setup
    progress: Progress
    batches: Passes
    offsets: Generator
    carried: Carried | None = None

    def state_dict(self, seconds: float) -> dict[str, Any]:
        """The position in plain types and tensors, with the lanes of all ranks. `seconds` is this process's time on the
        run so far."""
        setup, fit, machine = self.setup, self.progress.state_dict(), self.setup.machine
        fit["before"] += seconds
        first, *others = machine.ranks.all_say(machine.random_state())
        return {
            "model": setup.model.state_dict(),
            "optimizer": state_of(setup.optimizer),
            "schedule": setup.schedule.state_dict(),
            "average": setup.average.state_dict() if setup.average else None,
            "fit": fit,
            "batches": self.batches.state_dict(),
            "offsets": self.offsets.get_state(),
            "carried": machine.ranks.all_lanes([] if self.carried is None else leaves(self.carried)),
            "random": first,
            **({"random of others": others} if others else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a `state` that `state_dict` gave for the same configuration.

        Raises KeyError, RuntimeError or ValueError where the state does not fit.
        """
        setup, optimizer, machine = self.setup, self.setup.optimizer, self.setup.machine
        setup.model.load_state_dict(state["model"])
        began = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
        weight, _ = next(setup.model.named_parameters())
        restore_optimizer(optimizer, state["optimizer"], state["model"][weight].dtype)
        if not setup.schedule.fits(state["schedule"]):  # the budget is larger: its schedule differs from the first step
            for group, options in zip(optimizer.param_groups, began, strict=True):
                group.update(options)
        setup.schedule.load_state_dict(state["schedule"])
        if setup.average:
            setup.average.load_state_dict(state["average"])
        self.progress.load_state_dict(state["fit"])
        self.batches.load_state_dict(state["batches"])
        self.offsets.set_state(state["offsets"])
        if state["carried"]:
            own = machine.ranks.share(len(state["carried"][0]))
            tensors = iter([each[own] for each in state["carried"]])
            lanes = own.stop - own.start
            like = setup.forward.initial_state(lanes) if setup.forward else setup.model.initial_state(lanes)
            self.carried = map_state(lambda old: next(tensors).to(old), like)  # type: ignore[assignment]
        random = [state["random"], *state.get("random of others", ())]
        if machine.ranks.number < len(random):  # a run may go on on more devices than it began on
            machine.set_random_state(random[machine.ranks.number])  # last: building a state may draw dropout masks
