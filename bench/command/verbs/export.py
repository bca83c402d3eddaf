"""Write a trained run's model as C or as ONNX, for programs without Python.

`--format=c` is one file of C99 with the weights in it and a function that reads one time step, for machines of any
size; its head says how it is compiled and called. `--format=onnx` takes whole sequences of any length, or one step at a
time; `--format=onnx-step` takes one step, for programs that know no Scan. Before it is written, what is exported is
run and compared with the model.
"""

from __future__ import annotations

from argparse import Namespace

from bench.command.parser import Parser
from bench.printable import printable


def arguments(parser: Parser) -> None:
    """The run, the format and the file."""
    parser.add_run()
    parser.add_argument(
        "--format", metavar="NAME", help="c, onnx or onnx-step; by default as the file's name ends, else c"
    )
    parser.add_argument("--to", metavar="PATH", help="the file to write (in this folder, named after the run)")
    parser.add_results_dir()


def run(options: Namespace) -> int:
    """Write the file, and print what it is."""
    from bench.command.terminal import Terminal
    from bench.job.export import export
    from bench.job.reload import reload
    from bench.job.trust import Trust
    from bench.results.store import Store
    from bench.tables.whole import size

    with Terminal():
        stored = Store(options.results_dir).resolve(options.run)
        reloaded = reload(stored, trust=Trust(options.trust, options.with_this_code))
    found = export(reloaded, options.to, options.format)
    print(printable(f"wrote {found.path}, {size(found.size)}"))
    if found.unchecked:
        print(printable(f"  not compared with the model: {found.unchecked}"))
    else:
        print(f"  outputs differ from the model's by at most {found.difference:.2g}, over {found.steps} steps")
    if found.step_us is not None:
        print(f"  {found.step_us:.3g} µs a step here, compiled with -O3")
    return 0
