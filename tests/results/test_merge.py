"""Results folders are joined: each run once, whole, and nothing is lost or taken twice."""

import json
from pathlib import Path

import pytest
from cli_tools import COPY, bench, records, the_line
from factories import publish

from bench.errors import StoreError
from bench.results.merge import merge
from bench.results.record import Record
from bench.results.store import Store

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"
HALF = {"valid": {"recall_accuracy": 0.5}, "test": {"recall_accuracy": 0.5}}
RUN = "copy-v1_gru_s0_0123456789abcdef"


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "theirs", tmp_path / "ours"


def merged(places):
    return [tuple(each) for each in merge(*places)]


def test_runs_are_copied_whole_with_what_they_go_on_from(places):
    theirs, ours = places
    folder = publish(Store(theirs), RUN, status="interrupted")
    (folder / "checkpoint-7.pt").write_bytes(b"weights")
    (folder / "curve.csv").write_text("step\n")
    (theirs / "runs" / ".another.partial").mkdir()
    assert merged(places) == [("copied", RUN, "")]
    copy = ours / "runs" / RUN
    assert {path.name for path in copy.iterdir()} == {"record.json", "checkpoint-7.pt", "curve.csv"}
    assert Record.read(copy) == Record.read(folder), "with the hashes that it had: the curve was written since"
    assert [path.name for path in (ours / "runs").iterdir()] == [RUN]


def test_doing_it_again_copies_nothing_twice(places):
    publish(Store(places[0]), RUN)
    assert [each[0] for _ in range(3) for each in merged(places)] == ["copied", "there", "there"]


def test_a_run_that_both_have_done_is_kept_once_where_its_scores_are_equal(places):
    theirs, ours = places
    publish(Store(ours), RUN, finished=EARLY)
    publish(Store(theirs), RUN, finished=LATE)
    assert merged(places) == [("equal", RUN, RUN)]
    assert Store(ours).names() == [RUN]


def test_where_they_differ_both_are_kept_and_named(places):
    theirs, ours = places
    publish(Store(ours), RUN, finished=EARLY)
    publish(Store(theirs), RUN, finished=LATE, scores=HALF)
    assert merged(places) == [("differs", RUN, RUN)]
    assert Store(ours).names() == [RUN, f"{RUN}-2"]
    assert Record.read(ours / "runs" / f"{RUN}-2").scores == HALF
    assert merged(places) == [("there", RUN, f"{RUN}-2")]


def test_a_failed_attempt_and_a_run_of_the_same_name_but_another_identity_are_runs_like_others(places):
    theirs, ours = places
    publish(Store(ours), RUN)
    publish(Store(theirs), RUN, status="failed", reason="the power was cut", finished=EARLY)
    publish(Store(theirs), RUN, identity="another")
    assert [each[0] for each in merged(places)] == ["copied", "copied"]
    assert len(Store(ours).names()) == 3


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_copied(places):
    (publish(Store(places[0]), RUN) / "record.json").write_text("{")
    publish(Store(places[0]), f"{RUN[:-1]}0")
    assert [each[0] for each in merged(places)] == ["copied", "unreadable"]


def test_a_link_is_not_followed(places, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (publish(Store(places[0]), RUN) / "notes.txt").symlink_to(tmp_path / "secret")
    merged(places)
    assert not (places[1] / "runs" / RUN / "notes.txt").exists()


@pytest.mark.parametrize(("source", "into"), [("theirs", "theirs"), ("nothing", "ours")])
def test_folders_that_cannot_be_joined_are_refused(tmp_path, source, into):
    publish(Store(tmp_path / "theirs"), RUN)
    with pytest.raises(StoreError, match="is no results folder|would be merged into"):
        next(merge(tmp_path / source, tmp_path / into))
    assert not (tmp_path / "ours").exists()


def test_two_machines_results_are_one_table(capsys, tmp_path):
    node = [f"results_dir={tmp_path / name}" for name in ("a", "b", "all")]
    for seed, here in (("0", node[0]), ("1", node[0]), ("1", node[1])):
        assert bench(capsys, *COPY, f"seed={seed}", here).code == 0
    said = bench(capsys, "merge", str(tmp_path / "a"), str(tmp_path / "b"), node[2])
    assert said.code == 0
    assert said.out.splitlines() == [
        f"{tmp_path / 'a'}: 2 copied", f"{tmp_path / 'b'}: 1 done here too with equal scores",
    ]  # fmt: skip
    assert sorted(record["seed"] for record in records(tmp_path / "all")) == [0, 1]
    assert (tmp_path / "all" / "leaderboard.csv").exists()
    assert bench(capsys, *COPY, "seed=1", node[2]).out.startswith("copy-v1"), "a merged run is found done"
    assert len(records(tmp_path / "all")) == 2
    (path,) = (tmp_path / "b").glob("runs/*/record.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"finished": LATE, "scores": HALF}))
    said = bench(capsys, "merge", str(tmp_path / "b"), node[2])
    assert (said.code, "other scores than those of " in said.out) == (1, True)


def test_what_is_no_results_folder_is_one_line(capsys, tmp_path):
    assert "is no results folder" in the_line(bench(capsys, "merge", str(tmp_path / "none"), f"results_dir={tmp_path}"))
