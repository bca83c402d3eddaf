"""`bench sample`: a trained run goes on from a prompt, the same way whenever it is asked the same."""

import math
import re

import pytest
from cli_tools import COPY, bench, records, the_line
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.job.reload import reload
from bench.job.sample import sample
from bench.results.store import Store

TEXT = "the quick brown fox jumps over the lazy dog. " * 400


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of a short training on a text that is easily learned, and of a run that has no text."""
    from bench.command.main import main

    folder = tmp_path_factory.mktemp("sample")
    (folder / "fox.txt").write_text(TEXT)
    text = (
        "task=charlm",
        f"task.source={folder / 'fox.txt'}",
        "model.hidden=32",
        "budget.steps=120",
        "evaluations=2",
        "measure.seconds=0.01",
    )
    for options in ((*text, "cell=lstm"), COPY):
        assert main([*options, f"results_dir={folder}"]) == 0
    return folder


@pytest.fixture
def say(capsys, results):
    """What `bench sample` comes to."""
    return lambda *arguments: bench(capsys, "sample", *arguments, f"results_dir={results}")


@pytest.fixture(scope="module")
def write(results):
    """The text that the run writes, without the command."""

    def text(prompt="t", length=20, **options):
        return "".join(sample(reload(Store(results).resolve("charlm")), prompt, length, **options))

    return text


def test_the_text_goes_on_from_the_prompt_for_as_long_as_was_asked(say):
    said = say("charlm", "--prompt", "the quick ", "--length", "34", "--greedy")
    assert said == (0, TEXT[:44] + "\n", "")


def test_what_stands_far_back_in_the_prompt_is_remembered(write):
    assert write("fox jumps over the ", 4, greedy=True).endswith("lazy")
    assert write("the lazy dog. the ", 5, greedy=True).endswith("quick")


def test_the_same_seed_writes_the_same_text_and_another_seed_another(write):
    assert write(length=100, temperature=2.0) == write(length=100, temperature=2.0)
    assert write(length=100, temperature=2.0) != write(length=100, temperature=2.0, seed=1)


def test_the_most_likely_text_depends_on_no_seed(write):
    assert write(greedy=True) == write(greedy=True, seed=1) == write(greedy=True, temperature=9.0)


def test_a_low_temperature_comes_to_the_most_likely_text_and_a_high_one_to_any(write):
    for temperature in (1e-9, 5e-324):
        assert write(length=50, temperature=temperature) == write(length=50, greedy=True)
    assert len(set(write(length=300, temperature=1e6))) > 20


@settings(max_examples=10)
@given(st.text("the quick", min_size=1, max_size=5), st.integers(0, 9))
def test_the_length_counts_what_is_written_after_the_prompt(write, prompt, length):
    text = write(prompt, length)
    assert text.startswith(prompt)
    assert len(text) == len(prompt) + length


def test_characters_that_training_has_not_seen_are_named_and_read_as_unknown(say):
    said = say("charlm", "--prompt", "Zthé", "--length", "3")
    assert said.code == 0
    assert said.out.startswith("Zthé")
    assert the_line(said) == "not in the run's text: 'Z', 'é'"


def test_a_run_is_named_by_its_id_or_by_its_folder(say, results):
    run = records(results)[0]["id"]
    folder = str(results / "runs" / run)
    assert say(run, "--length", "9").out == say(folder, "--length", "9").out == say("charlm", "--length", "9").out


def test_of_several_runs_that_begin_so_the_latest_is_taken_and_named(say):
    first = say("c", "--length", "9").err.splitlines()[0]
    assert first.startswith("c: the latest of 2 runs is c")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("copy",), 2, "copy-v1 is no task over text; choose a run of one, such as charlm"),
        (("charlmm",), 1, "there is no run charlmm in "),
        (("charlmm",), 1, "the nearest are charlm-v1_lstm_s0_"),
        (("charlm", "--prompt", ""), 2, "--prompt is empty"),
        (("charlm", "--length=-1"), 2, "--length=-1: must be 0 or more"),
        (("charlm", "--temperature", "0"), 2, "--temperature=0: must be above 0"),
        (("charlm", "--temperature", "nan"), 2, "--temperature=nan: must be above 0"),
        (("charlm", "--length", "x"), 2, "argument --length: x: must be a whole number"),
    ],
)
def test_what_cannot_be_written_says_why(say, arguments, code, words):
    said = say(*arguments)
    assert said.code == code
    assert said.out == ""
    assert words in the_line(said)


def test_a_text_that_has_changed_since_is_refused(say, results):
    path = results / "fox.txt"
    path.write_text(TEXT.replace("lazy", "busy"))
    assert "was trained on other data than" in the_line(say("charlm"))
    path.write_text(TEXT)
    assert say("charlm", "--length", "1").code == 0


def test_weights_that_do_not_fit_the_cell_any_more_are_refused(say, results):
    path = results / "runs" / records(results)[0]["id"] / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert "does not load into the run's model" in the_line(say("charlm"))
    path.write_bytes(whole)


def test_a_run_without_weights_is_refused(capsys, tmp_path):
    diverging = ("optimizer=sgd", "optimizer.lr=1e38", "clip.norm=null", "budget.steps=9")
    bench(capsys, *COPY, *diverging, f"results_dir={tmp_path}")
    said = bench(capsys, "sample", "copy", f"results_dir={tmp_path}")
    assert "is diverged and has no weights: choose a run that is done" in the_line(said)


def test_confidences_are_the_probabilities_of_the_likeliest_next_symbols(say, results):
    from bench.job.sample import confidences

    rows = list(confidences(reload(Store(results).resolve("charlm")), "the q"))
    assert [symbol for symbol, _ in rows] == list("the q")
    for _, following in rows:
        shares = [each.probability for each in following.values()]
        assert len(shares) == 5 and shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
        surer, least = max(following.values()), min(following.values())
        assert math.exp(surer.score - least.score) == pytest.approx(surer.probability / least.probability)
    assert next(iter(rows[-1][1])) == "u"
    said = say("charlm", "--prompt", "the q", "--confidences")
    lines = said.out.splitlines()
    assert said.code == 0 and len(lines) == 5
    assert lines[3].startswith("after ' '") and re.match(r"after q +u [01]\.\d{3} \(-?\d+\.\d\)  ", lines[4])


def test_confidences_are_asked_of_a_prompt(say):
    assert "--prompt is empty" in the_line(say("charlm", "--prompt", "", "--confidences"))


def test_words_are_written_with_spaces_and_unknown_ones_named(capsys, tmp_path):
    (tmp_path / "fox.txt").write_text(TEXT)
    options = (
        "task=wordlm",
        f"task.source={tmp_path / 'fox.txt'}",
        "model.hidden=16",
        "budget.steps=60",
        "measure.seconds=0.01",
    )
    assert bench(capsys, *options, "evaluations=1", f"results_dir={tmp_path}").code == 0
    said = bench(
        capsys, "sample", "wordlm", "--prompt", "the quick zebra", "--greedy", "--length=2", f"results_dir={tmp_path}"
    )
    assert said.out.startswith("the quick zebra ") and len(said.out.split()) == 5
    assert the_line(said) == "not in the run's text: 'zebra'"


DUCK = """
from bench.api import Task
from bench.tasks.hello import Hello

class Duck(Task):
    spec, batches, tally, scores = Hello.spec, Hello.batches, Hello.tally, Hello.scores
    encode, decode = Hello.encode, Hello.decode
"""


def test_a_task_that_only_looks_like_one_over_text_is_told_what_to_derive_from(capsys, tmp_path):
    (tmp_path / "duck.py").write_text(DUCK)
    options = ("task=custom", f"task.target={tmp_path / 'duck.py'}:Duck", "model.hidden=4", "budget.steps=2")
    assert bench(capsys, *options, "evaluations=1", f"results_dir={tmp_path}").code == 0
    trusted = ("--trust", str(tmp_path))
    said = bench(capsys, "sample", "hello", "--prompt", "h", *trusted, f"results_dir={tmp_path}")
    assert said.code == 2
    assert the_line(said).endswith("(a task of your own derives from bench.api.TextTask)")
