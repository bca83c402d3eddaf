"""`python -m bench`, and the script `bench`."""

import atexit
import gc
import sys

from bench.command.main import main


def command() -> int:
    """The command as a process of its own; its exit code."""
    atexit.register(gc.freeze)  # Python would look through all that torch has made once more: a third of a second
    return main()


if __name__ == "__main__":
    sys.exit(command())
