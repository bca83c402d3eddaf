"""`bench sample` hands its options on and prints the text as it is drawn; tests/job/test_sample.py holds the text."""

import pytest
from cli_tools import bench, the_line

from bench.job import reload, sample, series
from bench.job.trust import Trust
from bench.results.store import Store


@pytest.fixture
def asked(monkeypatch):
    """What the verb asks for, in place of a trained run's text."""
    calls = []

    def write(run, prompt, **draws):
        calls.append(((*run, prompt), draws))
        yield from ("he", "y")

    def expect(run, prompt):
        calls.append(((*run, prompt), {}))
        yield "h", {"e": sample.Confidence(1.25, 0.75), " ": sample.Confidence(-3, 0.25)}
        yield "\n", {"h": sample.Confidence(4.1, 1.0)}

    monkeypatch.setattr(Store, "resolve", lambda store, name: (name, str(store.runs.parent)))
    monkeypatch.setattr(reload, "reload", lambda stored, trust: stored if trust == Trust([]) else (*stored, trust))
    monkeypatch.setattr(sample, "sample", write)
    monkeypatch.setattr(series, "goes_on", lambda run: False)
    monkeypatch.setattr(sample, "confidences", expect)
    return calls


DEFAULTS = {"length": 500, "temperature": 1.0, "greedy": False, "seed": 0}


def test_defaults(capsys, asked):
    assert bench(capsys, "sample", "copy") == (0, "hey\n", "")
    assert asked == [(("copy", "results", "\n"), DEFAULTS)]


@pytest.mark.parametrize(
    ("flags", "draws"),
    [
        (["--length", "3"], {"length": 3}),
        (["--temperature", "0.5"], {"temperature": 0.5}),
        (["--greedy"], {"greedy": True}),
        (["--seed=7"], {"seed": 7}),
    ],
)
def test_each_option_is_handed_on(capsys, asked, flags, draws):
    assert bench(capsys, "sample", *flags, "copy", "--prompt", "h", "results_dir=there").code == 0
    assert asked == [(("copy", "there", "h"), DEFAULTS | draws)]


def test_trust_is_handed_on(capsys, asked):
    words = ("--trust=mine.py", "--trust", "theirs", "--with-this-code")
    assert bench(capsys, "sample", "copy", *words).code == 0
    assert asked == [(("copy", "results", Trust(["mine.py", "theirs"], True), "\n"), DEFAULTS)]


def test_confidences_are_a_line_a_symbol_with_blanks_in_quotes(capsys, asked):
    said = bench(capsys, "sample", "copy", "--prompt", "h\n", "--confidences", "results_dir=there")
    assert said == (0, "after h        e 0.750 (1.2)  ' ' 0.250 (-3.0)\nafter '\\n'     h 1.000 (4.1)\n", "")
    assert asked == [(("copy", "there", "h\n"), {})]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("copy", "--length", "x"), "sample: argument --length: x: must be a whole number"),
        (("copy", "--promt", "x"), "did you mean --prompt?"),
        ((), "sample: the following arguments are required: run; see python -m bench sample --help"),
    ],
)
def test_wrong_arguments_are_a_line(capsys, asked, arguments, words):
    said = bench(capsys, "sample", *arguments)
    assert said.code == 2 and words in the_line(said)
    assert asked == []
