"""The command: `python -m bench OPTION=VALUE ...` starts a run, `python -m bench VERB ...` runs a verb.

A first word without `=` that is no flag is a verb; anything else goes to Hydra. Exit codes: 0 done; 1 a run failed,
diverged, timed out or ran out of memory; 2 the command or the configuration was wrong; 130 interrupted.
"""

from __future__ import annotations

import sys

from bench.about import VERSION
from bench.command import registry
from bench.command.output import drop_what_is_left, lasting_output, lost, open_what_is_closed
from bench.config.torchrun import refuse_verb, started
from bench.errors import BenchError
from bench.train.interrupts import raise_at_signals

_HELP = {"-h", "--help"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code. An error that the user can mend is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    open_what_is_closed()
    raise_at_signals()
    with lasting_output():
        code = _told(arguments)
        sys.stdout.flush()
        error = lost(sys.stdout)
        if error is not None and not isinstance(error, BrokenPipeError):  # that is a reader that has enough
            print(f"bench: cannot write to stdout: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            code = code or int(not _is_run(arguments))  # the work of a run is its record
    drop_what_is_left()
    return code


def _told(arguments: list[str]) -> int:
    """The exit code of the command, after a line about what ended it early."""
    try:
        return _dispatch(arguments)
    except BenchError as error:
        _tell(f"bench: {error}")
        return error.exit_code
    except (MemoryError, RuntimeError) as error:  # of torch's, and outside of a run, which has a record for it
        from bench.job.reason import is_out_of_memory, reason_of

        if not is_out_of_memory(error):
            raise
        _tell(f"bench: {reason_of(error)}")
        return 1
    except KeyboardInterrupt:
        _tell("bench: interrupted")
        return 130


def _tell(line: str) -> None:
    if started().speaks:
        print(line, file=sys.stderr)


def _dispatch(arguments: list[str]) -> int:
    """A run or a verb; each is imported only when it is asked for, so that help and lists come at once."""
    first = arguments[0] if arguments else "--help"
    is_run = _is_run(arguments)
    if first in _HELP or (is_run and _HELP & {*arguments}):
        from bench.command.usage import usage

        print(usage())
        return 0
    if first == "--version":
        print(f"bench {VERSION}")
        return 0
    if is_run:
        registry.refuse_late_verb(arguments)

        from bench.command.run import run

        return run(arguments)
    verb = registry.find(first, arguments[1:])
    refuse_verb(first)
    return verb.run(arguments[1:])


def _is_run(arguments: list[str]) -> bool:
    return bool(arguments) and (arguments[0].startswith(("-", "+", "~")) or "=" in arguments[0])
