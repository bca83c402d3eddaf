"""The learning curves of the latest sweep in results/, as a PNG file: python examples/textbook/curves.py"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure


def latest_sweep(results: Path) -> list[Path]:
    """The folders of the runs of the latest sweep, in its order."""
    sweep = max((path for path in (results / "sweeps").iterdir() if path.is_dir()), key=lambda path: path.name)
    fates = sorted(sweep.glob("*/run.json"), key=lambda path: int(path.parent.name))
    return [results / "runs" / json.loads(path.read_text("utf-8"))["id"] for path in fates]


def labels(records: list[dict[str, Any]]) -> list[str]:
    """What tells each run from the others: the options in which they differ."""
    options = dict.fromkeys(["cell", *(option for record in records for option in record["changed"])])
    values = {option: [value(record, option) for record in records] for option in options}
    differing = {option: column for option, column in values.items() if len(set(column)) > 1}
    return [", ".join(f"{option}={column[i]}" for option, column in differing.items()) for i in range(len(records))]


def value(record: dict[str, Any], option: str) -> str:
    """An option's value in a run, as one would type it; a group's choice is known only where it was made."""
    if option == "cell":
        return record["cell"]
    found = record["config"]
    for key in option.split("."):
        found = found.get(key)
    found = record["changed"].get(option, "default") if isinstance(found, dict) else found
    return found if isinstance(found, str) else json.dumps(found)


def draw(runs: list[Path], path: Path) -> None:
    """Draw the runs' scores on valid over training; one that diverged early has no curve, and is named all the same."""
    records = [json.loads((run / "record.json").read_text("utf-8")) for run in runs]
    metric = records[0]["metric"]
    score = f"valid_{metric['name']}"
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for run, record, label in zip(runs, records, labels(records), strict=True):
        file = run / "curve.csv"
        curve = pd.read_csv(file) if file.is_file() else pd.DataFrame(columns=["step", score])
        fate = "" if record["status"] == "done" else f" ({record['status']})"
        axes.plot(curve["step"], curve[score], marker=".", label=label + fate)
    axes.axhline(metric["chance"], color="grey", linestyle=":", label="chance")
    if metric["direction"] == "min":
        axes.set_yscale("log")
    axes.set(xlabel="training step", ylabel=f"{metric['name']} on valid", title=records[0]["task"])
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="the results folder (results)")
    parser.add_argument("--plot", type=Path, default=Path("curves.png"), metavar="FILE", help="to write (curves.png)")
    options = parser.parse_args()
    draw(latest_sweep(options.results_dir), options.plot)
