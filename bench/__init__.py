"""A benchmark harness for sequence models: pluggable tasks, cells and training; tables of quality, speed and memory."""

from pathlib import Path

__version__ = "0.1.0"

# A wheel carries the tasks as `bench/tasks`. In a checkout they lie beside this package, so that folder joins the
# search path and `bench.tasks` means the same thing everywhere, installed or not.
if not (Path(__file__).parent / "tasks").is_dir():
    __path__.append(str(Path(__file__).parent.parent))
