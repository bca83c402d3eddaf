"""The files of a grid of speeds: its samples, its table and its plots, named alike."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd

from bench.report.speed_plots import axes_of, figure
from bench.report.style import save
from bench.results.files import make_folder, write_atomic, writing
from bench.results.speeds import Speeds

_OPTION = "--to"


def try_out(folder: Path) -> None:
    """Make the folder, and find out whether it can be written: raises StoreError where not, as all here do."""
    with writing(folder, _OPTION):
        make_folder(folder)
        TemporaryFile(dir=folder).close()


def keep(speeds: Speeds, to: Path) -> None:
    """Write the samples to `to`.json."""
    with writing(to.parent, _OPTION):
        make_folder(to.parent)
        write_atomic(to.with_name(f"{to.name}.json"), speeds.to_json())


def write(speeds: Speeds, frame: pd.DataFrame, to: Path) -> list[str]:
    """Write samples, table and a plot for each option with several numbers; the endings and names of the files."""
    keep(speeds, to)
    plots = {option: to.with_name(f"{to.name}-{option}.png") for option in axes_of(speeds)}
    with writing(to.parent, _OPTION):
        write_atomic(to.with_name(f"{to.name}.csv"), frame.to_csv(index=False))
        for option, path in plots.items():
            save(figure(speeds, frame, option), path)
    return [".json", ".csv", *(path.name for path in plots.values())]
