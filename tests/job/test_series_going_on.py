"""A trained run of music or of a forecast goes on by itself; what it reads is what it has said."""

import pytest
import torch
from cli_tools import TINY, bench, the_line

from bench.job.reload import reload
from bench.job.series import go_on
from bench.results.store import Store

MUSIC = (*TINY, "task=music")
FORECAST = (*TINY, "task=forecast", "task.steps=400", "budget.steps=30")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A run of music, of a forecast, of one that cannot go on, and of text."""
    from bench.command.main import main

    folder = tmp_path_factory.mktemp("series")
    plain = [word for word in FORECAST if word != "budget.steps=3"]
    for options in (MUSIC, plain, (*TINY, "task=narma10"), (*TINY, "task=hello")):
        assert main([*options, f"results_dir={folder}"]) == 0
    return folder


@pytest.fixture
def say(capsys, results):
    return lambda *words: bench(capsys, "sample", *words, f"results_dir={results}")


@pytest.fixture(scope="module")
def run_of(results):
    return lambda name: reload(Store(results).resolve(name))


@pytest.mark.parametrize("name", ["music", "forecast"])
def test_a_series_begins_with_held_out_data_and_each_step_follows_from_those_before(run_of, name):
    run = run_of(name)
    shown_TF, opening = go_on(run, 5, greedy=True)
    inputs_TF = run.task.opening()
    assert len(shown_TF) == opening + 5 and torch.equal(shown_TF[:opening], run.task.shown(inputs_TF))
    for _ in range(5):
        logits_TBC, _ = run.predict(inputs_TF[:, None])
        following_F = run.task.following(logits_TBC[-1, 0], 1.0, None)
        inputs_TF = torch.cat([inputs_TF, following_F[None]])
    torch.testing.assert_close(shown_TF, run.task.shown(inputs_TF), atol=1e-4, rtol=1e-4)


def test_a_forecast_is_read_in_the_unit_of_its_input(run_of):
    """What is forecast at a step is near the input of the next one, once it is put into the input's own scale."""
    task = run_of("forecast").task
    batch = next(task.batches("test", 4, torch.Generator()))
    following_TB1 = torch.stack([torch.stack([task.following(c, 1.0, None) for c in step]) for step in batch.targets])
    torch.testing.assert_close(following_TB1[:-1], batch.inputs[1:], atol=1e-4, rtol=1e-4)


def test_draws_repeat_by_their_seed_and_a_forecast_draws_nothing(say):
    assert say("music", "--length=20").out == say("music", "--length=20").out
    assert say("music", "--length=20").out != say("music", "--length=20", "--seed=1").out
    assert say("forecast", "--length=9").out == say("forecast", "--length=9", "--seed=1").out
    assert len(say("forecast", "--length=9").out.splitlines()) == 29


def test_pictures_and_midi_are_written(say, tmp_path):
    for name, file in (("music", "m.mid"), ("music", "m.png"), ("forecast", "f.svg")):
        said = say(name, "--length=4", "--to", str(tmp_path / file))
        assert said.code == 0 and "steps read, then 4 of the model" in said.out
    assert (tmp_path / "m.mid").read_bytes().startswith(b"MThd")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("music", "--prompt", "C4"), "--prompt: music-v1 is no text"),
        (("music", "--confidences"), "--confidences: music-v1 is no text"),
        (("hello", "--to", "hello.mid"), "--to is for runs of music and forecasts"),
        (("forecast", "--to", "f.mid"), "forecast-v1 is no music: end the name in .png"),
        (("music", "--to", "m.wav"), "m.wav"),
        (("music", "--length=-1"), "length and seed are 0 or more"),
        (("narma10",), "only one plain column goes on"),
    ],
)
def test_what_cannot_be_written_is_a_line(say, words, what):
    said = say(*words)
    assert said.code == 2 and what in the_line(said)
