"""`bench speed`: a grid is measured, shown and written; what became slower is an exit code."""

import csv
import json

import pytest
from cli_tools import ROOT, bench, the_line

from bench.errors import StoreError
from bench.results.speeds import Speeds

GRID = ("task=copy", "task.held_out=20", "task.delay=3", "batch_size=4", "measure.seconds=0.001")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Whatever else this machine does, no figure is marked."""
    monkeypatch.setattr("bench.measure.grid.marks", lambda *_: {})


@pytest.fixture
def measured(capsys, tmp_path):
    def measure(*words):
        return bench(capsys, "speed", *GRID, f"results_dir={tmp_path}", *words)

    return measure


def test_a_grid_is_measured_shown_and_written_and_compared_with_itself(capsys, measured, tmp_path):
    said = measured("cell=gru,vanilla", "model.hidden=2,3", "--figures=train,step", "--to", str(tmp_path / "a"))
    assert said.code == 0
    head, titles, *rows = said.out.splitlines()
    assert "base: the time a token of the baseline" in head
    assert titles.split()[:2] == ["cell", "model.hidden"] and [row.split()[:2] for row in rows[:4]] == [
        [cell, size] for cell in ("gru", "vanilla") for size in "23"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-model.hidden.png", "a.csv", "a.json"]
    columns = (tmp_path / "a.csv").read_text().splitlines()[0].split(",")
    assert {"member", "cell", "model.hidden", "train_us", "train_ratio_low", "step_marks"} <= {*columns}

    for factors, verdicts in ({"train": 1.001, "step": 1.001}, (0, 8)), ({"train": 1000, "step": 1.001}, (4, 4)):
        later = json.loads((tmp_path / "a.json").read_text())
        for member in later["members"]:
            for figure, factor in factors.items():
                member["figures"][figure]["samples"] = [factor * s for s in member["figures"][figure]["samples"]]
        (tmp_path / "b.json").write_text(json.dumps(later))
        said = bench(capsys, "speed", "--from", str(tmp_path / "b.json"), "--compare", str(tmp_path / "a.json"))
        assert (said.out.count("SLOWER"), said.out.count("no change seen")) == verdicts
        assert said.code == bool(verdicts[0])


def test_a_file_counts_once_by_whatever_names_it_is_given(capsys, measured, tmp_path):
    assert measured("--figures=infer", "--to", str(tmp_path / "a")).code == 0
    (tmp_path / "link.json").symlink_to("a.json")
    first, link = (str(tmp_path / name) for name in ("a.json", "link.json"))
    for words in (
        ["--from", first, "--compare", first],
        ["--from", first, "--compare", link],
        [*GRID, "--compare", first, "--compare", f"{tmp_path}/./a.json"],
        [*GRID, "--compare", first, "--compare", first],
        [*GRID, "--compare", first, "--beside", link],
    ):
        said = bench(capsys, "speed", *words)
        assert said.code == 2 and "have the same samples, so that they are one call: give it once" in the_line(said)


def test_members_that_differ_in_hardware_alone_have_rows_ratios_and_a_plot_of_their_own(measured, tmp_path):
    words = ("hardware.threads=1,2", "--figures=infer", "--baseline=hardware.threads=2")
    said = measured(*words, "--to", str(tmp_path / "a"))
    assert said.code == 0, said.err
    one, two = csv.DictReader((tmp_path / "a.csv").open())
    assert [row["hardware.threads"] for row in (one, two)] == ["1", "2"]
    assert float(two["infer_ratio"]) == 1 != float(one["infer_ratio"])
    assert (tmp_path / "a-hardware.threads.png").exists()
    again = measured(*words, "--compare", str(tmp_path / "a.json"), "--margin=1000")
    assert again.code == 0 and again.out.count("(beyond ") == 2


def refused_unsampled(measured, monkeypatch, *words):
    """The line by which a call is refused, where it has sampled nothing."""

    def sampled(*_):
        raise AssertionError("measured before it was refused")

    monkeypatch.setattr("bench.measure.grid.Turns.measure", sampled)
    said = measured("--figures=infer", *words)
    assert said.code == 2
    return [line for line in said.err.splitlines() if not line.startswith("preparing")][-1]


def test_what_cannot_be_compared_is_refused_before_anything_is_measured(measured, monkeypatch, tmp_path):
    assert measured("--figures=infer", "--to", str(tmp_path / "a")).code == 0
    compare = f"--compare={tmp_path / 'a.json'}"
    assert measured("--figures=infer", compare, "--margin=1000").code == 0
    other = json.loads((tmp_path / "a.json").read_text())
    other["machine"]["host"] = "another chip"
    (tmp_path / "b.json").write_text(json.dumps(other))
    elsewhere = f"--compare={tmp_path / 'b.json'}"
    assert "b.json is of another machine (host another chip" in refused_unsampled(measured, monkeypatch, elsewhere)
    said = refused_unsampled(measured, monkeypatch, compare, "task.delay=5", "model.hidden=16", "hardware.threads=2")
    assert "a.json has task=copy cell=gru with other options, task.delay=3, and here 5; model.hidden=128, and" in said
    assert "hardware.threads=1, and here 2" in said
    assert "measure with --clock=wall" in refused_unsampled(measured, monkeypatch, compare, "--clock=cpu")


def test_a_figure_that_is_named_twice_is_measured_once(measured, tmp_path):
    said = measured("--figures=infer,infer,prefill", "--to", str(tmp_path / "a"))
    assert said.code == 0 and said.err.count("measuring ") == 2
    assert Speeds.read(tmp_path / "a.json").figures == ["infer", "prefill"]


def test_samples_are_written_whatever_comes_after_them(measured, monkeypatch, tmp_path):
    def fails(*_):
        raise StoreError("no table today")

    monkeypatch.setattr("bench.tables.speeds.to_frame", fails)
    assert "no table today" in measured("--figures=infer", "--to", str(tmp_path / "a")).err
    assert Speeds.read(tmp_path / "a.json").figures == ["infer"]


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_measured(measured, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr("bench.measure.grid.Turns.measure", None)
    said = measured("--figures=infer", f"--to={tmp_path / 'file' / 'a'}")
    assert said.code == 1 and f"cannot write to {tmp_path / 'file'}" in said.err
    assert "choose another folder with --to=..." in said.err


def test_a_contended_figure_is_marked_and_fails_no_gate(capsys, measured, tmp_path):
    assert measured("--figures=infer", "--to", str(tmp_path / "a")).code == 0
    tree = json.loads((tmp_path / "a.json").read_text())
    figure = tree["members"][0]["figures"]["infer"]
    (tmp_path / "quiet.json").write_text(json.dumps(tree))
    figure["samples"], figure["marks"] = [2 * each for each in figure["samples"]], {"contended": "others had a core"}
    (tmp_path / "busy.json").write_text(json.dumps(tree))
    for now, before, where in (("busy", "quiet", "here"), ("quiet", "busy", f"in {tmp_path / 'busy.json'}")):
        now, before = (str(tmp_path / f"{name}.json") for name in (now, before))
        said = bench(capsys, "speed", "--from", now, "--compare", before)
        assert said.code == 0 and f"not told apart: contended {where}" in said.out and "SLOWER" not in said.out
        assert "1 of 1 prove nothing: measure what is marked again" in said.out


def test_figures_that_a_member_has_not_are_named_and_nothing_at_all_is_refused(capsys, tmp_path):
    words = ("task=digits", "model.bidirectional=true", f"results_dir={tmp_path}")
    said = bench(capsys, "speed", *words, "measure.seconds=0.001", "--figures=infer,step")
    assert said.code == 0, said.err
    assert "not measured: task=digits cell=gru: step: a bidirectional model keeps no state" in " ".join(
        said.out.split()
    )
    said = bench(capsys, "speed", *words, "--figures=prefill,step")
    assert said.code == 2 and "measuring" not in said.err
    assert "--figures=prefill,step: there is nothing to measure: task=digits cell=gru: a bidirectional" in said.err


def test_a_member_that_fails_while_it_is_sampled_is_named_and_the_others_are_shown(measured, monkeypatch, tmp_path):
    from bench.measure import grid

    train = grid.training

    def fails(setup, batches):
        if setup.config.model.hidden == 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return train(setup, batches)

    monkeypatch.setattr(grid, "training", fails)
    said = measured("model.hidden=2,3,4", "--figures=infer,train", "--to", str(tmp_path / "a"))
    assert said.code == 1 and "not measured: model.hidden=3: train: no room for 9 bytes more: lower" in said.out
    found = {member.name[-1]: [*member.figures] for member in Speeds.read(tmp_path / "a.json").members}
    assert found == {"2": ["infer", "train"], "3": ["infer"], "4": ["infer", "train"]}
    said = measured("model.hidden=3", "--figures=train")
    assert said.code == 1 and "cell=gru: train: no room for 9 bytes more" in said.err


def test_processor_time_is_refused_for_another_device(measured):
    from simulated import simulated_gpu

    with simulated_gpu():
        said = measured("hardware.device=cuda", "--clock=cpu", "--figures=infer")
    assert (
        said.code == 2 and "--clock=cpu: task=copy cell=gru computes on cuda, which takes no time of a proc" in said.err
    )


def test_a_member_that_cannot_be_built_stops_no_other_and_is_named(measured, tmp_path):
    said = measured("cell=gru,mgu", "unroll=vendor", "--figures=infer")
    assert said.code == 1
    assert [
        line
        for line in said.out.splitlines()
        if line.startswith("not measured: cell=mgu: unroll=vendor: MGU has no such form")
    ]
    assert list((tmp_path / "speed").glob("*.json"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--figures=train,memory"], "--figures=train,memory: 'memory' is none of train, infer, step, prefill"),
        (["--baseline=cell=lstm", "cell=gru,vanilla"], "--baseline=cell=lstm: cell=gru has no such partner"),
        (["--from=x.json"], "speed: --from=x.json measures nothing: leave out task=copy"),
        (["--compare=x.json"], "--compare=x.json is neither a file or folder nor a commit of this checkout"),
        (["--compare=.", "--beside=a.json"], "--compare=. is measured in turn with the code here: leave out a.json"),
        (["--compare=tests"], "tests has no folder bench at its top: it is no checkout of bench"),
        (["--launches=7"], "--launches=7 is for two codes: name one by --compare=COMMIT"),
        (["--launches=4", "--compare=."], "speed: argument --launches: 4: must be a whole number, 5 or more"),
        (["--compare=.", "--other-machine"], "--compare=. is measured in turn with the code here: leave out --other-m"),
        (["--beside=x.json"], "--beside=x.json is for a comparison: say with what by --compare"),
        (["--margin=0"], "--margin=0 is for a comparison: say with what by --compare"),
        (["--other-machine"], "--other-machine is for a comparison: say with what by --compare"),
        (["measure.seconds=1,2"], "measure.seconds=1.0,2.0: all members are sampled alike"),
        (["--margin=nan"], "speed: argument --margin: nan: must be a finite number, 0 or more"),
        (["--margin=-1"], "speed: argument --margin: -1: must be a finite number, 0 or more"),
        (["cell=grue"], "cell=grue: there is no such cell"),
    ],
)
def test_a_line_says_what_is_wrong(measured, words, line):
    said = measured(*words)
    assert said.code != 0 and line in the_line(said)


@pytest.mark.parametrize("word", ["--figures=train", "--figures=", "--clock=wall", "--launches=7", "task=copy"])
def test_what_is_for_measuring_is_refused_beside_a_file_that_is_shown(capsys, word):
    said = bench(capsys, "speed", "--from=x.json", word)
    assert said.code == 2 and word in the_line(said)


def test_two_codes_are_measured_in_turn_and_the_exit_code_says_whether_this_one_is_slower(
    capsys, measured, monkeypatch, tmp_path
):
    import bench.study.codes as codes
    from bench.study.speeds import measure

    asked = {}

    def in_turn(words, folder, name, figures, clock, launches, told, ready, enough):
        asked.update(folder=folder, figures=figures, clock=clock, launches=launches)
        here, there = (measure(codes.compose_sweep(words), figures, clock) for _ in range(2))
        ready(here, there)
        for member in here.members:
            member.figures["infer"]["launches"] = [[asked["pace"] + launch / 1000] for launch in range(5)]
        for member in there.members:
            member.figures["infer"]["launches"] = [[1.0]] * 5
        assert enough(here, there)
        return here, there

    monkeypatch.setattr(codes, "measure_in_turn", in_turn)
    for asked["pace"], code, verdict in ((1.1, 1, "SLOWER"), (1.0, 0, "no change seen"), (0.9, 0, "faster")):
        said = measured("cell=gru,vanilla", "--figures=infer", "--compare", str(ROOT), "--to", str(tmp_path / "a"))
        assert said.code == code and said.out.count(f"{verdict} (beyond 2.0%)") == 2, said.err
        assert f"time / time by {ROOT}, in turn in 5 launches of both" in " ".join(said.out.split())
    assert (asked["folder"], asked["figures"], asked["clock"], asked["launches"]) == (ROOT, ["infer"], "wall", 20)
    assert {"a.json", "a-before.json", "a.csv"} <= {path.name for path in tmp_path.iterdir()}
