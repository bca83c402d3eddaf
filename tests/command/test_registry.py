"""A verb is a file in a folder: found, listed and helped by it, without the libraries that it needs."""

import subprocess
import sys

import pytest
from cli_tools import ROOT, bench, the_line

from bench.command import verbs
from bench.command.registry import Verb, every_verb, find
from bench.errors import ConfigError

HELLO = '''\
"""Greet somebody.

As often as you like.
"""


def arguments(parser):
    parser.add_argument("name")
    parser.add_argument("--times", type=int, default=1, help="how often (1)")


def run(options):
    print(*["hello", options.name] * options.times)
    return 3
'''


@pytest.fixture
def hello(tmp_path, monkeypatch):
    """The file of a new verb in a second folder of verbs."""
    (tmp_path / "_no_verb.py").write_text("")
    (tmp_path / "hello.py").write_text(HELLO)
    monkeypatch.setattr(verbs, "__path__", [*verbs.__path__, str(tmp_path)])
    yield tmp_path / "hello.py"
    sys.modules.pop(f"{verbs.__name__}.hello", None)


def test_the_files_of_the_folder_are_the_verbs():
    paths = (ROOT / "bench" / "command" / "verbs").glob("[!_]*.py")
    files = {path.stem.replace("_", "-") for path in paths}
    assert list(every_verb()) == sorted(files)
    assert {"check", "diagnose", "fetch", "leaderboard", "list", "new", "sample"} <= files


def test_a_file_more_is_a_verb_more(capsys, hello):
    said = bench(capsys, "--help")
    assert "\n  hello              Greet somebody.\n" in said.out and "_no_verb" not in said.out
    assert bench(capsys, "hello", "you", "--times=2") == (3, "hello you hello you\n", "")
    assert "did you mean hello?" in the_line(bench(capsys, "hullo"))
    help_of_it = bench(capsys, "hello", "--help")
    assert help_of_it.code == 0 and help_of_it.out.startswith("Usage: python -m bench hello ")
    assert "\nAs often as you like.\n" in help_of_it.out and "how often (1)" in help_of_it.out


def test_a_list_of_verbs_runs_none_of_their_files(capsys, hello):
    hello.write_text('"""Greet nobody."""\nraise AssertionError\n')
    assert "Greet nobody." in bench(capsys, "--help").out
    with pytest.raises(AssertionError):
        find("hello").run([])


def test_a_verb_that_is_not_there_is_refused_with_the_nearest_and_all():
    with pytest.raises(ConfigError, match=r"lst: there is no such verb \(did you mean list\?\)") as caught:
        find("lst")
    assert all(name in str(caught.value) for name in every_verb())


@pytest.mark.parametrize("verb", every_verb().values(), ids=lambda verb: verb.name)
def test_every_verb_has_a_summary_of_one_line_and_its_help_gives_its_whole_docstring(capsys, verb: Verb):
    assert verb.summary.endswith(".") and len(verb.summary) < 99
    for arguments in (["--help"], ["anything", "-h"]):
        said = bench(capsys, verb.name, *arguments)
        assert said.code == 0 and said.err == ""
        assert said.out.startswith(f"Usage: python -m bench {verb.name} ")
        assert " ".join(verb.documentation.split()) in " ".join(said.out.split())


def test_verbs_are_imported_without_the_libraries_that_they_need():
    """So that the help of each and a mistyped flag are answered at once."""
    code = (
        "import importlib, sys; from bench.command.registry import every_verb\n"
        "for verb in every_verb().values(): importlib.import_module(verb.module)\n"
        "sys.exit(', '.join({'torch', 'hydra', 'pandas', 'rich'} & {*sys.modules}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
