"""The role of an option: in a run's result, in the tables, and in a run that goes on from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PRESETS = ("experiment", "tuned")
"""Groups whose files set options of other groups and have none of their own; a run has one only where it adds it."""


@dataclass(frozen=True)
class Role:
    """The role of an option or group, declared at its line in the schema. A group's options have the group's role.

    - `column`: the column of tables that names the option where it was changed; None where none does.
    - `decides`: the option decides the result, so that another value is another run.
    - `neutral`: values at which a deciding option has no influence on the result.
    - `stated`: every run states its value, so that the value never counts as changed.
    - `resumable`: a run that goes on from another may differ in it.
    - `place`: the option says where files go, and nothing else.
    - `heads`: the column begins with the choice in this group.
    - `shown_by_options`: the column shows the options that the choice in this group changes, not its name.
    - `named_otherwise`: options of the group that the column shows in another form than `option=value`.
    - `of_class`: the options of the group are arguments of a class's constructor, and are checked against it.
    """

    column: Literal["task", "cell", "bptt", "budget", "hardware"] | None
    decides: bool = True
    neutral: tuple[str, ...] = ()
    stated: bool = False
    resumable: bool = False
    place: bool = False
    heads: bool = False
    shown_by_options: bool = False
    named_otherwise: tuple[str, ...] = ()
    of_class: bool = False
