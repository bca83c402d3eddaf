"""The tutorial's pages: each command works, and what its page says of it is so; at a small size where it trains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from cli_tools import ROOT, records
from hypothesis import given
from hypothesis import strategies as st
from textbook import TUTORIAL, blocks, command, run, scores, script, smaller
from torch import Generator

from bench.cells.gru import GRU
from bench.config.schema import BPTTConfig
from bench.model.sequence import SequenceModel
from bench.tasks.copy import Copy
from bench.train.bptt import windows

PAGES = sorted(path.name for path in TUTORIAL.glob("[0-9]*.md"))
weights = st.floats(-2, 2)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(page, capsys, options, exit_code=0):
    """Run a page's training command with other values of some options, on the CPU."""
    said = run(smaller(command(page)[0], {**options, "hardware.device": "cpu", "measure.seconds": 0.01}), capsys)
    assert said.code == exit_code, said.err


# The pages themselves


def links(page):
    return re.findall(r"\]\(([\w-]+\.md)\)", (TUTORIAL / page).read_text("utf-8"))


def test_the_index_leads_through_all_pages_in_order_and_each_to_the_next():
    order = [*PAGES, "your-own-cell.md"]
    assert links("README.md") == order
    assert [links(page)[-1] for page in PAGES] == order[1:]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_and_has_one_command_and_its_output(page):
    assert command(page) and blocks(page, "text")
    assert len((TUTORIAL / page).read_text("utf-8").splitlines()) <= 80


def test_plots_are_small_and_each_is_shown():
    plots = {path.name: path.stat().st_size for path in (TUTORIAL / "img").iterdir()}
    shown = [name for page in PAGES for name in re.findall(r"\]\(img/(.+?)\)", (TUTORIAL / page).read_text("utf-8"))]
    assert sorted(shown) == sorted(plots) and max(plots.values()) < 60_000


# Small programs: their output is the page's


@pytest.mark.parametrize("page", [page for page in PAGES if command(page)[0][0] != "-m" and "vanishing" not in page])
def test_a_program_prints_what_its_page_shows(page, capsys):
    (words,), (shown,) = command(page), blocks(page, "text")
    assert run(words, capsys).out == shown


@given(st.floats(0.1, 2), st.integers(1, 12))
def test_the_first_inputs_influence_is_a_power_of_the_weight(w, steps):
    found = INFLUENCE(w, steps)
    assert found == pytest.approx([w**n for n in range(steps)])


INFLUENCE = script("scalar_recurrence.py")["influence"]
BY_HAND = script("bptt_by_hand.py")
DESCEND = script("gradient_descent.py")["descend"]


@given(weights, weights, st.tuples(weights, weights, weights), weights)
def test_bptt_by_hand_is_what_autograd_finds(u, w, xs, target):
    hand, auto = BY_HAND["by_hand"](u, w, xs, target), BY_HAND["by_autograd"](u, w, xs, target)
    assert hand == pytest.approx(auto, rel=0, abs=1e-12)


def test_without_what_comes_back_from_later_steps_it_is_not():
    """The page's way to see truncation: w = 0 on the way back."""
    xs, hs = BY_HAND["INPUTS"], BY_HAND["forward"](0.5, 0.8, BY_HAND["INPUTS"])
    ds = BY_HAND["backward"](0, hs, 1.0)
    assert ds[:2] == [0, 0]
    assert abs(ds[2] * hs[2] - BY_HAND["by_autograd"](0.5, 0.8, xs, 1.0)[1]) > 0.1


def test_an_update_raises_the_right_letters_score_until_all_are_right():
    program = script("hell.py")
    weights = program["start"]()
    before_V = program["scores"](weights)[1].detach().softmax(0)
    assert before_V.argmax() == 0 and before_V[0].item() == pytest.approx(0.42, abs=0.005)
    program["update"](weights)
    after_V = program["scores"](weights)[1].detach().softmax(0)
    assert after_V[2] > before_V[2] and after_V[0] < before_V[0] and not program["all_right"](weights)
    for _ in range(30):
        program["update"](weights)
    assert program["scores"](weights).argmax(1).tolist() == [1, 2, 2] and program["all_right"](weights)


@given(st.floats(-0.5, 1.2), st.floats(0.01, 0.1))
def test_a_step_goes_against_the_slope_and_the_sum_takes_a_rate_a_quarter_as_large(start, rate):
    (w, loss, slope), (new, lower, _) = DESCEND(start, rate, 1)
    assert (new - w) * slope <= 0 and lower <= loss
    assert [each[0] for each in DESCEND(start, rate / 4, 5, "sum")] == pytest.approx(
        [each[0] for each in DESCEND(start, rate, 5)]
    )


def test_clipped_descent_gets_past_the_wall_that_throws_the_other_onto_a_plateau():
    descend = script("loss_surface.py")["descend"]
    free, clipped = descend(None, 150), descend(0.2, 150)
    assert max(norm for *_, norm in free) > 200 * free[0][3]
    assert free[-1][2] == pytest.approx(0.09, abs=1e-4) and free[-1][3] < 1e-3
    assert clipped[-1][2] < 0.01


def test_slopes_are_the_derivatives_by_formula():
    slopes = script("slopes.py")["slopes"]
    a_N = torch.linspace(-3, 3, 20)
    sigmoid_N, step_N = a_N.sigmoid(), (a_N > 0).float()
    torch.testing.assert_close(slopes("sigmoid", a_N), sigmoid_N * (1 - sigmoid_N))
    torch.testing.assert_close(slopes("tanh", a_N), 1 - a_N.tanh() ** 2)
    torch.testing.assert_close(slopes("relu", a_N), step_N)
    torch.testing.assert_close(slopes("leaky_relu", a_N), step_N + 0.01 * (1 - step_N))


def test_n01_explodes_and_the_default_vanishes():
    program = script("starts.py")
    after_20 = {name: program["gradients"](start, lanes=2)[1][19] for name, start in program["STARTS"].items()}
    assert after_20["normal"] > 1e5 and after_20["default"] < 1e-3
    assert all(0.05 < after_20[name] < 2 for name in ("xavier", "he", "orthogonal"))


def test_unrolled_copies_and_the_loop_that_shares_their_weights():
    program = script("unrolling.py")
    make = program["Vanilla"]
    torch.manual_seed(1)
    shared, x_TBF = make(2, 3).double(), torch.randn(5, 2, 2, dtype=torch.float64)
    copies = [make(2, 3).double() for _ in x_TBF]
    for copy in copies:
        copy.load_state_dict(shared.state_dict())
    assert torch.equal(program["run"]([shared] * 5, x_TBF), program["run"](copies, x_TBF))
    parts = [program["gradient"](copy) for copy in copies]
    torch.testing.assert_close(sum(parts), program["gradient"](shared))
    assert not torch.allclose(sum(parts[1:-1]), program["gradient"](shared))


@pytest.mark.parametrize(
    ("read", "scored", "name"),
    [
        ("x", "y", "one to one"),
        ("xxx", "yyy", "many to many, in step"),
        ("xxx", ".yy", "many to many, delayed"),
        ("xxx", "..y", "many to one"),
        ("xx", "..yy", "many to many, one after the other"),
    ],
)
def test_the_names_of_shapes(read, scored, name):
    assert script("shapes.py")["shape"](read, scored) == name


def test_gradients_vanish_as_the_page_shows(capsys):
    (words,), (shown,) = command("10-vanishing.md"), blocks("10-vanishing.md", "text")
    printed, table = (numbers(run(words, capsys).out), numbers(shown))
    assert printed.keys() == table.keys()
    assert all(printed[name] == pytest.approx(table[name], rel=0.1) for name in table)
    after_20 = [row[-1] for row in table.values()]
    assert after_20[0] < after_20[2] / 1e6 and after_20[2] < after_20[1] / 10 and after_20[1] < after_20[3] / 10
    assert table["sigmoid"][-1] < 0.25**19 and table["relu, W_hh = I"][-1] > 0.9


def numbers(table):
    """The rows of the printed table by name."""
    rows = [re.match(r"(.+?)((?: +[\d.]+e[+-]\d+)+)$", line) for line in table.splitlines()[1:]]
    return {row[1]: [float(number) for number in row[2].split()] for row in rows}


def test_plots_are_drawn(capsys):
    run([*command("01-one-weight.md")[0], "--plot", "one.png"], capsys)
    run([*command("10-vanishing.md")[0], "--plot", "two.png"], capsys)
    run([*command("07-gradient-descent.md")[0], "--plot", "three.png"], capsys)
    run([*command("12-loss-surface.md")[0], "--plot", "four.png"], capsys)
    for name in ("slopes", "starts", "strokes"):
        run([f"examples/textbook/{name}.py", "--plot", f"{name}.png"], capsys)
    names = ("one", "two", "three", "four", "slopes", "starts", "strokes")
    assert all(Path(f"{name}.png").stat().st_size > 10_000 for name in names)


# Runs, made small


def test_hello_tells_one_l_from_the_other(capsys):
    train("05-hello.md", capsys, {"budget.steps": 100})
    said = run(command("05-hello.md")[1], capsys)
    assert [line.split()[1:3] for line in said.out.splitlines()] == [["h", "e"], ["e", "l"], ["l", "l"], ["l", "o"]]


def test_the_likeliest_letter_each_time_goes_in_a_circle(capsys):
    """And the higher the temperature, the more different letters are written."""
    train("06-next-letter.md", capsys, {"model.hidden": 32, "budget.steps": 60, "evaluations": 1})
    texts = [run(words, capsys).out for words in command("06-next-letter.md")[1:]]
    variety = [len(set(text)) for text in texts]
    assert all(text.startswith("The ") for text in texts)
    assert variety[0] < variety[2] < variety[3]


@pytest.mark.slow
def test_truncation_loses_what_lies_beyond_its_horizon(capsys):
    small = {"task.delay": 4, "budget.steps": 250, "evaluations": 2, "bptt.horizon": "4,12"}
    train("09-truncation.md", capsys, small)
    found = scores("bptt.horizon")
    assert found[4] < 0.65 and found[12] > 0.8


@pytest.mark.parametrize(("horizon", "reached"), [(16, False), (20, True)])
def test_beyond_the_horizon_the_gradient_is_exactly_zero(horizon, reached):
    """In the page's task: of the embeddings of its symbols, from the last window, where all losses lie."""
    task = Copy(symbols=4, delay=12, held_out=100)
    torch.manual_seed(0)
    model = SequenceModel(task.spec, GRU, hidden=8, embedding=8)
    model.choose_unroll("eager")
    batch = next(task.batches("train", 8, Generator().manual_seed(0)))
    *_, (part, _) = windows(batch, BPTTConfig("truncated", 4, horizon))
    state = model.initial_state(8)
    with torch.no_grad():
        for inputs in batch.inputs[: -len(part.inputs)]:
            _, state = model.step(inputs, state)
    logits, _ = model(part.inputs, state)
    (task.loss(logits, part) * part.weight).sum().backward()
    assert bool(model.encoder.weight.grad[2:].any()) == reached


@pytest.mark.slow
def test_clipping_rescues_what_explodes(capsys):
    small = {"task.held_out": 200, "budget.steps": 200, "clip.norm": "null,100,1"}
    train("11-exploding.md", capsys, small, exit_code=1)
    found = scores("clip.norm")
    assert found[None] is None and found[100] < 0.5 and found[1] > 0.9
    assert [record["status"] for record in records(Path("results"))].count("diverged") == 1


@pytest.mark.slow
def test_n01_fails_where_orthogonal_works(capsys):
    train("13-initialisation.md", capsys, {"init": "normal,orthogonal", "budget.steps": 200})
    found = scores("init.recurrent")
    assert found["normal"] < 0.3 and found["orthogonal"] > 0.7


@pytest.mark.slow
def test_gates_solve_what_vanilla_cannot(capsys):
    train("14-gates.md", capsys, {"task.length": 16, "task.held_out": 200, "budget.steps": 400, "evaluations": 2})
    found = scores("cell")
    assert found["vanilla"] > 0.12 and found["lstm"] < 0.06 and found["gru"] < 0.03


@pytest.mark.slow
def test_residual_connections_train_depth(capsys):
    train("15-depth.md", capsys, {"task.delay": 4, "budget.steps": 120, "evaluations": 1, "model.norm": "none"})
    found = scores("model.residual")
    assert found[True] > found[False] + 0.2


@pytest.mark.slow
def test_a_large_rate_needs_to_fall(capsys):
    small = {"task.length": 32, "model.hidden": 32, "budget.steps": 150, "optimizer.lr": 5, "evaluations": 1}
    train("16-learning-rate.md", capsys, {**small, "schedule": "constant,cosine"})
    found = {record["changed"].get("schedule"): record["metric"]["test"] for record in records(Path("results"))}
    assert found["cosine"] < min(4, found[None] - 0.5)


@pytest.mark.slow
def test_a_window_forgets_what_has_left_it(capsys):
    small = {"task.delay": 8, "budget.steps": 120, "evaluations": 1, "model.hidden": 64}
    train("17-forgetful.md", capsys, small)
    found = scores("cell")
    assert found["ngram_mlp"] < 0.15 and found["gru"] > 0.3


@pytest.mark.slow
def test_an_embedded_grammar_is_learned_by_who_keeps_its_second_letter(capsys):
    train("21-grammar.md", capsys, {"cell": "vanilla,lstm", "evaluations": 1, "task.held_out": 100, "task.length": 40})
    found = scores("cell")
    assert found["lstm"] > 0.9 and 0.3 < found["vanilla"] < 0.7


@pytest.mark.slow
def test_digits_are_known_by_the_way_of_the_pen(capsys):
    train("23-strokes.md", capsys, {"cell": "gru", "budget.steps": 150, "evaluations": 1})
    (record,) = records(Path("results"))
    assert record["metric"]["test"] > record["metric"]["baselines"]["mean_features"] + 0.1


@pytest.mark.slow
def test_music_goes_on_after_eight_frames(capsys):
    train("22-going-on.md", capsys, {"model.hidden": 64, "budget.steps": 200, "evaluations": 1})
    (record,) = records(Path("results"))
    assert record["metric"]["test"] < record["metric"]["chance"]
    assert len(run(command("22-going-on.md")[1], capsys).out.splitlines()) == 16


@pytest.mark.slow
def test_parity_holds_at_five_times_the_length(capsys):
    small = {"cell": "gru", "task.length": 10, "task.test_length": 50, "task.held_out": 20, "budget.steps": 300}
    train("18-length.md", capsys, small)
    (record,) = records(Path("results"))
    assert record["metric"]["test"] > 0.95


def test_an_encoder_decoder_writes_numbers_it_has_not_seen(capsys):
    train("19-encoder-decoder.md", capsys, {"task.largest": 299, "budget.steps": 150, "evaluations": 2})
    (record,) = records(Path("results"))
    assert record["metric"]["test"] > 0.7 and record["metric"]["baselines"]["word_for_word"] == 0
    assert run(command("19-encoder-decoder.md")[1], capsys).out == "deux cent trente et un\n"
    *words, file = command("20-sentence-vectors.md")[1]
    said = run([*words, str(ROOT / file)], capsys)
    nearest = dict(re.findall(r"^(.+?)  nearest (.+?)  ", said.out, re.MULTILINE))
    assert len(nearest) == 8 and nearest["two hundred and thirty one"].endswith(("thirty one", "thirty two"))
    assert len([*Path("results").glob("diagnosis/*/sentences.*")]) == 2


def test_learning_curves_of_the_latest_sweep(capsys):
    """The plots' command: after a page's own, and again after one of which no run is stored."""
    for steps in (4, 3):
        small = {"task.held_out": 20, "budget.steps": steps, "evaluations": 1, "clip.norm": "null,1"}
        train("11-exploding.md", capsys, small, exit_code=1)
    assert run(["-m", "bench", "plot", "--to", "curves.svg"], capsys).out == "2 runs, written: curves.svg\n"
    drawn = Path("curves.svg").read_text("utf-8")
    assert "clip.norm=null (diverged)" in drawn and "clip.norm=1.0" in drawn and "budget" not in drawn
