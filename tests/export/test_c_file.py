"""A model as a file of C: compiled, it computes over a sequence what the model does."""

import subprocess

import pytest
import torch
from streamed import a_model, by_steps, inputs_of

from bench.api import Cell, Features, GatedCell, Metric, TaskSpec, Tokens, leaves
from bench.cells.gru import GRU
from bench.cells.lstm import LSTM
from bench.cells.mlstm import MLSTM
from bench.cells.slstm import SLSTM
from bench.cells.vanilla import Vanilla
from bench.export.c_file import CFile, c_name
from bench.export.c_run import ran
from bench.kernels.compiler import NoCompiler, c_compiler
from bench.kernels.step import Cannot
from bench.model.around import Around
from bench.model.sequence import SequenceModel

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2")


class Mine(GatedCell):
    """An own equation, with a parameter of its own and a sum over units."""

    blocks = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.gain = torch.nn.Parameter(torch.linspace(0.5, 1.5, hidden_size))

    def gates(self, x_proj, h_proj, h):
        z, c = (x_proj + h_proj).chunk(2, -1)
        z = torch.sigmoid(z)
        return torch.maximum(z * h + (1 - z) * torch.tanh(c), -self.gain) - 0.1 * h.mean(-1, keepdim=True)


class Begun(Cell):
    """Starts from numbers of its own, and takes no notice of its inputs."""

    def initial_state(self, batch_size, like):
        return torch.linspace(-1, 1, self.hidden_size).to(like).expand(batch_size, -1), like.new_ones(batch_size, 1)

    def step(self, x_BF, state):
        h_BH, n_B1 = state
        return h_BH * n_B1.cos(), (h_BH.tanh(), n_B1 + 1)


def headless():
    spec = TaskSpec("given-v1", Features(3), 0, "every_step", Metric("m", "", "max", 0.0), "", "")
    return SequenceModel(spec, GRU, 9).eval()


BLOCK = Around(pre_norm="rms", norm="layer", residual=True, mlp=2)
MODELS = {
    "vanilla": lambda: a_model(Vanilla, Features(3)),
    "gru": lambda: a_model(GRU, hidden=5),
    "lstm in float64": lambda: a_model(LSTM, Features(2)).double(),
    "a cell of one's own": lambda: a_model(Mine, Features(3), hidden=7),
    "initial states other than zero": lambda: a_model(SLSTM, embedding=4),
    "inputs that are not read": lambda: a_model(Begun, Features(2)),
    "two layers with norms, residual paths, perceptrons": lambda: a_model(GRU, Features(3), layers=2, around=BLOCK),
    "an embedding of many symbols, tied": lambda: a_model(GRU, Tokens(40), outputs=40, embedding=9, tie=True, layers=2),
    "no head": headless,
    "one unit": lambda: a_model(LSTM, Features(1), hidden=1, outputs=1),
    "one symbol, one unit, a norm": lambda: a_model(GRU, Tokens(1), hidden=1, layers=2, around=BLOCK),
}


@pytest.fixture(scope="module")
def cc():
    try:
        return c_compiler()
    except NoCompiler as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", MODELS)
def test_fifty_steps_of_c_are_those_of_the_model(name, cc):
    model = MODELS[name]()
    inputs = inputs_of(model, 50, 1)
    found = ran(CFile(model, "given.c", {}), inputs[:, 0])
    right, states = by_steps(model, inputs)
    near = 1e-5 if model.like.dtype == torch.float32 else 1e-13
    torch.testing.assert_close(found.y_TC, right[:, 0], rtol=near, atol=near)
    for i, mine in enumerate(found.states):
        its = torch.cat([leaves(state)[i].reshape(1, -1) for state in states])
        torch.testing.assert_close(mine, its, rtol=near, atol=near)
    assert found.step_us > 0


def compiled(cc, folder, model, facts=None):
    """The program of a model."""
    (folder / "a-model.c").write_text(CFile(model, "a-model.c", facts or {}).text, encoding="ascii")
    command = [*cc, *STRICT, "-DBENCH_MAIN", "a-model.c", "-lm", "-o", "a-model"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")

    def program(text):
        return subprocess.run([folder / "a-model"], input=text, capture_output=True, text=True)

    return program


@pytest.fixture(scope="module")
def of_symbols(cc, tmp_path_factory):
    """A model of symbols, and its program; what stands in its head would end the comment, or the file."""
    model = a_model(LSTM)
    return model, compiled(cc, tmp_path_factory.mktemp("symbols"), model, {"task": "*/ #error /* ??/ \u00fc\n#error"})


def numbers(text):
    return torch.tensor([[float(number) for number in line.split(" ")] for line in text.splitlines()])


def test_a_program_reads_symbols_and_writes_a_line_of_outputs_for_each(of_symbols):
    model, program = of_symbols
    inputs = inputs_of(model, 20, 1)
    said = program(" ".join(str(int(symbol)) for symbol in inputs))
    assert (said.returncode, said.stderr) == (0, "")
    torch.testing.assert_close(numbers(said.stdout), by_steps(model, inputs)[0][:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "line", "steps"),
    [
        ("1 2 7 1", "step 2: there is no symbol 7; they are 0 to 6\n", 2),
        ("-1", "step 0: there is no symbol -1; they are 0 to 6\n", 0),
        ("1 x", "step 1: that is no number\n", 1),
    ],
)
def test_a_program_refuses_what_is_no_symbol(of_symbols, text, line, steps):
    said = of_symbols[1](text)
    assert (said.returncode, said.stderr, len(said.stdout.splitlines())) == (1, line, steps)


def test_a_program_reads_features_and_refuses_a_step_that_is_cut_short(cc, tmp_path):
    model = a_model(GRU, Features(3), layers=2, around=BLOCK)
    program, inputs = compiled(cc, tmp_path, model), inputs_of(model, 10, 1)
    text = "\n".join(" ".join(map(repr, x.tolist())) for x in inputs[:, 0])
    said = program(text)
    torch.testing.assert_close(numbers(said.stdout), by_steps(model, inputs)[0][:, 0], rtol=1e-5, atol=1e-6)
    said = program(text + " 0.5")
    assert (said.returncode, said.stderr) == (1, "step 10 has too few numbers\n")
    assert len(said.stdout.splitlines()) == 10


def test_the_smaller_of_two_tables_is_written():
    narrow, one_hot = a_model(GRU, Tokens(40), embedding=2), a_model(GRU, Tokens(40))
    assert CFile(narrow, "m.c", {}).constants["table0"].shape == (40, 2)
    assert CFile(one_hot, "m.c", {}).constants["table0"].shape == (40, 27)


def test_the_head_says_what_the_file_takes():
    file = CFile(a_model(GRU), "a b.c", {"run": "copy-v1"})
    weights = 4 * (7 * 27 + 27 * 9 + 27 + 5 * 9 + 5)
    assert file.weights_bytes == weights and f"{weights:,} bytes of constants" in file.text
    assert file.state_bytes == 4 * (2 * 9 + 27 + 9 + 5) and "cc -O3 -c 'a b.c'" in file.text
    assert " * run       copy-v1\n" in file.text and "int a_b_step(a_b_state *state, int symbol, float *y)" in file.text


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("copy-v1_gru.c", "copy_v1_gru"), ("2.5 h.c", "model_2_5_h"), ("\u00fc.c", "model"), ("int.c", "int"), ("c", "c")],
)
def test_names_in_c_are_made_of_the_file_s(file_name, name):
    assert c_name(file_name) == name


def test_what_has_no_form_in_c_is_said():
    with pytest.raises(Cannot, match="_unsafe_view mixes lanes and units"):
        CFile(a_model(MLSTM, hidden=8), "m.c", {})
    with pytest.raises(Cannot, match=r"C has no numbers of dtype torch.bfloat16"):
        CFile(a_model(GRU).bfloat16(), "m.c", {})
