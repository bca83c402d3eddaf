"""What an option is to a run: to its result, to the tables, and to a run that goes on from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Role:
    """What an option is to a run. It stands with the option's line in the schema; a group's role is its options' role.

    - `column`: the column of tables that names the option where it was changed; None where none does.
    - `decides`: the option decides the result, so that another value is another run.
    - `neutral`: values of an option that decides at which it decides nothing.
    - `stated`: each run has a value of its own, which is never counted as changed.
    - `resumable`: a run that goes on from another may differ in it.
    - `place`: the option says where files go, and nothing else.
    - `heads`: the column begins with the name that was chosen in this group.
    - `shown_by_options`: the name that was chosen in this group is not shown, only what it sets unlike the default.
    - `named_otherwise`: options of the group that its column shows in another way than `option=value`.
    - `of_class`: the group holds a class's options, which its constructor checks.
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
