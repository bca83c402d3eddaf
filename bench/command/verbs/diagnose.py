"""Show how a trained model works over time.

Tables and plots of gradients, Jacobians, Lyapunov exponents, gates, memory and clipping go to the folder
`diagnosis/RUN` in the results folder, or to `diagnosis/RUN-untrained`. The run itself is never changed.
With `--sentences FILE` it is the vector that each line of a file becomes, and the line whose vector is nearest.
"""

from __future__ import annotations

from argparse import Namespace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bench.command.parser import Parser, number
from bench.errors import ConfigError
from bench.printable import printable

if TYPE_CHECKING:
    from bench.job.reload import Reloaded


def arguments(parser: Parser) -> None:
    """The run, its sequences and its weights."""
    parser.add_run()
    parser.add_argument(
        "--lanes",
        type=number(int, least=1),
        default=8,
        metavar="N",
        help="sequences of the valid split to look at (8)",
    )
    parser.add_argument(
        "--sentences", type=Path, metavar="FILE", help="compare what the model makes of the file's lines, and no more"
    )
    parser.add_argument("--untrained", action="store_true", help="look at the initial weights of the run")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Write each table of the run with a plot, and print a line about each."""
    from bench.command.terminal import Terminal
    from bench.diagnosis.summaries import write
    from bench.diagnosis.tables import clipped, diagnose, first_batch
    from bench.hardware.settings import using_threads
    from bench.job.reload import reload
    from bench.job.trust import Trust
    from bench.results.names import CURVE
    from bench.results.store import Store

    with Terminal():
        stored = Store(options.results_dir).resolve(options.run)
        reloaded = reload(stored, not options.untrained, Trust(options.trust, options.with_this_code))
    folder = Path(options.results_dir) / "diagnosis" / (reloaded.record.id + "-untrained" * options.untrained)
    if options.sentences:
        return _sentences(reloaded, options.sentences, folder)
    tables = diagnose(reloaded.model, reloaded.task, first_batch(reloaded.task, options.lanes))
    if not options.untrained and (curve := stored / CURVE).is_file():
        tables = chain(tables, [clipped(curve, reloaded.config.clip)])
    with using_threads(reloaded.machine.threads):
        for line in write(tables, folder):
            print(printable(line), flush=True)
    return 0


def _sentences(reloaded: Reloaded, path: Path, folder: Path) -> int:
    """Write the table and the plot of the file's sentences; print the nearest of each, and where the files are."""
    from bench.api import TextTask
    from bench.diagnosis import sentence_vectors
    from bench.diagnosis.summaries import write

    if not isinstance(reloaded.task, TextTask):
        raise ConfigError(f"--sentences: {reloaded.record.task} is no task over text; choose a run of one")
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--sentences={path}: cannot be read ({error}); name a text file, a sentence a line"
        ) from None
    table = sentence_vectors(reloaded.model, reloaded.task, lines)
    for sentence, nearest, cosine in zip(table["sentence"], table["nearest"], table["cosine"], strict=True):
        print(printable(f"{sentence}  nearest {nearest}  {cosine:.3f}"))
    for line in write([("sentences", table)], folder):
        print(printable(line), flush=True)
    return 0
