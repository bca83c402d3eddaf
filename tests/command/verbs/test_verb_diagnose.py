"""`bench diagnose`: tables and plots beside the runs, which stay as they are."""

from contextlib import redirect_stdout
from io import StringIO

import pandas as pd
import pytest
from cli_tools import COPY, bench, last_of_each, records, the_line

from bench.command.main import main
from bench.diagnosis.summaries import SUMMARIES


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a run whose clipping bites."""
    folder = tmp_path_factory.mktemp("diagnose")
    options = (*COPY, "cell=lstm", "model.layers=2", "clip.norm=0.01", "evaluations=2", f"results_dir={folder}")
    assert main(last_of_each(options)) == 0
    return folder


@pytest.fixture(scope="module")
def diagnosed(results):
    """The lines about the run and its folder of tables."""
    before = contents(results / "runs")
    with redirect_stdout(StringIO()) as out:
        assert main(["diagnose", "copy", f"results_dir={results}"]) == 0
    assert contents(results / "runs") == before
    return out.getvalue().splitlines(), results / "diagnosis" / records(results)[0]["id"]


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_table_is_written_and_drawn_and_the_run_stays_as_it_is(diagnosed, results):
    lines, folder = diagnosed
    names = [name for name in SUMMARIES if name != "sentences"]
    assert [line.split()[0] for line in lines] == [*names, "wrote"]
    assert lines[-1] == f"wrote {folder}"
    assert {path.name for path in folder.iterdir()} == {f"{n}.{ending}" for n in names for ending in ("csv", "png")}
    assert all(len(pd.read_csv(path)) for path in folder.glob("*.csv"))
    assert {path.name for path in (results / "runs" / folder.name).iterdir()} == {
        "record.json", "curve.csv", "run.log", "config.yaml", "model.safetensors"
    }  # fmt: skip


def test_the_command_says_what_it_found_the_same_each_time(capsys, diagnosed, results):
    before = contents(results / "diagnosis")
    said = bench(capsys, "diagnose", "copy", f"results_dir={results}")
    assert said == (0, "\n".join(diagnosed[0]) + "\n", "")
    assert contents(results / "diagnosis") == before


def test_clipped_norms_are_the_limit(diagnosed):
    lines, folder = diagnosed
    assert "100% of the curve's rows were clipped" in lines[-2]
    table = pd.read_csv(folder / "clipping.csv")
    assert table["after"].tolist() == [0.01] * len(table)
    assert (table["before"] > 0.01).all()


def test_untrained_weights_are_others_and_need_no_run_that_is_done(capsys, diagnosed, results):
    _, folder = diagnosed
    weights = results / "runs" / folder.name / "model.safetensors"
    weights.rename(results / "aside")
    assert "has no weights" in the_line(bench(capsys, "diagnose", "copy", f"results_dir={results}"))
    assert bench(capsys, "diagnose", "copy", "--untrained", "--lanes", "2", f"results_dir={results}").code == 0
    (results / "aside").rename(weights)
    other = folder.with_name(f"{folder.name}-untrained")
    assert (folder / "gradient.csv").read_text() != (other / "gradient.csv").read_text()
    assert set(pd.read_csv(other / "lyapunov.csv")["lane"]) == {0, 1}
    assert not (other / "clipping.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("adding",), 1, "there is no run adding in "),
        (("copy", "--lanes", "0"), 2, "diagnose: argument --lanes: 0: must be a whole number, 1 or more"),
        (("copy", "--lanes", "x"), 2, "diagnose: argument --lanes: x: must be a whole number, 1 or more"),
        ((), 2, "diagnose: the following arguments are required: run"),
    ],
)
def test_what_cannot_be_diagnosed_says_why(capsys, results, arguments, code, words):
    before = contents(results)
    said = bench(capsys, "diagnose", *arguments, f"results_dir={results}")
    assert said.code == code
    assert words in the_line(said)
    assert contents(results) == before
