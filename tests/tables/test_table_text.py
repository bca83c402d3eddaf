"""The leaderboard as people read it: blocks, heads, and digits that mean something."""

import re

import pytest
from factories import a_failure, a_row
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.printable import printable
from bench.results.row import Row
from bench.tables.columns import named
from bench.tables.tabulate import tabulate
from bench.tables.text import to_markdown, to_text

TEXT = """\
charlm-v1: bits_per_character, lower is better, chance 4.5
bptt full; budget 1500 steps; hardware a processor, cpu 1 thread float32
cell  score                    valid  seeds  params  train tok/s  infer tok/s  µs/step   MiB  seconds  failed
lstm  2.000 [-10.706, 14.706]  0.980      2   51.2k         150k         150k     45.2  12.5     31.2       0
gru   2.500                    0.980      1   51.2k         150k         150k     45.2  12.5     31.2       0
rnn   -                            -      0       -            -            -        -     -        -       1

copy-v1: recall_accuracy, higher is better, chance 0.2, solved 1, target 0.96
budget 1500 steps; hardware a processor, cpu 1 thread float32
rows of one cell stand in the order of valid; cells in that of their first row's score
cell  bptt  score  valid  seeds  on target  gap closed  params  train tok/s  infer tok/s  µs/step   MiB  to target  seconds
gru   full  0.970  0.980      1          1       0.963   51.2k         150k         150k     45.2  12.5  700 steps     31.2
gru   half  0.500  0.900      1          0       0.375   51.2k         150k         150k     45.2  12.5  700 steps     31.2"""  # noqa: E501


@pytest.fixture
def frame():
    charlm = {
        "task": "charlm-v1",
        "metric": "bits_per_character",
        "unit": "bits",
        **dict.fromkeys(("lowest", "highest", "target", "target_reached")),
        "direction": "min",
        "chance": 4.5,
        "solved": None,
    }
    return tabulate(
        [
            a_row(),
            a_row(bptt="half", test=0.5, valid=0.9),
            a_row(**charlm, cell="gru", test=2.5),
            *(a_row(**charlm, cell="lstm", seed=seed, test=1.0 + 2 * seed) for seed in (0, 1)),
            Row.of(a_failure(), 1)._replace(task="charlm-v1", cell="rnn"),
        ]
    )


def test_the_text_has_a_block_a_task_and_leaves_out_what_is_empty_or_the_same(frame):
    assert to_text(frame) == TEXT
    assert to_text(frame, named("cell", "score")).splitlines()[1:3] == ["cell  score", "lstm  2.000 [-10.706, 14.706]"]
    assert to_text(tabulate([])) == "no runs yet"


def test_rows_without_a_score_stand_with_those_that_have_one():
    failed = a_row(cell="lstm", status="failed")
    (block,) = to_text(tabulate([a_row(test=None), failed])).split("\n\n")
    assert block.startswith("copy-v1: valid recall_accuracy,") and "lstm" in block
    assert to_text(tabulate([failed])).startswith("copy-v1: no run got as far as a score\n")


def test_metrics_of_two_directions_under_one_name_share_no_table():
    rows = [a_row(), a_row(cell="lstm", direction="min"), a_row(cell="mgu", status="diverged", test=None, valid=None)]
    first, second = to_text(tabulate(rows)).split("\n\n")
    assert "higher is better" in first and "gru" in first and "mgu" in first
    assert "lower is better" in second and "lstm" in second and "lstm" not in first


def test_blocks_and_rows_stand_in_the_order_of_the_table(frame):
    first, second = to_text(frame).split("\n\n")
    upside_down = to_text(frame[::-1]).split("\n\n")
    assert [block.splitlines()[0] for block in upside_down] == [second.splitlines()[0], first.splitlines()[0]]


def test_a_column_of_a_zero_and_a_dash_is_shown():
    """A run at chance has closed 0 of the gap, which is a figure."""
    failed = Row.of(a_failure(), 1)._replace(task="copy-v1", cell="rnn")
    text = to_text(tabulate([a_row(test=0.2), failed]), named("cell", "score", "gap_closed"))
    assert [line.split()[::2] for line in text.splitlines()[-2:]] == [["gru", "0"], ["rnn", "-"]]


def test_seeds_in_two_states_are_said_below_the_table_one_by_one():
    rows = [a_row(cell="lstm", seed=seed, test=test) for seed, test in enumerate((0.31, 0.995, 0.99))]
    rows += [a_row(cell="gru", seed=seed, test=0.99 + seed / 1000) for seed in range(3)]
    said = "3 seeds reach the target (95% interval of the share 0.132 to 0.983); median 0.99, from 0.31 to 0.995"
    assert to_text(tabulate(rows)).splitlines()[-1] == f"lstm: 2 of {said}; by seed 0.31, 0.995, 0.99"
    assert to_markdown(tabulate(rows)).splitlines()[-1] == f"lstm: 2 of {said}; by seed 0.31, 0.995, 0.99"
    narrow = to_text(tabulate(rows), width=60).splitlines()
    assert any(line.startswith("lstm: 2 of 3 seeds reach") for line in narrow) and max(map(len, narrow)) <= 60
    six = [*rows, *(a_row(cell="lstm", seed=seed, test=0.5) for seed in (3, 4, 5))]
    assert to_text(tabulate(six)).splitlines()[-1].endswith("median 0.5, from 0.31 to 0.995")


def test_seeds_that_all_reach_the_target_or_all_do_not_need_no_words():
    for tests in ((0.99, 0.995), (0.3, 0.4)):
        text = to_text(tabulate([a_row(seed=seed, test=test) for seed, test in enumerate(tests)]))
        assert "reach the target" not in text


def test_cells_chosen_among_unequal_numbers_of_trials_are_marked_and_equal_ones_are_not():
    rows = [
        a_row(cell=cell, bptt=f"full(chosen={n})", chosen=n)
        for cell, n in (("gru", "12 trials"), ("lstm", "24 trials"))
    ]
    rows += [a_row(cell="rnn", chosen="default"), a_row(cell="lru", chosen=None)]
    frame = tabulate(rows)
    assert sorted(frame["chosen"]) == ["12 trials", "24 trials", "default", "default"]
    assert to_text(frame).splitlines()[-1] == "chosen unequally: gru among 12 trials; lstm among 24 trials"
    spaces = [
        row._replace(chosen=f"12 trials of {space}") for row, space in zip(rows, ("1a2b3c4d", "0" * 8), strict=False)
    ]
    assert to_text(tabulate(spaces)).splitlines()[-1] == (
        "chosen unequally: lstm among 12 trials of 00000000; gru among 12 trials of 1a2b3c4d"
    )
    assert "unequally" not in to_text(tabulate([rows[0], rows[0]._replace(cell="lstm"), *rows[2:]]))


def test_markdown_aligns_words_and_scores_to_the_left_and_figures_to_the_right(frame):
    lines = to_markdown(frame, named("cell", "score", "failed")).splitlines()
    assert lines[lines.index("| cell | score | failed |") + 1] == "| --- | --- | ---: |"


def test_markdown_holds_the_same_cells_as_the_text(frame):
    pipe = tabulate([a_row(cell="a|b")])
    assert r"| a\|b |" in to_markdown(pipe)
    lines = [line for line in to_markdown(frame).splitlines() if line and "---" not in line]
    cells = [re.findall(r"[^|]+", re.sub(r"\\(.)", r"\1", line)) for line in lines]
    assert [[cell.strip() for cell in row] for row in cells] == [
        [cell.strip() for cell in re.split(r"  +", f"### {line}" if "better" in line else line)]
        for line in TEXT.splitlines()
        if line
    ]


@pytest.mark.parametrize(
    ("tests", "shown"),
    [
        ([0.9874], "0.987"),
        ([2.34567], "2.346"),
        ([123.456], "123.5"),
        ([0.0], "0.000"),
        ([0.0456], "0.0456"),
        ([1.23e-7], "1.23e-07"),
        ([0.5, 0.5], "0.500"),
        ([0.50001, 0.50003], "0.5000 [0.4999, 0.5001]"),
        ([0.998, 0.999, 1.0], "0.9990 [0.9881, 0.9999]"),
    ],
)
def test_scores_show_digits_that_mean_something(tests, shown):
    text = to_text(tabulate([a_row(seed=seed, test=score) for seed, score in enumerate(tests)]), named("cell", "score"))
    assert text.splitlines()[-1].split(maxsplit=1)[1] == shown


@settings(max_examples=30)
@given(st.floats(1, 1e11))
def test_speeds_are_shown_to_three_digits(speed):
    shown = to_text(tabulate([a_row(train_tokens_per_s=speed)]), named("train_tokens_per_s")).split()[-1]
    number, letter = re.fullmatch(r"([\d.]+)([kMG]?)", shown).groups()
    assert float(number) * 1000 ** " kMG".index(letter or " ") == pytest.approx(speed, rel=0.005)


@pytest.mark.parametrize("text", ["a|b", r"a\|b", "a\\", "`code", "<b>", "a\nb", "[x](y)", "| --- |", "a&lt;b", "*a*"])
def test_no_text_breaks_a_markdown_table_or_is_more_than_text_in_it(text):
    """A backslash before a sign makes it that sign, as CommonMark and GitHub's tables have it."""
    plain, odd = (to_markdown(tabulate([a_row(cell=cell, task=cell)])).splitlines() for cell in ("gru", text))
    assert len(plain) == len(odd)
    (cell,) = re.findall(r"(?:[^|\\]|\\.)+", odd[-1])[0:1]
    assert re.sub(r"\\(.)", r"\1", cell.strip()) == printable(text)
    assert not re.search(r"(?<!\\)[`<>&*\[\]]", re.sub(r"\\\\", "", odd[-1]))
