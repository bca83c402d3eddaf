"""One parser for all verbs: the results folder in every spelling, and errors of one line that name the help."""

import pytest

from bench.command.overrides import refuse_others
from bench.command.parser import Parser, number
from bench.config.keywords import results_folder, with_results_folder
from bench.errors import ConfigError


@pytest.fixture
def parser():
    parser = Parser("look", "Look at a run.")
    parser.add_run()
    parser.add_results_dir()
    parser.add_argument("--markdown", action="store_true")
    return parser


SPELLINGS = (
    ["results_dir={}"],
    ["results-dir={}"],
    ["--results-dir={}"],
    ["--results_dir={}"],
    ["--results-dir", "{}"],
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("before", [True, False])
def test_the_results_folder_is_written_in_any_way_and_a_tilde_is_the_home_folder(parser, monkeypatch, spelling, before):
    monkeypatch.setenv("HOME", "/home/me")
    words = [word.format("~/here") for word in spelling]
    options = parser.parse([*words, "copy", "--markdown"] if before else ["copy", "--markdown", *words])
    assert (options.run, options.results_dir, options.markdown) == ("copy", "/home/me/here", True)


def test_the_results_folder_is_called_results(parser):
    assert parser.parse(["copy"]).results_dir == "results"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_results_folder_without_a_name_is_refused(parser, spelling):
    with pytest.raises(ConfigError, match="results_dir=: name a folder"):
        parser.parse(["copy", *[word.format("") for word in spelling]])


def test_the_results_folder_of_a_run_is_read_in_the_same_way(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert with_results_folder("results_dir=~/x") == "results_dir=/home/me/x"
    assert with_results_folder("results_dir=a=b") == f"results_dir={results_folder('a=b')}" == "results_dir=a=b"
    assert with_results_folder("task.source=~/x") == "task.source=~/x"
    with pytest.raises(ConfigError, match="results_dir=: name a folder"):
        with_results_folder("results_dir=")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["copy", "--markdwn"], r"look: unrecognized arguments: --markdwn \(did you mean --markdown\?\)"),
        (["copy", "--result_dir=x"], r"unrecognized arguments: --result_dir=x \(did you mean --results-dir\?\)"),
        (["copy", "lstm"], "look: unrecognized arguments: lstm;"),
        ([], "look: the following arguments are required: run"),
        (["copy", "--markdown=3"], "look: argument --markdown: ignored explicit argument '3'"),
    ],
)
def test_what_a_verb_does_not_take_is_one_line_that_names_its_help(parser, words, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parser.parse(words)
    assert str(caught.value).endswith("; see python -m bench look --help") and "\n" not in str(caught.value)


def test_help_is_asked_for_by_a_flag_or_where_a_verb_wants_it_by_no_word(parser):
    assert [parser.asks_for_help(words) for words in ([], ["-h"], ["copy", "--help"], ["copy"])] == [0, 1, 1, 0]
    parser.help_alone = True
    assert parser.asks_for_help([])


def test_an_appendix_is_made_only_when_the_help_is_printed(parser):
    parser.appendix = lambda: "And this.\n"
    assert parser.format_help().endswith("\n\nAnd this.\n")
    parser.appendix = lambda: pytest.fail("made for an error")
    with pytest.raises(ConfigError):
        parser.parse(["--markdwn", "copy"])


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "-1", "1", "much", "1e999", ""])
def test_a_number_is_finite_and_within_its_bounds(parser, word):
    parser.add_argument("--share", type=number(least=0, below=1))
    parser.add_argument("--above", type=number(above=0, most=1))
    with pytest.raises(
        ConfigError, match=f"look: argument --share: {word}: must be a finite number, 0 or more, below 1;"
    ):
        parser.parse(["copy", f"--share={word}"])
    options = parser.parse(["copy", "--share=0", "--above=1"])
    assert (options.share, options.above) == (0, 1)
    with pytest.raises(ConfigError, match="--above: 0: must be a finite number, above 0, 1 or less"):
        parser.parse(["copy", "--above=0"])


@pytest.mark.parametrize("word", ["0", "1.5", "nan", "many", "1" + 400 * "0"])
def test_a_whole_number_is_one(parser, word):
    parser.add_argument("--count", type=number(int, least=1))
    with pytest.raises(ConfigError, match=f"look: argument --count: {word}: must be a whole number, 1 or more;"):
        parser.parse(["copy", f"--count={word}"])
    assert parser.parse(["copy", "--count=3"]).count == 3


PATTERNS = ("task=NAME", "task.OPTION=VALUE", "+experiment=NAME", "model.hidden=N")


def test_words_that_fit_a_pattern_are_taken():
    refuse_others("look", ["task=copy", "task.delay=3", "+task.new=1", "+experiment=x", "model.hidden=3"], PATTERNS)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("taks=copy", r" \(did you mean task\?\)"),
        ("model.hiden=3", r" \(did you mean model.hidden\?\)"),
        ("model.layers=3", ""),
        ("tasks.delay=3", ".*"),
        ("zzz", ""),
    ],
)
def test_the_first_word_that_fits_none_is_refused_with_all_of_them(word, hint):
    with pytest.raises(
        ConfigError, match=f"^{word}: bench look takes {', '.join(PATTERNS).replace('+', '.')}{hint}; see"
    ):
        refuse_others("look", ["task=copy", word, "seed=3"], PATTERNS)


@pytest.mark.parametrize(("given", "write"), [(["copy"], "task=copy"), (["lr", "0.1"], "optimizer.lr=0.1")])
def test_a_word_without_an_equals_sign_is_told_what_to_write(given, write):
    with pytest.raises(ConfigError, match=f"^look: {' '.join(given)}: write {write}$"):
        refuse_others("look", given, PATTERNS)


def test_an_option_that_is_there_twice_is_refused():
    with pytest.raises(ConfigError, match="task is given twice, as copy and as dyck"):
        refuse_others("look", ["task=copy", "task=dyck"], PATTERNS)
