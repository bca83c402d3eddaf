"""A benchmark harness for sequence models: pluggable tasks, cells and training; tables of quality, speed and memory."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import about

if TYPE_CHECKING:
    from bench.library import Run, leaderboard, load, run, runs, sweep

__version__ = about.VERSION
_LIBRARY = ("Run", "leaderboard", "load", "run", "runs", "sweep")
__all__ = ["Run", "__version__", "leaderboard", "load", "run", "runs", "sweep"]

# A wheel carries the tasks as `bench/tasks`. In a checkout they lie beside this package, so that folder joins the
# search path and `bench.tasks` means the same thing everywhere, installed or not.
if not (Path(__file__).parent / "tasks").is_dir():
    __path__.append(str(Path(__file__).parent.parent))


def __getattr__(name: str) -> Any:
    """The library, imported when it is first used: `--help` and `list` do without it and without torch."""
    if name in _LIBRARY:
        return getattr(import_module("bench.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LIBRARY})
