"""The table of a grid of speeds: each member beside its baseline."""

import pytest
from speed_grids import a_grid

from bench.errors import ConfigError
from bench.tables.speeds import to_frame, to_text

GRID = a_grid(*(({"cell": cell, "model.hidden": size}, [time] * 5) for cell, size, time in (
    ("a", 1, 2.0), ("a", 2, 4.0), ("b", 1, 1.0), ("b", 2, 8.0)
)))  # fmt: skip


def test_the_baseline_is_the_first_member_or_the_partner_of_each():
    assert to_frame(GRID)["train_ratio"].tolist() == [1, 2, 0.5, 4]
    assert to_frame(GRID, "cell=b")["train_ratio"].tolist() == [2, 0.5, 1, 1]
    with pytest.raises(ConfigError, match=r"--baseline=cell=c: .* has no such partner; the members are cell=a model"):
        to_frame(GRID, "cell=c")
    with pytest.raises(ConfigError, match=r"--baseline=: say what the baseline has, as --baseline='cell=a model"):
        to_frame(GRID, "")


def test_options_that_every_run_states_have_a_column_and_may_name_the_baseline():
    grid = a_grid(
        *(({"hardware.threads": count, "unroll": "auto"}, [time] * 5) for count, time in ((1, 4.0), (64, 2.0)))
    )
    frame = to_frame(grid, "hardware.threads=64")
    assert frame["hardware.threads"].tolist() == [1, 64] and frame["train_ratio"].tolist() == [2, 1]
    assert to_frame(grid)["train_ratio"].tolist() == [1, 0.5]
    assert frame["unroll"].tolist() == ["auto"] * 2 and "form" in frame


def test_a_baseline_is_written_as_in_a_command():
    grid = a_grid(*(({"hardware.deterministic": value}, [time]) for value, time in ((False, 1.0), (True, 2.0))))
    assert to_frame(grid, "hardware.deterministic=true")["train_ratio"].tolist() == [0.5, 1]


def test_a_baseline_that_could_not_be_built_leaves_the_ratios_empty():
    left = a_grid(*(({"cell": cell}, [1.0]) for cell in "abc"))
    del left.members[0]
    frame = to_frame(left)
    assert frame["train_us"].tolist() == [1.0, 1.0] and frame["train_ratio"].isna().all()
    assert [line.split()[-1] for line in to_text(left, frame).splitlines()[2:]] == ["-", "-"]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_screen(width):
    text = to_text(GRID, to_frame(GRID), width)
    assert max(map(len, text.splitlines())) <= width
    assert "0.500 [0.500, 0.500]" in text
