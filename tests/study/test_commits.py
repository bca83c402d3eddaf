"""Two commits compared: each is run in a tree of its own, which is gone afterwards, and one that does not run is told.

The checkout here has a program in the place of bench, which stores records of made-up scores and trains nothing.
"""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cli_tools import bench, the_line
from two_sides import ALIKE, BETTER

from bench import about
from bench.study.commits import commit_of, folder_of, run_at

PROGRAM = """
import json, sys
from pathlib import Path
words = dict(word.split("=", 1) for word in sys.argv[2:])
results, sweep = Path(words["results_dir"]), Path(words["hydra.sweep.dir"])
template, scores = json.loads(Path("record.json").read_text()), SCORES
for seed in map(int, words["seed"].split(",")):
    run = f"run_s{seed}"
    record = {**template, "id": run, "seed": seed, "identity": run}
    record["metric"] = {**template["metric"], "test": scores[seed]}
    folder = results / "runs" / run
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(record))
    (sweep / str(seed)).mkdir()
    (sweep / str(seed) / "run.json").write_text(json.dumps({"id": run, "status": "done", "sweep": "x"}))
    print(f"[{seed + 1}] done {words['task']}")
"""


def git(folder: Path, *arguments: str) -> str:
    given = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *given, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose commits, tagged `good`, `same`, `bad`, `broken` and `other`, give these scores or do not run."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    from factories import a_record

    folder = tmp_path / "checkout"
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "__init__.py").touch()
    (folder / "record.json").write_text(a_record().to_json())
    git(folder, "init", "-q")
    program = folder / "bench" / "__main__.py"
    texts = {
        "good": PROGRAM.replace("SCORES", repr(BETTER)),
        "same": PROGRAM.replace("SCORES", repr(BETTER)) + "# edited\n",
        "bad": PROGRAM.replace("SCORES", repr(ALIKE)),
        "broken": "raise SystemError('no bench here')\n",
    }
    for name, text in texts.items():
        program.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", name)
        git(folder, "tag", name)
    git(folder, "rm", "-rq", "bench")
    git(folder, "commit", "-qm", "other")
    git(folder, "tag", "other")
    (folder / "bench").mkdir(exist_ok=True)
    monkeypatch.setattr(about, "FOLDER", folder / "bench")
    return folder


def compared(capsys, tmp_path, *words):
    return bench(capsys, "compare", *words, "task=copy", "seed=0,1,2,3,4,5", f"results_dir={tmp_path / 'results'}")


def test_a_tree_that_was_stopped_while_git_made_it_is_gone(checkout, monkeypatch):
    run = subprocess.run

    def stopped(command, **kwargs):
        done = run(command, **kwargs)
        if "add" in command:
            run(["git", "worktree", "lock", command[-2]], cwd=checkout, check=True)  # as git has it until it is done
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(subprocess, "run", stopped)
    with pytest.raises(KeyboardInterrupt), folder_of("good"):
        pass
    assert git(checkout, "worktree", "list").count("\n") == 1


def test_a_commit_that_is_worse_is_found_and_one_that_is_not_is_none(capsys, checkout, tmp_path):
    worse = compared(capsys, tmp_path, "good", "bad")
    assert worse.code == 1 and "6 paired" in worse.out and worse.out.rstrip().splitlines()[6].endswith("worse")
    assert worse.err.splitlines()[0].startswith("good (") and worse.err.count("done copy") == 12
    same = compared(capsys, tmp_path, "good", "same")
    assert same.code == 0 and "no difference seen" in same.out


def test_only_the_runs_that_were_asked_for_count_and_the_trees_are_gone(capsys, checkout, tmp_path):
    compared(capsys, tmp_path, "good", "bad")
    said = bench(capsys, "compare", "good", "bad", "task=copy", "seed=0,1", f"results_dir={tmp_path / 'results'}")
    assert "2 paired" in said.out
    assert len(git(checkout, "worktree", "list").splitlines()) == 1
    assert len([*(tmp_path / "results" / "commits").iterdir()]) == 2


def test_a_commit_that_does_not_run_is_one_line_with_its_error(capsys, checkout, tmp_path):
    said = compared(capsys, tmp_path, "broken", "good")
    assert said.code == 2 and "does not run task=copy" in the_line(said)
    assert the_line(said).endswith("SystemError: no bench here")
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def test_a_request_to_stop_ends_the_run_and_takes_the_tree_away(checkout, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    slow = checkout / "bench" / "__main__.py"
    slow.parent.mkdir(exist_ok=True)
    (slow.parent / "__init__.py").touch()
    slow.write_text("import time\nprint('[1] done', flush=True)\ntime.sleep(60)\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "slow")
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_at(commit_of("HEAD"), ["task=copy"], tmp_path / "results", stop)
    assert time.monotonic() - began < 30
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def test_a_commit_without_bench_is_refused_as_the_installed_one_would_run(capsys, checkout, tmp_path):
    said = compared(capsys, tmp_path, "other", "good")
    assert said.code == 2 and "has no folder bench at its top" in the_line(said)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("good", "nowhere"), "nowhere is none of these: COLUMN=VALUE, a results folder"),
        (("good", "cell=gru"), "a commit is compared with a commit"),
    ],
)
def test_a_commit_that_does_not_exist_and_one_against_stored_runs_are_refused(capsys, checkout, tmp_path, words, line):
    said = compared(capsys, tmp_path, *words)
    assert said.code == 2 and line in the_line(said)


def test_seeds_of_two_commits_are_run_until_it_is_told_and_one_run_for_each(capsys, checkout, tmp_path):
    words = ("compare", "good", "bad", "task=copy", f"results_dir={tmp_path / 'results'}", "--until=p=0.05")
    said = bench(capsys, *words, "--max-seeds=3")
    assert said.code == 0 and "B is not told, after 3 seeds of each" in said.out
    assert "cost: 6 new runs of 6" in said.out
