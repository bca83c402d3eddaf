"""Going on from another run that was cut off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.config.roles import role_of
from bench.config.schema import CheckpointConfig, Config
from bench.config.tree import Tree, flatten, nest
from bench.config.upgrade import upgrade
from bench.errors import ConfigError, StoreError
from bench.job.log import log
from bench.results.identity import Identity, edited
from bench.results.record import Record
from bench.results.store import Store
from bench.train.checkpoint import Checkpoints


@dataclass(frozen=True)
class Source:
    """The run to go on from: its folder, whether the harness's own code was the same there, and its `device`,
    `precision` and `unroll` where those were `other` ones."""

    folder: Path
    same_harness: bool
    other: Mapping[str, str] = field(default_factory=dict)

    def stated(self) -> dict[str, Any]:
        """The same in plain types, for a record."""
        return {"folder": str(self.folder), "same_harness": self.same_harness, **self.other}


def find_source(config: Config, identity: Identity, unroll: str | None) -> Source:
    """The run that `config.resume` names by path or id, after a check that the run of `identity`, whose cells have the
    form `unroll`, can go on from it.

    Raises StoreError where there is none, ConfigError where it has no checkpoint, another configuration, other code of
    its plugins, or other data.
    """
    resume, folder = config.resume, _folder(config)
    state = Checkpoints(folder, CheckpointConfig()).latest()
    if state is None:
        raise ConfigError(
            f"resume={resume}: there is no checkpoint in {folder}; only a run that was cut off has some. "
            "Name another, or set resume=auto (or never)"
        )
    if differing := _differing(state["options"], config):
        named = ", ".join(f"{key}={there} there and {here} here" for key, (there, here) in differing.items())
        raise ConfigError(f"resume={resume}: that run has other options: {named}; give the same, or set resume=auto")
    origin = state.get("origin")  # older checkpoints have none
    if origin is None:
        log.warning(f"resume={resume}: that run does not state its code and data; bench takes them for the same")
        return Source(folder, same_harness=False)
    if files := [*edited(origin["sources"], identity.sources)]:
        raise ConfigError(f"resume={resume}: that run had other code: {', '.join(files)}; bring it back, or start anew")
    if origin["data"] != identity.data:
        raise ConfigError(f"resume={resume}: that run had other data; bring them back, or start anew")
    if origin["harness"] != identity.harness:
        log.warning(f"resume={resume}: that run began with another version of bench's own code; the record states it")
    precision = state["options"].get("hardware.precision")
    there = {"device": origin.get("device"), "precision": precision, "unroll": origin.get("unroll")}
    here = {"device": identity.device, "precision": config.hardware.precision, "unroll": unroll}
    other = {name: value for name, value in there.items() if value not in (None, here[name])}  # older ones do not say
    if other:
        named = ", ".join(f"{name} {value} and has {here[name]} here" for name, value in other.items())
        log.warning(
            f"resume={resume}: that run had {named}: from here on it is computed otherwise; the record states it"
        )
    return Source(folder, origin["harness"] == identity.harness, other)


def matched_size(config: Config) -> int | None:
    """The hidden size that `match` chose in the run that `config.resume` names, as its record states it; else None.

    A search of this version of bench may end at another, for which the checkpoint has no weights.
    """
    if config.match.wanted is None or config.resume in ("auto", "never"):
        return None
    try:
        record = Record.read(_folder(config, say=lambda _: None))  # `find_source` says it
    except StoreError:  # a run that was killed has no record; `find_source` tells of one that is not there
        return None
    return record.hidden


def _folder(config: Config, say: Callable[[str], object] = log.warning) -> Path:
    """The folder of the run that `config.resume` names; StoreError where there is none."""
    named = Path(config.resume)
    return named if named.is_dir() else Store(config.results_dir).resolve(config.resume, say)


def _differing(there: Tree, config: Config) -> dict[str, tuple[Any, Any]]:
    """The options that differ from the source run and must not, by dotted name, with their values there and here."""
    here = flatten(asdict(config))
    there = flatten(upgrade(nest(there)))
    keys = sorted(key for key in {*there, *here} if there.get(key) != here.get(key) and not role_of(key).resumable)
    if config.match.wanted is not None:
        keys = [key for key in keys if key != "model.hidden"]  # the count decides it; older runs stored it here
    return {key: (there.get(key), here.get(key)) for key in keys}
