"""How the gradient dies on its way back, by activation: python examples/textbook/vanishing.py"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Generator

from bench.cells.irnn import IRNN
from bench.cells.vanilla import Vanilla
from bench.config.schema import InitConfig
from bench.diagnosis import gradient_norms
from bench.model.init import draw_cell
from bench.model.sequence import SequenceModel
from bench.report.style import canvas, save
from bench.tasks.copy import Copy

ORTHOGONAL = InitConfig(recurrent="orthogonal")
MODELS = {
    "sigmoid": partial(draw_cell, ORTHOGONAL, Vanilla, {"activation": "sigmoid"}),
    "tanh": partial(draw_cell, ORTHOGONAL, Vanilla, {"activation": "tanh"}),
    "relu": partial(draw_cell, ORTHOGONAL, Vanilla, {"activation": "relu"}),
    "relu, W_hh = I": IRNN,
}
LAGS = (1, 5, 10, 20)


def norms(hidden: int = 32, lanes: int = 8) -> pd.DataFrame:
    """The norm of dL/dh_{T-n}, of that at n = 1: a row for each n, a column for each untrained model."""
    task = Copy(delay=20)
    batch = next(task.batches("valid", lanes, Generator().manual_seed(0)))
    columns = {}
    for name, make_cell in MODELS.items():
        torch.manual_seed(0)
        model = SequenceModel(task.spec, make_cell, hidden).double()
        found = gradient_norms(model, task, batch).set_index("lag")["norm"]
        columns[name] = found / found[1]
    return pd.DataFrame(columns)


def plot(frame: pd.DataFrame) -> Figure:
    """Each column over n."""
    figure, (axes,) = canvas()
    for name, column in frame.items():
        axes.plot(column, label=name)
    axes.set(
        xlabel="steps n before the loss", ylabel=r"norm of $\partial L / \partial h_{T-n}$, of that at 1", yscale="log"
    )
    axes.invert_xaxis()
    axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curves into a PNG file")
    options = parser.parse_args()
    frame = norms()
    print("activation      " + "".join(f"   n = {lag:<2}" for lag in LAGS))
    for name, column in frame.items():
        print(f"{name:16}" + "".join(f"{column[lag]:>9.1e}" for lag in LAGS))
    if options.plot:
        save(plot(frame), options.plot)
