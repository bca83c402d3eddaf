"""Every command in README and in docs/ is understood: its verb, its options, its choices.

`test_every_command.py` also runs them.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from cli_tools import ROOT
from shown_commands import EVERY, Command, commands, is_form, members, set_up

from bench.command.parser import Parser
from bench.command.registry import every_verb
from bench.config.compose import compose
from bench.config.sweeps.shard import take_shard
from bench.errors import BenchError

VERBS = every_verb()
OF_A_RUN = ("check", "fetch", "show-kernel", "speed")  # verbs that take options of a run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    set_up(folder)
    return folder


@pytest.fixture(autouse=True)
def in_a_folder_with_files_of_one_s_own(folder, monkeypatch):
    monkeypatch.chdir(folder)


def understand(command: Command) -> None:
    """Raise BenchError for a verb, an argument, an option or a choice that is not there."""
    verb, *rest = command.arguments
    if verb in VERBS:
        module = importlib.import_module(VERBS[verb].module)
        parser = Parser(verb, VERBS[verb].documentation)
        module.arguments(parser)
        options = parser.parse(rest)
        words, own = (options.overrides if verb in OF_A_RUN else []), getattr(options, "config_dir", None)
    else:
        own = Path(rest[0]) if verb == "--config-dir" else None
        given, _ = take_shard(rest[1:] if own else command.arguments)
        words = [word for word in given if word not in ("-m", "--help")]
    for member in members([word for word in words if word not in ("cell=all", "task=all")]):
        compose(member, own)


@pytest.mark.parametrize("command", [each for each in EVERY if each.is_bench and not is_form(each)], ids=str)
def test_a_command_is_understood(command):
    understand(command)


@pytest.mark.parametrize("command", [each for each in EVERY if is_form(each)], ids=str)
def test_the_form_of_a_command_has_a_verb_and_arguments_that_there_are(command):
    verb, *rest = re.findall(r"[^\s\[\]]+", " ".join(command.arguments)) or ["--help"]
    if verb in VERBS:
        parser = Parser(verb, "")
        importlib.import_module(VERBS[verb].module).arguments(parser)
        assert [word for word in rest if word.startswith("--") and word not in parser.format_help()] == []
    else:
        assert verb.startswith(("-", "VERB", "...")) or "=" in verb


@pytest.mark.parametrize("command", [each for each in EVERY if not each.is_bench], ids=str)
def test_a_program_is_there(command):
    program, *rest = command.words
    text = (ROOT / program).read_text("utf-8")
    assert [word for word in rest if word.startswith("--") and f'"{word}"' not in text] == []


def test_the_documents_have_many_commands_and_most_of_them_whole():
    assert {command.page for command in EVERY} >= {"README.md", "docs/how-to/speech.md", "docs/measurement.md"}
    assert sum(not is_form(command) for command in EVERY) > 90


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```sh\na && \\\n  python -m bench task=copy   # why\n```\n", ["task=copy"]),
        ("    $ python -m bench show x\n\nand `OMP_NUM_THREADS=1 python -m bench\ndoctor`", ["show x", "doctor"]),
        ("```text\npython -m bench not this\n```\n    python tests/benchmarks/performance.py\n", []),
    ],
)
def test_commands_are_found_wherever_a_page_shows_them(text, found, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.setattr("shown_commands.ROOT", tmp_path)
    assert [" ".join(command.arguments) for command in commands(page)] == found


@pytest.mark.parametrize(
    "words",
    ["task=copy task.dely=3", "-m cell=gru,lstn", "leaderbord", "leaderboard --markdwn", "check cell=gru cell.hiden=3"],
)
def test_a_command_that_has_been_renamed_is_found(words):
    with pytest.raises(BenchError):
        understand(Command("page", ("-m", "bench", *words.split())))


def test_each_value_of_a_sweep_is_in_a_member():
    assert members(["a=1,2,3", "b=x,y", "c=[1,2]", "d"]) == [
        ["a=1", "b=x", "c=[1,2]", "d"],
        ["a=2", "b=y", "c=[1,2]", "d"],
        ["a=3", "b=x", "c=[1,2]", "d"],
    ]
