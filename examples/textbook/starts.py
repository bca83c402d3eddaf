"""The gradient on its way back through an untrained network, by its start: python examples/textbook/starts.py"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch
from torch import Generator

from bench.cells.vanilla import Vanilla
from bench.config.schema import InitConfig
from bench.diagnosis import gradient_norms
from bench.model.init import draw_cell
from bench.model.sequence import SequenceModel
from bench.report.style import canvas, save
from bench.tasks.copy import Copy

STARTS = {
    "normal": InitConfig(input="normal", recurrent="normal"),
    "default": InitConfig(),
    "xavier": InitConfig(input="xavier", recurrent="xavier"),
    "he": InitConfig(input="he", recurrent="he"),
    "orthogonal": InitConfig(input="xavier", recurrent="orthogonal"),
}
LAGS = (2, 5, 10, 20)


def gradients(start: InitConfig, hidden: int = 128, lanes: int = 8) -> tuple[float, list[float]]:
    """The spectral radius of W_hh, and the norm of dL/dh_{T-n} for n = 1, 2, ..., of that at n = 1."""
    torch.manual_seed(0)
    task = Copy(symbols=4, delay=20, held_out=100)
    model = SequenceModel(task.spec, partial(draw_cell, start, Vanilla, {}), hidden).double()
    (w_hh,) = (weight for name, weight in model.named_parameters() if name.endswith("weight_hh"))
    batch = next(task.batches("valid", lanes, Generator().manual_seed(0)))
    norms = gradient_norms(model, task, batch).set_index("lag")["norm"].sort_index()
    radius = torch.linalg.eigvals(w_hh.detach()).abs().max().item()
    return radius, (norms / norms[1]).loc[1 : max(LAGS)].tolist()


def plot(path: str, found: dict[str, tuple[float, list[float]]]) -> None:
    """Draw the norms over n."""
    figure, (axes,) = canvas()
    for name, (_, norms) in found.items():
        axes.plot(range(1, len(norms) + 1), norms, label=f"init={name}")
    axes.set(
        xlabel="steps n before the loss", ylabel=r"norm of $\partial L / \partial h_{T-n}$, of that at 1", yscale="log"
    )
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.invert_xaxis()
    axes.legend(loc="upper right", fontsize="small")
    save(figure, Path(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE", help="also draw the norms into a PNG file")
    options = parser.parse_args()
    found = {name: gradients(start) for name, start in STARTS.items()}
    print("start       radius" + "".join(f"   n = {lag:<3}" for lag in LAGS))
    for name, (radius, norms) in found.items():
        print(f"{name:10}{radius:8.2f}" + "".join(f"{norms[lag - 1]:>10.1e}" for lag in LAGS))
    if options.plot:
        plot(options.plot, found)
