"""Finding a plugin's class by its target and building it from options that are checked against its constructor."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bench.config.signatures import check_signatures, public_name
from bench.config.tree import describe
from bench.config.upgrade import moved, said_today
from bench.errors import ConfigError, did_you_mean

T = TypeVar("T")

_LOADED = "bench_user_"


def load(target: str, what: str) -> type:
    """The class that `target` names: `package.module:Class`, `package.module.Class` or `path/to/file.py:Class`.

    A module's name from before it moved is understood. `what` names the option in errors. Raises ConfigError where the
    file, the module or the class is not there.
    """
    target = moved(target)
    place, name = split(target)
    if not place or not name:
        raise ConfigError(f"{what}={target}: write file.py:Class or package.module:Class")
    module = (
        _load_file(Path(os.path.expanduser(place)), what, target)
        if place.endswith(".py")
        else _import(place, what, target)
    )
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        classes = [n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__]
        has = f"it has {', '.join(classes)}" if classes else "it has none"
        raise ConfigError(f"{what}={target}: no class {name} in {place}; {has}{did_you_mean(name, classes)}")
    return found


def split(target: str) -> tuple[str, str]:
    """The file or the module of a target, and the name of the class; an empty text for each that is missing."""
    place, colon, name = target.rpartition(":")
    if not colon and not target.endswith(".py"):
        place, _, name = target.rpartition(".")
    return place, name


def is_loaded(place: str) -> bool:
    """Whether this process has loaded the file or the module of a target before."""
    return (_module_name(Path(place).expanduser()) if place.endswith(".py") else place) in sys.modules


def is_loaded_from_file(module: str) -> bool:
    """Whether a module has the name that `load` gives to a file of a target."""
    return module.startswith(_LOADED)


def _module_name(path: Path) -> str:
    return f"{_LOADED}{path.stem}_{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]}"


def _load_file(path: Path, what: str, target: str) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"{what}={target}: there is no file {path} (looked from {Path.cwd()})")
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what the file defines can be pickled and inspected like any module's
    try:
        with beside(path):
            _refuse_others_siblings(path)
            spec.loader.exec_module(module)
    except ConfigError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(f"{what}={target}: {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def beside(path: Path) -> Iterator[None]:
    """In the block an import looks first into the folder of the file at `path`, and afterwards there last.

    Last, so that a file that happens to be called as an installed module hides that from nobody else.
    """
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


def _refuse_others_siblings(path: Path) -> None:
    """Raise ConfigError where the file at `path` imports one beside it and Python has another of that name already.

    Python has one module of a name: the file would get the other in silence. Python's own modules come first anywhere.
    """
    named = re.findall(r"^[ \t]*(?:import|from)[ \t]+(\w+)", path.read_text("utf-8", "replace"), re.MULTILINE)
    for name in {*named} - sys.stdlib_module_names:
        sibling = next(
            (each for each in (path.parent / f"{name}.py", path.parent / name / "__init__.py") if each.is_file()), None
        )
        there = getattr(sys.modules.get(name), "__file__", None)
        if sibling is not None and there is not None and not sibling.samefile(there):
            raise ConfigError(
                f"{path} imports {name}: {sibling} is beside it, but {there} was imported first: rename one"
            )


def _import(name: str, what: str, target: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:  # the `bench` script does not put it there, as `python -m bench` does
        sys.path.append(str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ConfigError(f"{what}={target}: {name} cannot be imported: {type(error).__name__}: {error}") from error


def load_checked(
    group: str, options: Mapping[str, Any], base: type[T], given: int = 0
) -> tuple[type[T], dict[str, Any]]:
    """The class that a group's options name by `target` or `_target_`, and the other options, checked.

    The harness itself passes the first `given` arguments of the constructor. Raises ConfigError, also where the class
    does not derive from `base` or does not keep its contract.
    """
    key = "target" if "target" in options else "_target_"
    cls = load(str(options.get(key, "")), f"{group}.{key}")
    if not issubclass(cls, base):
        raise ConfigError(f"{group}.{key}: {cls.__name__} is no {base.__name__}: derive it from {public_name(base)}")
    check_signatures(cls, f"{group}.{key}")
    return cls, check_options(cls, {name: value for name, value in options.items() if name != key}, group, given)


def check_options(cls: type, options: Mapping[str, Any], prefix: str, given: int = 0) -> dict[str, Any]:
    """`options` converted to the annotations of `cls`'s constructor, where the conversion loses nothing.

    The harness itself passes the first `given` arguments. Raises ConfigError on an unknown, missing or ill-typed
    option.
    """
    parameters = list(inspect.signature(cls).parameters.values())[given:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    try:
        hints = get_type_hints(cls.__init__, include_extras=True)  # type: ignore[misc]
    except NameError as error:
        raise ConfigError(f"{prefix}: an annotation of {cls.__name__}'s constructor is no type here: {error}") from None
    checked = {}
    for name, value in options.items():
        if name not in names and not takes_any:
            if instead := said_today(f"{prefix}.{name}", value):
                raise ConfigError(f"{prefix}.{name}: replaced by {instead}")
            has = ", ".join(f"{prefix}.{n}" for n in names) or "none"
            raise ConfigError(f"{prefix}.{name}: unknown option{did_you_mean(name, names)}; {cls.__name__} has {has}")
        checked[name] = convert(value, hints.get(name, Any), f"{prefix}.{name}")
    for parameter in parameters:
        if parameter.name in names and parameter.default is parameter.empty and parameter.name not in checked:
            raise ConfigError(f"{prefix}.{parameter.name} is missing: {cls.__name__} needs it")
    return checked


def convert(value: Any, annotation: Any, where: str) -> Any:
    """`value` converted to the annotation, where that loses nothing; a ConfigError names the option by `where`."""
    if isinstance(value, bool) and annotation is not Any and bool not in (annotation, *get_args(annotation)):
        raise ConfigError(f"{where}={value}: input should not be a truth value")  # which Python would take for 0 or 1
    config = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)  # a column may be called 2001
    try:
        return TypeAdapter(annotation, config=config).validate_python(value)
    except ValidationError as error:
        message = describe(error).partition(": ")[2]
        raise ConfigError(f"{where}={value}: {message}") from None
