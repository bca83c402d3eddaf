"""`bench export` and `bench.load(run).export` write the model of a run, and say what they wrote."""

from dataclasses import replace

import pytest
from cli_tools import COPY, bench, last_of_each, records, the_line
from encoder_decoders import a_model as an_encoder_decoder

import bench as library
from bench.command.main import main
from bench.errors import ConfigError, DataError
from bench.kernels.compiler import NoCompiler, c_compiler
from bench.tasks.copy import Copy


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    assert main(last_of_each((*COPY, "cell=gru", f"results_dir={folder}"))) == 0
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_it_wrote_and_writes_over_nothing(capsys, here, results):
    said = bench(capsys, "export", "copy", f"results_dir={results}")
    path = here / "copy-v1_gru_s0.c"
    wrote, compared, *took = said.out.splitlines()
    assert (said.code, said.err, wrote.partition(",")[0]) == (0, "", "wrote copy-v1_gru_s0.c")
    try:
        c_compiler()
        assert "outputs differ from the model's by at most" in compared and "µs a step here" in took[0]
    except NoCompiler:
        assert "not compared with the model: there is no C compiler" in compared and not took
    (record,) = records(results)
    text = path.read_text()
    for fact in (record["id"], "task      copy-v1", "cell      gru", f"{record['params']:,}", "recall_accuracy"):
        assert fact in text
    again = bench(capsys, "export", "copy", f"results_dir={results}")
    assert again.code == 1 and "copy-v1_gru_s0.c is there already" in the_line(again)
    assert path.read_text() == text


def test_from_python_it_is_a_method(here, results):
    run = library.load("copy", results)
    found = run.export(here / "mine.c")
    assert found.path.read_text().count("int mine_step(") == 2 and found.size == found.path.stat().st_size


def test_what_writes_a_sequence_of_its_own_is_refused(here, results):
    run = library.load("copy", results)
    with pytest.raises(ConfigError, match=r"copy-v1.* reads a whole sequence before it writes one"):
        replace(run, model=an_encoder_decoder()).export("m.c")
    assert not list(here.iterdir())


def test_a_run_without_data_to_compare_by_is_refused(here, results, monkeypatch):
    monkeypatch.setattr(Copy, "batches", lambda *_: iter(()))
    with pytest.raises(DataError, match="its valid split is empty"):
        library.load("copy", results).export("m.c")
    assert not list(here.iterdir())
