"""The processes that torchrun has started for one run, as it tells each of them in its environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import ConfigError


@dataclass(frozen=True)
class Started:
    """This process is `number` of `count`, from 0 on; on its own machine it is `local` of `beside`."""

    number: int = 0
    count: int = 1
    local: int = 0
    beside: int = 1

    @property
    def speaks(self) -> bool:
        """Whether this process tells people what is wrong before the run begins: one on each machine does."""
        return self.local == 0


def started() -> Started:
    """The place of this process among those of torchrun; a single one where torchrun did not start it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Started()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    return Started(*(int(os.environ[name]) for name in names))


def refuse_verb(verb: str) -> None:
    """Raise ConfigError for a verb under torchrun: each of its processes would do the same work."""
    if (count := started().count) > 1:
        raise ConfigError(
            f"{verb}: torchrun has started {count} processes for one run, and a verb is the work of one: "
            f"python -m bench {verb} ..."
        )


def refuse_sweep(arguments: Sequence[str]) -> None:
    """Raise ConfigError for a sweep under torchrun."""
    flag = next((each for each in arguments if each in ("-m", "--multirun") or each == "hydra.mode=MULTIRUN"), None)
    if flag is not None and (count := started().count) > 1:
        raise ConfigError(
            f"{flag}: torchrun has started {count} processes for one run, and a sweep is of many: leave {flag} out, or "
            "leave out torchrun for members of one device each"
        )


def refuse_library() -> None:
    """Raise ConfigError for a run that another program than the command begins in one of several processes."""
    if (count := started().count) > 1:
        raise ConfigError(
            f"torchrun has started {count} processes, each of which would do this run by itself: the command splits a "
            "run over them, torchrun --nproc-per-node=2 -m bench OPTION=VALUE ..."
        )
