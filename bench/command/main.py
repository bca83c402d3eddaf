"""The command: `python -m bench OPTION=VALUE ...` runs, `python -m bench VERB ...` does something with runs.

A first word without `=` that is no flag is a verb; anything else goes to Hydra. Exit codes: 0 done; 1 a run failed or
diverged; 2 the command or the configuration was wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bench import __version__
from bench.config import catalogue as listing
from bench.config import packages
from bench.errors import BenchError, ConfigError, did_you_mean

USAGE = """\
Usage: python -m bench [OPTION=VALUE ...]         train, score, measure and record one run
       python -m bench -m OPTION=VALUE,VALUE ...  a sweep over all combinations
       python -m bench VERB ...                   {verbs}

For example
  python -m bench task=copy cell=gru
  python -m bench -m task=copy,charlm cell=vanilla,lstm,gru seed=0,1,2
  python -m bench leaderboard
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code. Whatever a user can mend is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler writes lines of its own,
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # and warns of memory from before it started
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's end is an interrupt: it leaves a record
    try:
        return _dispatch(arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stdout = None
        return 0


def _dispatch(arguments: list[str]) -> int:
    arguments = [_with_folder(argument) for argument in arguments]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return 0
    if arguments[0] == "--version":
        print(f"bench {__version__}")
        return 0
    word = arguments[0]
    if word.startswith(("-", "+", "~")) or "=" in word:
        if {"-h", "--help"} & {*arguments}:
            print(help_text())
            return 0
        return _run(arguments)
    if word not in VERBS:
        there_are = f"there are {', '.join(VERBS)} (a run is OPTION=VALUE ...)"
        raise ConfigError(f"{word}: there is no such verb{did_you_mean(word, VERBS)}; {there_are}")
    return VERBS[word](arguments[1:])


def help_text() -> str:
    """Usage, choices and options, from the configuration files alone."""
    lines = [USAGE.format(verbs=", ".join(VERBS)), "Options of every run, with their defaults"]
    for key, value, comment in listing.options(packages.built_in().conf / "config.yaml"):
        lines.append(listing.entry(f"  {key}={value}", 32, comment))
    for group in listing.GROUPS:
        lines += ["", f"{'+' * (group == 'experiment')}{group}=NAME, where NAME is one of"]
        lines += [listing.entry(f"  {name}", 21, str(choice)) for name, choice in listing.choices(group).items()]
    lines += ["", "python -m bench list shows the options of each; --cfg job prints a composed configuration."]
    return "\n".join(lines)


def _run(arguments: list[str]) -> int:
    """A run, or a sweep of them with the table at its end."""
    from bench.config.launch import run_hydra
    from bench.config.options import Options

    statuses: list[str] = []
    parent = os.getpid()

    def job(options: Options) -> None:
        from bench.command.terminal import Terminal

        if options.member is not None:
            from bench.study.sweep import run_member

            alone = os.getpid() == parent  # processes of a launcher share the terminal
            with Terminal(str(options.member), bar=alone) as terminal:
                run_member(options, terminal)
        else:
            from bench.job.execute import execute

            with Terminal() as terminal:
                statuses.append(execute(options, terminal).status)

    folder = run_hydra(arguments, job)
    if folder is not None:
        from bench.command.terminal import Terminal, show_sweep
        from bench.study.sweep import finish

        with Terminal():
            sweep = finish(folder)
        show_sweep(sweep)
        return int(sweep.done < sweep.members)
    return int(any(status != "done" for status in statuses))


def _list(arguments: list[str]) -> int:
    parser = _Parser(prog="bench list", description="Show tasks, cells and options.")
    parser.add_argument("group", nargs="?", help=f"only this one of {', '.join(listing.GROUPS)}")
    group = parser.parse_args(arguments).group
    if group is not None and group not in listing.GROUPS:
        there_are = f"there are {', '.join(listing.GROUPS)}"
        raise ConfigError(f"list {group}: there is no such group{did_you_mean(group, listing.GROUPS)}; {there_are}")
    print(listing.to_text(group))
    return 0


def _leaderboard(arguments: list[str]) -> int:
    from bench.tables import files, text

    parser = _Parser(prog="bench leaderboard", description="Derive the tables from all records.")
    parser.add_argument("--results-dir", "--results_dir", default="results", help="the results folder (results)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args([_as_flag(argument) for argument in arguments])
    frame = files.write(options.results_dir, warn=lambda line: print(line, file=sys.stderr))
    print(text.to_markdown(frame) if options.markdown else text.to_text(frame))
    return 0


def _sample(arguments: list[str]) -> int:
    parser = _Parser(prog="bench sample", description="Write text from a trained run.")
    parser.add_argument("run", help="a run's id, the beginning of one, or its folder")
    parser.add_argument("--prompt", default="\n", help="text to go on from")
    parser.add_argument("--length", type=int, default=500, help="characters to write (500)")
    parser.add_argument("--temperature", type=float, default=1.0, help="below 1: more likely text; above 1: wilder (1)")
    parser.add_argument("--greedy", action="store_true", help="always the most likely character")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
    parser.add_argument("--confidences", action="store_true", help="show what it expects after each symbol read")
    parser.add_argument("--results-dir", "--results_dir", default="results", help="the results folder (results)")
    options = vars(parser.parse_args([_as_flag(argument) for argument in arguments]))
    from bench.job.sample import confidences, sample

    if options.pop("confidences"):
        for symbol, following in confidences(options["run"], options["results_dir"], options["prompt"]):
            likeliest = "  ".join(f"{_shown(each)} {share:.3f}" for each, share in following.items())
            print(f"after {_shown(symbol):8} {likeliest}")
        return 0
    for piece in sample(**options):
        print(piece, end="", flush=True)
    print()
    return 0


def _shown(symbol: str) -> str:
    """A symbol in a table: as it is, in quotes where it would not be seen."""
    return symbol if symbol.isprintable() and symbol.strip() else repr(symbol)


def _diagnose(arguments: list[str]) -> int:
    parser = _Parser(prog="bench diagnose", description="Show what goes on in a trained model over time.")
    parser.add_argument("run", help="a run's id, the beginning of one, or its folder")
    parser.add_argument("--lanes", type=int, default=8, help="sequences of the valid split to look at (8)")
    parser.add_argument("--untrained", action="store_true", help="look at the weights that the run began from")
    parser.add_argument("--results-dir", "--results_dir", default="results", help="the results folder (results)")
    options = parser.parse_args([_as_flag(argument) for argument in arguments])
    from bench.diagnosis.tables import diagnose_run

    for line in diagnose_run(**vars(options)):
        print(line, flush=True)
    return 0


def _as_flag(argument: str) -> str:
    """`results_dir=x` as verbs' parsers know it, so that the option is written alike everywhere."""
    return f"--{argument}" if argument.startswith("results_dir=") else argument


def _with_folder(argument: str) -> str:
    """`results_dir=~/x` with the home folder in full, which most shells leave to us."""
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("-").replace("-", "_") != "results_dir":
        return argument
    if not value:
        raise ConfigError(f"{argument}: name a folder; . is the current one")
    return f"{key}={Path(value).expanduser()}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        verb = self.prog.removeprefix("bench ")
        raise ConfigError(f"{verb}: {message}; see python -m bench {verb} --help")


def _check(arguments: list[str]) -> int:
    from bench.command.verbs.check import run

    return run(arguments)


def _fetch(arguments: list[str]) -> int:
    from bench.command.verbs.fetch import run

    return run(arguments)


def _new(arguments: list[str]) -> int:
    from bench.command.verbs import new

    parser = _Parser(prog="bench new", description="Write a working cell or task, with its test, in this folder.")
    parser.add_argument("kind", choices=new.KINDS)
    parser.add_argument("name", help="of the module, in lower case: mine")
    options = parser.parse_args(arguments)
    module, test = new.write(options.kind, options.name, Path())
    print(f"wrote {module} and {test}; next:", *new.next_steps(options.kind, module, test), sep="\n  ")
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "check": _check,
    "fetch": _fetch,
    "diagnose": _diagnose,
    "leaderboard": _leaderboard,
    "list": _list,
    "new": _new,
    "sample": _sample,
}
