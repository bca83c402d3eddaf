"""`bench diagnose`: tables and plots beside the runs, which stay as they are."""

from dataclasses import replace

import pandas as pd
import pytest
from cli_tools import COPY, bench, records, the_line
from recurrences import linear
from tiny import Given, a_batch, a_model

from bench.cells.vanilla import Vanilla
from bench.config.schema import ClipConfig
from bench.diagnosis.tables import SUMMARIES, _clipping, _tables, diagnose, diagnose_run
from bench.errors import ConfigError
from bench.job.reload import reload
from bench.report.plots import draw


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a run whose clipping bites."""
    from bench.command.main import main

    folder = tmp_path_factory.mktemp("diagnose")
    options = (*COPY, "cell=lstm", "model.layers=2", "clip.norm=0.01", "evaluations=2", f"results_dir={folder}")
    assert main([*options]) == 0
    return folder


@pytest.fixture(scope="module")
def diagnosed(results):
    """The lines about the run and its folder of tables."""
    before = contents(results / "runs")
    lines = list(diagnose_run("copy", str(results)))
    assert {path: data for path, data in contents(results / "runs").items() if path in before} == before
    return lines, results / "diagnosis" / records(results)[0]["id"]


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_table_is_written_and_drawn_and_the_run_stays_as_it_is(diagnosed, results):
    lines, folder = diagnosed
    assert [line.split()[0] for line in lines] == [*SUMMARIES, "wrote"]
    assert lines[-1] == f"wrote {folder}"
    assert {path.name for path in folder.iterdir()} == {f"{n}.{ending}" for n in SUMMARIES for ending in ("csv", "png")}
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
        (("copy", "--lanes", "0"), 2, "--lanes=0: must be 1 or more"),
        (("copy", "--lanes", "x"), 2, "diagnose: argument --lanes: invalid int value: 'x'"),
        ((), 2, "diagnose: the following arguments are required: run"),
    ],
)
def test_what_cannot_be_diagnosed_says_why(capsys, results, arguments, code, words):
    before = contents(results)
    said = bench(capsys, "diagnose", *arguments, f"results_dir={results}")
    assert said.code == code
    assert words in the_line(said)
    assert contents(results) == before


def test_a_run_whose_record_does_not_tell_what_clipping_left_has_no_such_table(diagnosed, results):
    curve = results / "runs" / diagnosed[1].name / "curve.csv"
    assert "clip.value" in str(_clipping(curve, ClipConfig(norm=None, value=1.0)))
    assert "clip.adaptive" in str(_clipping(curve, ClipConfig(norm=None, adaptive=0.01)))
    assert len(_clipping(curve, ClipConfig(norm=None))) == 2


def test_an_encoder_decoder_is_refused(diagnosed, results, monkeypatch):
    reloaded = reload(results / "runs" / diagnosed[1].name)
    task = Given(train=[a_batch()])
    monkeypatch.setattr(Given, "spec", replace(task.spec, reads="sequence"))
    with pytest.raises(ConfigError, match="reads a whole sequence before it writes one; choose a run of another task"):
        list(_tables(replace(reloaded, task=task), results, 2, untrained=False))


def test_a_table_that_cannot_be_made_does_not_keep_the_others_from_it():
    batch = a_batch(T=2)
    tables = dict(diagnose(a_model(Vanilla, hidden=1025), Given(train=[batch]), batch))
    assert isinstance(tables.pop("jacobian"), ConfigError)
    assert tables.pop("gates").empty
    assert not any(table.empty for table in tables.values())


def test_what_vanishes_is_not_lost_in_rounding():
    """0.1 to the 99th is less than the least float32, and the weight itself no number of base 2."""
    batch = a_batch(T=100)
    tables = dict(diagnose(linear(0.1).float(), Given(train=[batch]), batch))
    assert tables["memory"]["norm"].iloc[-1] == pytest.approx(1e-99, rel=1e-4)


@pytest.mark.parametrize("name", SUMMARIES)
def test_plots_show_what_is_in_the_tables(name, tmp_path):
    """Other numbers, another picture."""
    batch = a_batch(T=5)
    tables = dict(diagnose(a_model(layers=2), Given(train=[batch]), batch))
    tables["clipping"] = pd.DataFrame({"step": [1, 2], "before": [3.0, 2.0], "after": [1.0, 1.0]})
    table = tables[name]
    column = {"memory": "share", "gates": "share", "lyapunov": "exponent", "jacobian": "radius", "clipping": "before"}
    draw(name, table, tmp_path / "one.png")
    changed = table.assign(**{column.get(name, "norm"): table[column.get(name, "norm")][::-1].to_numpy()})
    draw(name, changed, tmp_path / "other.png")
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "other.png").read_bytes()
