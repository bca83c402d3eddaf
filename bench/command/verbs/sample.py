"""Write text from a trained run.

The model reads the prompt and goes on from it, symbol by symbol; an encoder-decoder reads the prompt and writes its
translation. `--confidences` writes nothing: it shows the model's predictions after each symbol of the prompt,
each as its probability and, in brackets, its raw score before the softmax.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from bench.command.output import lost
from bench.command.parser import Parser


def arguments(parser: Parser) -> None:
    """The run, the prompt, and how to draw."""
    parser.add_run()
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="text to go on from (a line break)")
    parser.add_argument("--length", type=int, default=500, metavar="N", help="characters to write (500)")
    parser.add_argument(
        "--temperature", type=float, default=1.0, metavar="X", help="below 1: more likely text; above 1: wilder (1)"
    )
    parser.add_argument("--greedy", action="store_true", help="always the most likely character (maximum a posteriori)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (0)")
    parser.add_argument("--confidences", action="store_true", help="show predictions after each symbol of the prompt")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Print the text as it is drawn, or a line for each symbol of the prompt."""
    from bench.command.terminal import Terminal
    from bench.job.reload import reload
    from bench.job.sample import confidences, sample
    from bench.job.trust import Trust
    from bench.results.store import Store

    with Terminal():
        stored = Store(options.results_dir).resolve(options.run)
        run = reload(stored, trust=Trust(options.trust, options.with_this_code))
    if options.confidences:
        for symbol, following in confidences(run, options.prompt):
            likeliest = "  ".join(
                f"{_shown(each)} {c.probability:.3f} ({c.score:.1f})" for each, c in following.items()
            )
            print(f"after {_shown(symbol):8} {likeliest}")
        return 0
    draws = {name: getattr(options, name) for name in ("length", "temperature", "greedy", "seed")}
    for piece in sample(run, options.prompt, **draws):
        print(piece, end="", flush=True)
        if lost(sys.stdout):  # nobody reads on, as after `| head`
            break
    print()
    return 0


def _shown(symbol: str) -> str:
    """A symbol in a table: in quotes where it would be invisible."""
    return symbol if symbol.isprintable() and symbol.strip() else repr(symbol)
