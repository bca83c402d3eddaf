"""Pictures of what a model goes on with: a piano roll, or a line."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from bench.report.midi import LOWEST
from bench.report.style import COLOURS, GREY, canvas


def roll(roll_TK: Tensor, opening: int) -> Figure:
    """The notes over time, those of the opening in grey."""
    figure, (axes,) = canvas()
    for start, stop, colour in ((0, opening, GREY), (opening, len(roll_TK), COLOURS[0])):
        times_N, keys_N = roll_TK[start:stop].nonzero(as_tuple=True)
        axes.barh((keys_N + LOWEST).tolist(), 0.9, left=(times_N + start).tolist(), height=0.8, color=colour)
    axes.set(xlabel="frame", ylabel="MIDI note (60: middle C)")
    return figure


def line(values_T1: Tensor, opening: int) -> Figure:
    """The values over time, those of the opening in grey."""
    figure, (axes,) = canvas()
    axes.plot(range(opening), values_T1[:opening, 0].tolist(), color=GREY, label="read")
    last = max(opening - 1, 0)
    axes.plot(range(last, len(values_T1)), values_T1[last:, 0].tolist(), label="the model's own")
    axes.set(xlabel="time step", ylabel="value")
    figure.legend(loc="outside upper right", ncols=2)
    return figure


PICTURES = {"roll": roll, "line": line}
