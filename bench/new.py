"""`bench new`: a working skeleton of a cell or a task, with its test, in the current folder."""

from __future__ import annotations

import argparse
import keyword
from importlib import resources
from pathlib import Path
from string import Template

from bench.errors import ConfigError, StoreError

KINDS = ("cell", "task")


def run(arguments: list[str]) -> int:
    """Write the skeleton that `arguments` ask for and say what to do next."""
    parser = argparse.ArgumentParser(prog="bench new", description="Write a working cell or task, with its test.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("name", help="of the module, in lower case: mine")
    options = parser.parse_args(arguments)
    module, test = write(options.kind, options.name, Path())
    target = f"{module}:{class_name(options.name)}"
    print(f"wrote {module} and {test}; next:")
    print(f"  python -m pytest {test}")
    if options.kind == "cell":
        print(f"  python -m bench check cell=custom cell.target={target}")
        print(f"  python -m bench task=copy cell=custom cell.target={target}")
    else:
        print(f"  python -m bench task=custom task.target={target} budget.steps=300")
    return 0


def write(kind: str, name: str, folder: Path) -> tuple[Path, Path]:
    """The paths of the module and the test that were written.

    Raises ConfigError for a name that no module can have, StoreError where a file is there already or cannot be
    written.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower():
        raise ConfigError(
            f"{name}: no name for a module; use lower-case letters, digits and underscores, as in my_{kind}"
        )
    names = {"name": name, "Name": class_name(name)}
    paths = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in paths:
        if path.exists():
            raise StoreError(f"{path} is there already: choose another name, or move it away")
    for path, template in zip(paths, (f"{kind}.py.txt", f"test_{kind}.py.txt"), strict=True):
        text = resources.files("bench").joinpath("templates", template).read_text("utf-8")
        try:
            path.write_text(Template(text).substitute(names), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return paths


def class_name(name: str) -> str:
    """`my_cell` as `MyCell`."""
    return "".join(part.capitalize() for part in name.split("_"))
