"""The row of a run: each figure from its place in the record, nothing from a record that lacks it."""

import json

import pytest
from factories import a_failure, a_record, publish

from bench.results.row import PLACES, Row
from bench.results.store import Store


def test_the_row_of_a_record_has_its_figures_and_of_a_failure_none():
    row = Row.of(a_record(fingerprint="abc"), written=7)
    assert (row.id, row.written, row.fingerprint, row.task, row.bptt) == ("copy-gru", 7, "abc", "copy-v1", "full")
    assert (row.metric, row.direction, row.test, row.chance) == ("recall_accuracy", "max", 0.97, 0.2)
    assert (row.params, row.train_tokens_per_s, row.step_us) == (51_210, 1.5e5, 45.2)
    assert (row.peak_mib, row.seconds, row.finished) == (12.5, 31.25, "2026-01-31T12:00:00+00:00")
    failed = Row.of(a_failure(), written=7)
    assert (failed.status, failed.reason) == ("failed", "model.hidden=0: must be 1 or more")
    scored = Row._fields[Row._fields.index("metric") : Row._fields.index("finished")]
    assert {getattr(failed, name) for name in scored} == {None} and len(scored) == 35


@pytest.mark.parametrize("name", PLACES)
def test_every_figure_is_what_the_records_file_has_at_its_place(name):
    value = json.loads(a_record().to_json())
    for key in PLACES[name].split("."):
        value = value[key]
    value = (", ".join(value) or None) if isinstance(value, dict) else value
    assert getattr(Row.of(a_record(), written=0), name) == value


@pytest.mark.parametrize("damage", [{"memory": {"activations_mib": 1.0}}, {"memory": {}}, {"memory": None}])
def test_a_figure_that_the_record_lacks_is_none(damage):
    assert Row.of(a_record(**damage), written=0).peak_mib is None


def test_speeds_that_were_not_measured_are_none():
    speed = dict.fromkeys(("train_tokens_per_s", "infer_tokens_per_s", "step_us"))
    assert Row.of(a_record(speed=speed), written=0).step_us is None


def test_an_index_of_figures_from_other_places_is_not_read(tmp_path, monkeypatch):
    publish(Store(tmp_path), "run")
    rows = Store(tmp_path).rows()
    monkeypatch.setitem(PLACES, "test", "metric.valid")
    moved, warnings = Store(tmp_path).rows()
    assert (rows[0][0].test, moved[0].test, warnings) == (0.97, 0.98, [])
