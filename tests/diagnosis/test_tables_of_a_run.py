"""All tables of a run together: each is made or says why not, and each has a line about it."""

from dataclasses import replace

import pandas as pd
import pytest
from recurrences import linear
from tiny import Given, a_batch, a_model

from bench.cells.vanilla import Vanilla
from bench.config.schema import ClipConfig
from bench.diagnosis.summaries import SUMMARIES, write
from bench.diagnosis.tables import clipped, diagnose, first_batch
from bench.errors import ConfigError, DataError, StoreError
from bench.report.plots import PLOTS


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


def test_the_batch_is_the_first_of_the_valid_split():
    batches = [a_batch(), a_batch(seed=1)]
    assert first_batch(Given(train=[], valid=batches), 2) is batches[0]
    with pytest.raises(DataError, match="has an empty valid split"):
        first_batch(Given(train=batches), 2)


def test_an_encoder_decoder_is_refused(monkeypatch):
    task = Given(train=[], valid=[a_batch()])
    monkeypatch.setattr(Given, "spec", replace(task.spec, reads="sequence"))
    with pytest.raises(ConfigError, match="reads a whole sequence before it writes one; choose a run of another task"):
        first_batch(task, 2)


def test_a_run_whose_record_does_not_tell_what_clipping_left_has_no_such_table(tmp_path):
    curve = tmp_path / "curve.csv"
    curve.write_text("step,grad_norm\n1,0.5\n2,7\n")
    assert "clip.value" in str(clipped(curve, ClipConfig(norm=None, value=1.0))[1])
    assert "clip.adaptive" in str(clipped(curve, ClipConfig(norm=None, adaptive=0.01))[1])
    for norm, after in ((None, [0.5, 7]), (1.0, [0.5, 1])):
        name, table = clipped(curve, ClipConfig(norm=norm))
        assert name == "clipping" and table["after"].tolist() == after


def test_every_table_has_a_summary_and_a_plot():
    tables = dict(diagnose(a_model(), Given(train=[a_batch()]), a_batch()))
    assert [*tables, "clipping", "sentences"] == list(SUMMARIES) == list(PLOTS)


def test_a_table_is_a_file_a_plot_and_a_line_and_one_that_cannot_be_made_is_a_line(tmp_path):
    table = pd.DataFrame({"step": [1, 2], "before": [3.0, 1.0], "after": [1.0, 1.0]})
    folder = tmp_path / "new" / "folder"
    tables = [("clipping", table), ("jacobian", ConfigError("too wide")), ("gates", table[:0]), ("gradient", table[:0])]
    assert list(write(tables, folder)) == [
        "clipping  gradient norm 2 (median); 50% of the curve's rows were clipped",
        "jacobian  left out: too wide",
        "gates     left out: the cell has no sigmoid",
        "gradient  left out: no step of the batch lies before one that is scored",
        f"wrote {folder}",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["clipping.csv", "clipping.png"]
    pd.testing.assert_frame_equal(pd.read_csv(folder / "clipping.csv"), table)


def test_where_no_folder_can_be_made_the_lines_are_said_all_the_same_and_then_that(tmp_path):
    (tmp_path / "file").write_text("")
    table = pd.DataFrame({"step": [1, 2], "before": [3.0, 1.0], "after": [1.0, 1.0]})
    said = []
    with pytest.raises(StoreError, match="^cannot write to .*: Not a directory"):
        said.extend(write([("clipping", table)], tmp_path / "file" / "diagnosis"))
    assert said == ["clipping  gradient norm 2 (median); 50% of the curve's rows were clipped"]
