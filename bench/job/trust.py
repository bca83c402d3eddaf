"""The code that a stored record may have run: the harness's, an installed plugin's, or the user's where they say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from bench.config.packages import ENTRY_POINTS
from bench.config.targets import beside, is_loaded, split
from bench.config.tree import Tree
from bench.errors import ConfigError
from bench.results.closure import PLUGINS, closure_of, file_of, own_files
from bench.results.identity import Sources, edited
from bench.results.record import Record

_OURS = (*PLUGINS, "torch.optim")
"""The packages with built-in plugins. In a checkout other folders beside `bench/` can be imported as its parts."""


@dataclass(frozen=True)
class Trust:
    """The user's word on the code that a stored record names.

    `places` are files, folders with files, and names of installed packages that may be run for the record.
    `with_this_code` accepts code that has changed since the run.
    """

    places: Sequence[str | PathLike[str]] = ()
    with_this_code: bool = False

    def checked(self, record: Record, config: Tree) -> Tree:
        """`config`, the record's options, with each file of code at the place where the user says that it lies.

        Nothing is imported. Raises ConfigError for code that the user has not named, and for code that has changed.
        """
        return {role: self._checked(record, role, part) for role, part in config.items()}

    def refuse_edited(self, record: Record, then: Sources, now: Sources) -> None:
        """Raise ConfigError where own files of the code differ, unless the user accepts this code."""
        if not self.with_this_code and (files := [*edited(then, now)]):
            said = "was made with other code than is here" if record.sources else "does not state its code"
            raise ConfigError(
                f"{record.id} {said}: {', '.join(files)}; bring back the code of the run, or go on with "
                "--with-this-code (in Python with_this_code=True)"
            )

    def _checked(self, record: Record, role: str, options: Any) -> Any:
        key = next((key for key in ("target", "_target_") if isinstance(options, dict) and key in options), None)
        if key is None:
            return options
        place, name = split(str(options[key]))
        is_file = place.endswith(".py")
        if not place or (not is_file and self._is_installed(place)):
            return options
        named = Path(place).expanduser() if is_file else file_of(place)
        file = named if is_loaded(place) else self._trusted(named, movable=is_file)
        if file is None:
            shown = named or place
            raise ConfigError(
                f"{record.id}: its {role} is code in {place}, which a record alone cannot have run; read it, "
                f"then say where it lies: --trust {shown} (in Python trust={str(shown)!r})"
            )
        try:
            with beside(file):
                found = closure_of(file if is_file else place)
        except OSError as error:
            raise ConfigError(f"{record.id}: {file}, the code of its {role}: {error.strerror}") from None
        stated = (record.sources or {}).get(role, {})
        self.refuse_edited(record, {role: stated}, {role: own_files(found)})
        return {**options, key: f"{file}:{name}"} if is_file else options

    def _is_installed(self, module: str) -> bool:
        """Whether a module is of the built-in plugins, of a package with plugins for the harness, or of one named here.

        A `__main__` never is: importing it runs a program.
        """
        packages = {entry.module.partition(".")[0] for entry in metadata.entry_points(group=ENTRY_POINTS)}
        trusted = (*_OURS, *packages, *(fspath(place) for place in self.places))
        is_part = any(module == each or module.startswith(f"{each}.") for each in trusted)
        return is_part and "__main__" not in module.split(".")

    def _trusted(self, named: Path | None, movable: bool) -> Path | None:
        """The trusted file: the one that the record names; or where it is `movable`, one of its name."""
        for place in map(Path, self.places if named else ()):
            assert named is not None
            if named.is_file() and named.resolve().is_relative_to(place.resolve()):
                return named
            here = place / named.name if place.is_dir() else place
            if movable and here.name == named.name and here.is_file():
                return here
        return None
