"""Write text, music or the next values of a series from a trained run.

The model reads the prompt and goes on from it, symbol by symbol; an encoder-decoder reads the prompt and writes its
translation. `--confidences` writes nothing: it shows the model's predictions after each symbol of the prompt,
each as its probability and, in brackets, its raw score before the softmax.

A run of music or of a forecast goes on from held-out data: notes or values, a line a step, or with `--to` as a picture,
and music as a MIDI file.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.command.output import lost
from bench.command.parser import Parser, number
from bench.errors import ConfigError
from bench.printable import printable

if TYPE_CHECKING:
    from bench.job.reload import Reloaded


def arguments(parser: Parser) -> None:
    """The run, the prompt, and how to draw."""
    parser.add_run()
    parser.add_argument("--prompt", metavar="TEXT", help="text to go on from (a line break)")
    parser.add_argument(
        "--length", type=number(int), default=500, metavar="N", help="characters, or steps, to write (500)"
    )
    parser.add_argument(
        "--temperature", type=float, default=1.0, metavar="X", help="below 1: more likely text; above 1: wilder (1)"
    )
    parser.add_argument("--greedy", action="store_true", help="always the most likely character (maximum a posteriori)")
    parser.add_argument("--seed", type=number(int), default=0, metavar="N", help="seed of the draws (0)")
    parser.add_argument("--confidences", action="store_true", help="show predictions after each symbol of the prompt")
    parser.add_argument("--to", type=Path, metavar="FILE", help="of music, forecasts: write a .mid, .png, .svg or .pdf")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the text as it is drawn, or a line for each symbol of the prompt."""
    from bench.command.terminal import Terminal
    from bench.job import series
    from bench.job.reload import reload
    from bench.job.sample import confidences, sample
    from bench.job.trust import Trust
    from bench.results.store import Store

    with Terminal():
        stored = Store(options.results_dir).resolve(options.run)
        run = reload(stored, trust=Trust(options.trust, options.with_this_code))
    draws = {name: getattr(options, name) for name in ("length", "temperature", "greedy", "seed")}
    if series.goes_on(run):
        return _series(run, options, draws)
    if options.to:
        raise ConfigError("--to is for runs of music and forecasts, and text is printed: leave it out")
    prompt = "\n" if options.prompt is None else options.prompt
    if options.confidences:
        for symbol, following in confidences(run, prompt):
            likeliest = "  ".join(
                f"{_shown(each)} {c.probability:.3f} ({c.score:.1f})" for each, c in following.items()
            )
            print(f"after {_shown(symbol):8} {likeliest}")
        return 0
    for piece in sample(run, prompt, **draws):
        print(piece, end="", flush=True)
        if lost(sys.stdout):  # nobody reads on, as after `| head`
            break
    print()
    return 0


def _series(run: Reloaded, options: Namespace, draws: dict[str, Any]) -> int:
    """Print what a model of music or of a forecast goes on with, or write it to a file."""
    from bench.job.series import go_on, lines, write

    for name in ("prompt", "confidences"):
        if getattr(options, name):
            raise ConfigError(f"--{name}: {run.record.task} is no text, and goes on from held-out data: leave it out")
    steps_TF, opening = go_on(run, **draws)
    if options.to:
        write(run, steps_TF, opening, options.to)
        print(printable(f"wrote {options.to}: {opening} steps read, then {len(steps_TF) - opening} of the model"))
    else:
        print("\n".join(lines(run, steps_TF)))
    return 0


def _shown(symbol: str) -> str:
    """A symbol in a table: in quotes where it would be invisible."""
    return symbol if symbol.isprintable() and symbol.strip() else repr(symbol)
