"""What is exported is held to the model before it is written; what cannot be is refused in a line."""

import sys

import pytest
import torch
from streamed import a_model, inputs_of

from bench.cells.gru import GRU
from bench.cells.mlstm import MLSTM
from bench.errors import BenchError, ConfigError, StoreError
from bench.export import c_run, exported
from bench.export.c_file import CFile
from bench.export.exported import Exported, export, place
from bench.kernels.compiler import NoCompiler, c_compiler


@pytest.fixture
def model():
    return a_model(GRU)


@pytest.fixture
def needs_cc():
    try:
        c_compiler()
    except NoCompiler as error:
        pytest.skip(str(error))


def test_a_file_of_c_is_written_when_it_is_right(model, tmp_path, needs_cc):
    path, inputs = tmp_path / "m.c", inputs_of(model, 20, 2)
    found = export(model, inputs, {"run": "copy"}, path, "c")
    assert path.read_text() == CFile(model, "m.c", {"run": "copy"}).text
    assert (found.path, found.size, found.steps, found.unchecked) == (path, path.stat().st_size, 20, None)
    assert 0 <= found.difference < 1e-6 and found.step_us > 0


def another(y):
    return y + 1e-3 * (torch.arange(y.numel()) == y.numel() - 1).view(y.shape)  # the last step's last number


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda ran: ran._replace(y_TC=another(ran.y_TC)), "the exported outputs differ from the model's by 0.001"),
        (lambda ran: ran._replace(states=[another(each) for each in ran.states]), "the exported state 0 differ"),
        (lambda ran: ran._replace(states=[-each - 1 for each in ran.states]), "the exported initial state differs"),
        (lambda ran: ran._replace(y_TC=ran.y_TC * torch.nan), "the exported outputs differ from the model's by inf"),
    ],
)
def test_what_differs_from_the_model_is_not_written(model, tmp_path, monkeypatch, needs_cc, spoil, words):
    monkeypatch.setattr(exported, "ran", lambda *given: spoil(c_run.ran(*given)))
    with pytest.raises(BenchError, match=words):
        export(model, inputs_of(model, 9, 1), {}, tmp_path / "m.c", "c")
    assert not list(tmp_path.iterdir())


def test_without_a_compiler_c_is_written_as_it_is_and_that_is_told(model, tmp_path, monkeypatch):
    def none():
        raise NoCompiler("there is no C compiler here")

    monkeypatch.setattr(c_run, "c_compiler", none)
    found = export(model, inputs_of(model, 9, 1), {}, tmp_path / "m.c", "c")
    size = (tmp_path / "m.c").stat().st_size
    assert found == Exported(tmp_path / "m.c", size, 9, unchecked="there is no C compiler here")


def test_a_compiler_that_fails_is_told(model, tmp_path, monkeypatch):
    monkeypatch.setattr(c_run, "c_compiler", lambda: (sys.executable,))
    with pytest.raises(
        BenchError, match=r"does not compile the C, and nothing is written: .*another compiler with CC="
    ):
        export(model, inputs_of(model, 9, 1), {}, tmp_path / "m.c", "c")
    monkeypatch.setattr(c_run, "c_compiler", lambda: (str(tmp_path),))
    with pytest.raises(BenchError, match="does not run"):
        export(model, inputs_of(model, 9, 1), {}, tmp_path / "m.c", "c")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "form", "words"),
    [
        ({"cell": MLSTM, "hidden": 8}, "c", r"no form in C: _unsafe_view mixes lanes and units; try --format=onnx"),
        ({"bidirectional": True}, "c", "a bidirectional model reads whole sequences"),
        ({"bidirectional": True}, "onnx", "a bidirectional model reads whole sequences"),
    ],
)
def test_a_model_without_such_a_form_is_refused(tmp_path, given, form, words):
    model = a_model(**given)
    with pytest.raises(ConfigError, match=words):
        export(model, inputs_of(model, 3, 1), {}, tmp_path / "m", form)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_onnx_without_its_packages_names_the_command_that_installs_them(model, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install -c constraints.txt -e '.\[onnx\]'"):
        export(model, inputs_of(model, 3, 1), {}, tmp_path / "m.onnx", "onnx")


def test_a_place_that_cannot_be_written_is_told(model, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "write_atomic", lambda *_: (_ for _ in ()).throw(PermissionError(13, "not yours")))
    with pytest.raises(StoreError, match=r"cannot write .*m.c: not yours"):
        export(model, inputs_of(model, 3, 1), {}, tmp_path / "m.c", "c")


@pytest.mark.parametrize(
    ("to", "form", "found"),
    [
        (None, None, ("copy-v1.5_gru_s0.c", "c")),
        (None, "onnx-step", ("copy-v1.5_gru_s0.onnx", "onnx-step")),
        ("m.onnx", None, ("m.onnx", "onnx")),
        ("m", "onnx", ("m.onnx", "onnx")),
        ("m", None, ("m.c", "c")),
    ],
)
def test_the_format_and_the_name_follow_from_each_other(tmp_path, monkeypatch, to, form, found):
    monkeypatch.chdir(tmp_path)
    path, form = place("copy-v1.5_gru_s0", to, form)
    assert (str(path), form) == found


@pytest.mark.parametrize(
    ("to", "form", "error", "words"),
    [
        ("m.c", "onnx", ConfigError, r"m.c: a file of C ends in .c, one of ONNX in .onnx"),
        ("m.pt", None, ConfigError, r"m.pt: a file of C ends in .c, one of ONNX in .onnx"),
        (None, "onx", ConfigError, r"--format=onx: there is no such format \(did you mean onnx\?\)"),
        ("there.c", None, StoreError, r"there.c is there already: choose another name with --to, or move it away"),
        ("no/m.c", None, StoreError, "there is no folder no; make it first"),
    ],
)
def test_a_wrong_place_is_a_line(tmp_path, monkeypatch, to, form, error, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.c").touch()
    with pytest.raises(error, match=words):
        place("copy", to, form)
