"""Print the C++ that unroll=kernels makes of a cell's step; with hardware.device=cuda, CUDA C.

Three functions over the time steps: `forward` in training, which keeps what the backward pass reads; `infer` without
it; and `backward`. On a GPU, where a step's matrices are large, each is a kernel for what is between two products, and
torch makes the products. Nothing is compiled, and no GPU is needed. Where the step has no kernels, a line says which
operation is in the way.
"""

from __future__ import annotations

from argparse import Namespace

from bench.command.overrides import add_overrides, refuse_others
from bench.command.parser import Parser, number

_PATTERNS = ("cell=NAME", "cell.OPTION=VALUE", "model.hidden=N", "hardware.device=cuda")


def arguments(parser: Parser) -> None:
    """The cell with its options, and how much to print."""
    add_overrides(parser, _PATTERNS)
    parser.add_argument(
        "--inputs", type=number(int, least=1, most=100_000), default=64, metavar="N", help="numbers in an input (64)"
    )
    parser.add_argument("--double", action="store_true", help="in float64 (float32)")
    parser.add_argument("--whole", action="store_true", help="with what comes before the functions: vectors, products")


def run(options: Namespace) -> int:
    """Print the code; 0. Raises ConfigError for a wrong command, and where the step has no kernels."""
    refuse_others("show-kernel", options.overrides, _PATTERNS)

    import torch

    from bench.config.compose import compose
    from bench.config.rules import validate
    from bench.errors import ConfigError
    from bench.job.build import load_cell
    from bench.kernels import cuda, native
    from bench.kernels.passes import passes
    from bench.kernels.step import Cannot
    from bench.unroll.generated import step_of

    config = validate(compose(options.overrides).config)
    cell_class, cell_options = load_cell(config.cell)
    dtype = torch.float64 if options.double else torch.float32
    try:
        step = step_of(cell_class(options.inputs, config.model.hidden, **cell_options).to(dtype), training=True)
    except Cannot as error:
        raise ConfigError(f"{cell_class.__name__} has no kernels: {error}") from error
    on_gpu = config.hardware.device.startswith("cuda")
    code = (cuda.Code if on_gpu else native.Code)(passes(step), dtype)
    print(code.prelude + "\n" + code.text if options.whole else code.text, end="")
    return 0
