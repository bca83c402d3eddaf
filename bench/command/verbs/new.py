"""Write a working cell or task, with its test, in this folder.

Both files are skeletons to begin with. The commands that check and run them are printed.
"""

from __future__ import annotations

import keyword
import re
import sys
from argparse import Namespace
from importlib import metadata, resources
from pathlib import Path
from string import Template

from bench.command.parser import Parser
from bench.errors import ConfigError, StoreError

KINDS = ("cell", "task")
_READ_BY_NAME = ("bench", "conftest", "setup", "sitecustomize", "usercustomize")  # by pytest, pip and Python itself


def arguments(parser: Parser) -> None:
    """The kind and the name of the new module."""
    parser.add_argument("kind", choices=KINDS, help="the kind of module to write")
    parser.add_argument("name", help="name of the module in lower case, such as mine")


def run(options: Namespace) -> int:
    """Write both files and print what to do next."""
    module, test = write(options.kind, options.name, Path())
    print(f"wrote {module} and {test}; next:", *next_steps(options.kind, module, test), sep="\n  ")
    return 0


def write(kind: str, name: str, folder: Path) -> tuple[Path, Path]:
    """The paths of the module and the test that were written.

    Raises ConfigError for a name that no module can have or another module has, StoreError where a file is there
    already or cannot be written.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise ConfigError(
            f"{name} is no name for a module: use lower-case letters, digits and underscores, as in my_{kind}"
        )
    if _is_taken(kind, name):
        raise ConfigError(f"{name} is the name of a module or a class that is used here: choose another, as my_{name}")
    names = {"name": name, "Name": class_name(name)}
    paths = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in paths:
        if path.exists():
            raise StoreError(f"{path} is there already: choose another name, or move it away")
    for path, template in zip(paths, (f"{kind}.py.txt", f"test_{kind}.py.txt"), strict=True):
        try:
            path.write_text(Template(_template(template)).substitute(names), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return paths


def _template(name: str) -> str:
    return resources.files("bench.command").joinpath("templates", name).read_text("utf-8")


def _is_taken(kind: str, name: str) -> bool:
    """Whether a module of this name would hide one that others import from its folder, or its class one of bench's."""
    hides = name in sys.stdlib_module_names or name in _READ_BY_NAME or name in metadata.packages_distributions()
    word = class_name(name)
    return hides or not word or re.search(rf"\b{word}\b", _template(f"{kind}.py.txt")) is not None


def class_name(name: str) -> str:
    """`my_cell` as `MyCell`."""
    return "".join(part.capitalize() for part in name.split("_"))


def next_steps(kind: str, module: Path, test: Path) -> list[str]:
    """The commands that test, check and run the new module."""
    target = f"{module}:{class_name(module.stem)}"
    if kind == "cell":
        uses = [f"check cell=custom cell.target={target}", f"task=copy cell=custom cell.target={target}"]
    else:
        uses = [f"check task=custom task.target={target}", f"task=custom task.target={target} budget.steps=300"]
    return [f"python -m pytest {test}", *(f"python -m bench {use}" for use in uses)]
