"""The record: what is written is what is read, to the last bit, and nothing unreadable is ever made."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from factories import NOT_FINITE, a_failure, a_record, a_score
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.results.hashes import digest
from bench.results.record import Record

FIELDS = (
    "schema id status reason task cell bptt seed metric scores params speed memory seconds finished config versions "
    "git machine changed labels identity fingerprint unroll clipped hidden code sources harness "
    "experiment resumed flops untrained form_refused products notes time work to_target files attempts digest"
).split()

finite = st.floats(allow_nan=False, allow_infinity=False)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def strictly(text):
    """The JSON in `text`; fails on the NaN and Infinity that Python's parser lets pass."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_record_holds_the_fields_of_schema_1_in_their_order():
    assert list(strictly(a_record().to_json())) == FIELDS


@given(
    config=st.dictionaries(st.text(), trees), test=finite, seconds=finite, reason=st.none() | st.text(st.characters())
)
def test_reading_gives_back_what_was_written_to_the_last_bit(config, test, seconds, reason):
    record = a_record(config=config, metric=a_score(test), seconds=seconds, reason=reason)
    text = record.to_json()
    assert Record.from_json(text, "here") == record
    assert Record.from_json(text, "here").to_json() == text
    assert digest(Record.from_json(text, "here", id="elsewhere")) == digest(record), "whatever its folder is called"
    assert digest(replace(record, params=1)) != digest(record)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_what_is_not_finite_becomes_null_wherever_it_stands(value):
    record = a_record(metric=a_score(value), seconds=value, config={"clip": {"norm": [value]}})
    tree = strictly(record.to_json())
    assert tree["metric"]["test"] is tree["seconds"] is tree["config"]["clip"]["norm"][0] is None


@pytest.mark.parametrize(
    ("metric", "split", "score"),
    [
        (a_score(0.97), "test", 0.97),
        (a_score(0.0), "test", 0.0),
        (a_score(None), "valid", 0.98),
        (a_score(None, valid=None), "valid", None),
        (None, None, None),
    ],
)
def test_the_score_is_that_of_the_test_split_or_else_of_the_valid_split(metric, split, score):
    record = a_record(metric=metric)
    assert (record.scored_split, record.score) == (split, score)


def test_a_record_from_before_clipping_was_counted_is_read():
    tree = json.loads(a_record().to_json())
    del tree["clipped"]
    assert Record.from_json(json.dumps(tree), "here") == a_record()


def test_a_run_that_failed_at_once_has_a_record_too():
    assert Record.from_json(a_failure().to_json(), "here") == a_failure()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "crashed"),
        ("seed", True),
        ("seed", 1.0),
        ("params", "many"),
        ("metric", {"name": "accuracy"}),
        ("metric", a_score("good")),
        ("metric", a_score(0.5, direction="up")),
        ("metric", {**a_score(0.5), "best": 1}),
        ("speed", {"train_tokens_per_s": 1.0, "infer_tokens_per_s": None, "step_us": None}),
        ("memory", {"peak_mib": "12"}),
        ("labels", {"task": "copy-v1"}),
        ("config", {1: 2}),
        ("machine", None),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_before_it_can_be_stored(field, value):
    with pytest.raises(ValueError, match=f"^{field} is not as schema 1 has it$"):
        a_record(**{field: value})


def text_with(**changes):
    return json.dumps({**json.loads(a_record().to_json()), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        (a_record().to_json()[:200], "line"),
        ("[]", "it is not a JSON object"),
        (text_with(schema=2), "its schema is 2 and this version of bench reads 1"),
        (text_with(status="crashed"), "status is not as schema 1 has it"),
        (text_with(colour="red"), "colour is no field of a record"),
        (a_record().to_json().replace('"identity"', '"identical"'), "identical is no field of a record"),
        (a_record().to_json().replace('"params": 51210,', ""), "params is missing"),
    ],
)
def test_a_broken_file_is_named_with_its_fault_in_one_line(text, why, tmp_path):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(StoreError) as caught:
        Record.read(tmp_path)
    line = str(caught.value)
    assert str(tmp_path / "record.json") in line and why in line and "\n" not in line


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_missing_and_an_undecodable_file_are_named_too(content, tmp_path):
    if content:
        (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"record\.json"):
        Record.read(tmp_path)


@pytest.mark.parametrize(("module", "needs_torch"), [("tables.files", False), ("api", True)])
def test_what_comes_after_a_run_does_without_torch(module, needs_torch):
    code = f"import sys, bench.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == needs_torch
