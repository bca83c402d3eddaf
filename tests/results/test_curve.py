"""The learning curve on the disk: what was written is what is read, and damage is a line."""

import os

import pandas as pd
import pytest

from bench.errors import StoreError
from bench.results.curve import Curve, read_curve


@pytest.fixture
def path(tmp_path):
    """A curve of two rows, of which the second has a score that the first has not."""
    curve = Curve()
    curve.add({"step": 1, "grad_norm": 0.5}, {"loss": 0.25})
    curve.add({"step": 2, "grad_norm": 0.125}, {"loss": 1e-3, "bits\udcff": 1.0})
    curve.write(tmp_path / "curve.csv")
    return tmp_path / "curve.csv"


def test_it_is_read_as_it_was_written(path):
    pd.testing.assert_frame_equal(
        read_curve(path),
        pd.DataFrame(
            {
                "step": [1, 2],
                "grad_norm": [0.5, 0.125],
                "valid_loss": [0.25, 1e-3],
                r"valid_bits\udcff": [float("nan"), 1.0],
            }
        ),
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: b"\0\0",
        lambda text: b"\xff\xfe" + text,
        lambda text: text + b"1,2,3,4,5\n",
        lambda text: text.replace(b"0.5", b"half"),
        lambda text: text.replace(b"grad_norm", b"norm"),
        lambda text: b'"' + text,
    ],
    ids=range(7),
)
def test_a_damaged_one_is_named_in_a_line(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=r"curve\.csv is damaged \(.+\); restore it") as caught:
        read_curve(path)
    assert str(caught.value).isprintable()


def test_a_pipe_in_its_place_is_not_waited_for(path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match="it is no regular file"):
        read_curve(path)
