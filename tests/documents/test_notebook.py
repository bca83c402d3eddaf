"""The notebook examples/explore.ipynb runs from top to bottom, at a smaller budget, in a results folder of its own."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "explore.ipynb"


def with_values(notebook: nbformat.NotebookNode, **values: object) -> nbformat.NotebookNode:
    """The notebook with other values for the capitals that its first cell of code sets; all of them must be there."""
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    for name, value in values.items():
        cell.source, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", cell.source, flags=re.MULTILINE)
        assert count == 1, name
    return notebook


@pytest.mark.slow
def test_the_notebook_runs_and_shows_frames_plots_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    notebook = with_values(nbformat.read(NOTEBOOK, as_version=4), STEPS=10, RESULTS=str(tmp_path / "results"))
    # speeds are no matter here
    (sweep,) = [cell for cell in notebook.cells if "bench.sweep(" in cell.source]
    sweep.source = sweep.source.replace("bench.sweep(", "bench.sweep(measure={'seconds': 0.01},")
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [kind for output in outputs for kind in output.get("data", ())]
    assert shown.count("image/png") == 3, "two plots of the sweep, and one of a text of one's own"
    assert shown.count("text/html") == 2, "the sweep and the leaderboard as frames"
    bars = [output for output in outputs if "━" in output.get("data", {}).get("text/plain", "")]
    assert len(bars) == 6, "a bar for each run, left at the score it came to"
    assert re.match(r"\[1/6\] ━+ bits_per_character \d", bars[0]["data"]["text/plain"])
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert len([path for path in (tmp_path / "results" / "runs").iterdir() if path.name[0] != "."]) == 6


def test_the_notebook_is_committed_with_its_outputs_and_without_paths_of_a_machine() -> None:
    text = NOTEBOOK.read_text("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code" and "plt.subplots" in cell.source)
    assert str(NOTEBOOK.parents[1]) not in text
