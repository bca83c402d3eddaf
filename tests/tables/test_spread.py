"""What the spread of scores comes from, in a table."""

import numpy as np
import pytest
from crossed_scores import crossed
from factories import a_record, a_row, publish

from bench.results.row import Row
from bench.results.store import Store
from bench.tables.blocks import as_text
from bench.tables.spread import blocks, to_frame

SCORES = crossed((4, 3), (0.02, 0.01), 0.005, np.random.default_rng(0))


def runs(scores, **changes):
    return [
        a_row(id=f"{seed}-{data}-{split}", seed=seed, seed_data=data, seed_split=split, test=score, **changes)
        for (seed, data, split), score in scores.items()
    ]


def lines(scores, tmp_path, **changes):
    return to_frame(runs(scores, **changes), tmp_path).to_dict("records")


def test_each_source_has_its_part_and_all_make_the_whole(tmp_path):
    found = lines(SCORES, tmp_path)
    assert [(each["source"], each["options"]) for each in found] == [
        ("initialisation", "seed"),
        ("order of the data", "seed.data"),
        ("what they do together", ""),
    ]
    assert [each["levels"] for each in found][:2] == [4, 3]
    assert sum(each["share"] for each in found) == pytest.approx(1)
    assert all(each["low"] <= each["deviation"] <= each["high"] for each in found)
    assert {(each["runs"], each["used"]) for each in found} == {(12, 12)}


def test_seeds_alone_say_that_their_sources_vary_together_and_what_tells_them_apart(tmp_path):
    (found,) = lines({(seed, None, None): 0.5 + seed**2 / 100 for seed in range(5)}, tmp_path)
    assert found["source"] == "initialisation and order of the data" and found["share"] == 1
    assert "seed alone varies the initialisation and the order of the data together" in found["note"]
    assert found["note"].endswith("-m seed=0,1,2,3,4,5,6,7,8,9 seed.data=0,1,2,3,4,5,6,7,8,9")


def test_one_seed_tells_nothing_and_is_told(tmp_path):
    (found,) = lines({(3, None, None): 0.5}, tmp_path)
    assert np.isnan(found["deviation"]) and found["note"].startswith("one seed tells nothing of a spread")
    assert found["note"].endswith("-m seed=0,1,2,3,4 seed.data=0,1,2,3,4")


def test_runs_beside_a_complete_design_are_left_out_and_counted(tmp_path):
    found = lines(SCORES | {(9, None, None): 0.1, (8, 0, None): 0.9}, tmp_path)
    assert {(each["runs"], each["used"]) for each in found} == {(14, 12)} or found[0]["levels"] == 5
    assert "of 14 runs have every combination of their seeds, and are used" in found[0]["note"]


def test_few_levels_say_how_little_they_tell_and_many_say_nothing(tmp_path):
    note = lines(SCORES, tmp_path)[0]["note"]
    assert note.startswith(
        "3 levels of seed.data tell a standard deviation to 0.521 to 6.28 times what they show, 5 to"
    )
    assert "seed=0,1,2,3,4 seed.data=0,1,2,3,4" in note
    many = crossed((10, 10), (0.02, 0.01), 0.005, np.random.default_rng(0))
    assert {each["note"] for each in lines(many, tmp_path)} == {""}


def test_a_split_that_is_drawn_is_a_source_of_its_own(tmp_path):
    drawn = {
        (seed, None, split): seed / 10 + split / 100 + seed * split / 500 for seed in range(3) for split in range(3)
    }
    found = lines(drawn, tmp_path, task="digits-v1(split=drawn)")
    assert [each["options"] for each in found] == ["seed", "seed.split", ""]
    assert "seed.split=0,1,2,3,4" in found[0]["note"]


def test_the_command_is_that_of_the_runs(tmp_path):
    changes = {"changed": {"task.delay": 3, "optimizer.lr": 0.01}, "bptt": "truncated"}
    publish(Store(tmp_path), "copy-gru", **changes)
    (found,) = to_frame([Row.of(a_record(**changes), 1)], tmp_path).to_dict("records")
    wanted = "python -m bench -m task=copy cell=gru bptt=truncated task.delay=3 optimizer.lr=0.01 results_dir="
    assert wanted in found["note"]


def test_a_failed_run_and_an_earlier_attempt_do_not_count(tmp_path):
    more = [a_row(id="old", finished="2000", seed=0, seed_data=0, test=0.0), a_row(id="bad", seed=7, status="failed")]
    assert to_frame([*more, *runs(SCORES)], tmp_path).equals(to_frame(runs(SCORES), tmp_path))


def test_rows_and_tasks_are_told_apart_on_the_screen(tmp_path):
    text = as_text(blocks(to_frame([*runs(SCORES), *runs(SCORES, cell="lstm")], tmp_path)), None, "")
    assert text.startswith("copy-v1: standard deviations of recall_accuracy, at 95%, by what is drawn anew\nbptt full;")
    assert text.count("what they do together") == 2 and text.count("lstm") == 4
