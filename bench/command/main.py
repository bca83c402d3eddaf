"""The command: `python -m bench OPTION=VALUE ...` starts a run, `python -m bench VERB ...` runs a verb.

A first word without `=` that is no flag is a verb; anything else goes to Hydra. Exit codes: 0 done; 1 a run failed or
diverged; 2 the command or the configuration was wrong; 130 interrupted.
"""

from __future__ import annotations

import signal
import sys

from bench.about import VERSION
from bench.command import registry
from bench.errors import BenchError

_HELP = {"-h", "--help"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code. An error that the user can mend is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by a scheduler, a run still leaves a record
    try:
        return _dispatch(arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader has closed our output, as `| head` does
        sys.stdout = None
        return 0


def _dispatch(arguments: list[str]) -> int:
    """A run or a verb; each is imported only when it is asked for, so that help and lists come at once."""
    first = arguments[0] if arguments else "--help"
    is_run = first.startswith(("-", "+", "~")) or "=" in first
    if first in _HELP or (is_run and _HELP & {*arguments}):
        from bench.command.usage import usage

        print(usage())
        return 0
    if first == "--version":
        print(f"bench {VERSION}")
        return 0
    if is_run:
        from bench.command.run import run

        return run(arguments)
    return registry.find(first).run(arguments[1:])
