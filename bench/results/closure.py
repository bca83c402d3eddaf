"""The code that a plugin's class is made of: its own files by content, installed distributions by version."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from bench import about
from bench.config.targets import is_loaded_from_file
from bench.results.imports import imported_by

log = logging.getLogger("bench")

PLUGINS = ("bench.cells", "bench.tasks", "bench.train.schedule")
"""The parts of the harness that hold plugins: these files count one by one, the rest by the version of the package."""

_INSTALLED = {"site-packages", "dist-packages"}

ENVIRONMENT = frozenset(
    "annotated-types bench datasets filelock hydra-core matplotlib num2words numpy omegaconf pandas pillow pyarrow "
    "pydantic pyyaml regex rich sacrebleu safetensors scikit-learn scipy soundfile torch".split()
)
"""The distributions that every run has, whatever its plugins are: a closure lists their versions, which do not tell its
code apart from another."""

Closure = dict[str, str]
"""An own file by its name with the SHA-256 of its content, a distribution by its name with its version."""


class _File(NamedTuple):
    """An own file: its name in a closure, its place, and its module's name, empty where it is not imported."""

    name: str
    path: Path
    module: str


class _Distribution(NamedTuple):
    name: str
    version: str


def closure(*classes: type) -> Closure:
    """The closure of the classes: the files that define them and their bases, and all that these files import.

    A file of an installed distribution counts by the distribution's version. Python's own modules do not count, nor do
    modules whose names a file computes while it runs.
    """
    bases = {base.__module__: base for cls in classes for base in cls.__mro__}
    return _closure(part for module, base in bases.items() for part in _defining(module, base))


def closure_of(place: Path | str) -> Closure:
    """The closure of a file, or of a module by its name, found without running or importing anything of it.

    OSError as it comes.
    """
    return _closure([_File(place.name, place, "")] if isinstance(place, Path) else _located(place))


def file_of(module: str) -> Path | None:
    """The own file of a module, found without importing it; None for an installed module, or where there is none."""
    files = [part.path for part in _located(module) if isinstance(part, _File) and part.module == module]
    return files[0] if files else None


def own_files(found: Closure) -> Closure:
    """The files in a closure, without the distributions."""
    return {name: state for name, state in found.items() if re.fullmatch("[0-9a-f]{64}", state)}


def one_of_several(digests: Iterable[str]) -> str:
    """The digest of the files of one name, which may lie in several folders: no order matters, and every one counts."""
    different = sorted({*digests})
    return different[0] if len(different) == 1 else hashlib.sha256("".join(different).encode()).hexdigest()


def closure_hash(found: Closure) -> str:
    """A short hash of a closure, which tells two versions of a plugin apart."""
    own = sorted((name, state) for name, state in found.items() if name not in ENVIRONMENT)
    return hashlib.sha256(repr(own).encode(errors="surrogatepass")).hexdigest()[:16]


def _closure(start: Iterable[_File | _Distribution]) -> Closure:
    states: dict[str, list[str]] = {}
    seen: set[_File | _Distribution] = set()
    waiting = [*start]
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        if isinstance(part, _Distribution):
            state = part.version
        else:
            state, modules = _read(part)
            waiting += (each for module in modules for each in _located(module))
        states.setdefault(part.name, []).append(state)
    return {name: one_of_several(found) for name, found in sorted(states.items())}


def _defining(module: str, cls: type) -> Iterable[_File | _Distribution]:
    """The files, or the distribution, of the module that defines a class."""
    if _is_python(module) or (not is_loaded_from_file(module) and _top(module.partition(".")[0])):
        return _located(module)
    try:
        path = Path(inspect.getfile(cls))
    except (OSError, TypeError):  # typed into a notebook
        return []
    return [_File(path.name, path, module)] if path.is_file() else []


def _located(module: str) -> Iterator[_File | _Distribution]:
    """The files that an import of `module` runs, its packages' first; or its distribution."""
    top, *rest = module.split(".")
    if _is_python(module):
        return
    is_plugin = re.match(rf"({'|'.join(map(re.escape, PLUGINS))})(\.|$)", module)
    if not is_plugin and (distribution := _distribution_of(top)):
        yield distribution
        return
    name, spec = top, _top(top)
    while spec is not None:
        is_package = spec.submodule_search_locations is not None
        if spec.origin and spec.has_location and name != "bench":
            path = Path(spec.origin)
            stem = name.replace(".", "/")
            yield _File(f"{stem}/{path.name}" if is_package else f"{stem}{path.suffix}", path, name)
        if not rest or not is_package:
            return
        name = f"{name}.{rest.pop(0)}"
        spec = PathFinder.find_spec(name, [*spec.submodule_search_locations])  # type: ignore[misc]


def _is_python(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _top(name: str) -> ModuleSpec | None:
    """The spec of a top-level module, found without importing it."""
    try:
        return importlib.util.find_spec(name)
    except (ValueError, ImportError):  # of a module that was made by hand, it is missing
        return None


def _distribution_of(top: str) -> _Distribution | None:
    """The installed distribution of a top-level module; None for an own module."""
    if top == "bench":
        return _Distribution("bench", about.VERSION)
    spec = _top(top)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    if any(place and _INSTALLED & {*Path(place).parts} for place in places):
        return _installed(top)
    return None


@cache
def _installed(top: str) -> _Distribution | None:
    """The distribution that installed a top-level module, its version without the local part (`+cpu`)."""
    try:
        name, version = top, metadata.version(top)
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(top)
        if not names:
            return None
        name, version = names[0], metadata.version(names[0])
    return _Distribution(re.sub(r"[-_.]+", "-", name).lower(), version.partition("+")[0])


class _Content(NamedTuple):
    """The hash of a file's content, and the modules that the file imports."""

    digest: str
    modules: list[str]


_AS_IMPORTED: dict[Path, tuple[ModuleSpec, _Content]] = {}
"""The content of each imported file, with the module's spec: a module that is imported again has another spec."""


def _read(file: _File) -> _Content:
    """The content of a file; of an imported one, as it was when this process read it first: that code runs here."""
    spec = getattr(sys.modules.get(file.module), "__spec__", None)
    content = _content(file)
    if spec is None:
        return content
    known_spec, known = _AS_IMPORTED.get(file.path, (None, content))
    if known_spec is not spec:
        _AS_IMPORTED[file.path] = spec, content
        return content
    if known.digest != content.digest:
        log.warning(f"{file.path} was edited after it was imported: this process runs and records the earlier code")
    return known


def _content(file: _File) -> _Content:
    text = file.path.read_bytes()
    digest = hashlib.sha256(text).hexdigest()
    if file.path.name.endswith(tuple(EXTENSION_SUFFIXES)):
        return _Content(digest, [])
    package = file.module if file.path.name == "__init__.py" else file.module.rpartition(".")[0]
    return _Content(digest, imported_by(text, package))
