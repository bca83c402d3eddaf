"""The one style: colours that everybody can tell apart, on a ground of their own, and files that repeat."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bench.errors import ConfigError
from bench.report.style import COLOURS, FORMATS, GREY, LINES, canvas, looks, save

# What is left of linear RGB without the cones for long, middle and short waves: Machado, Oliveira & Fernandes (2009)
BLIND = {
    "nothing": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    """Its light in red, green and blue."""
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """The colour in CIELAB, where a distance of 2 is just seen."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ light
    x, y, z = np.cbrt(np.clip(xyz, 0, None) / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blind", BLIND)
def test_colours_are_far_apart_for_every_kind_of_colour_blindness(blind):
    seen = {colour: lab(np.clip(np.array(BLIND[blind]) @ linear(colour), 0, 1)) for colour in COLOURS}
    near = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(COLOURS, 2)}
    assert min(near.values()) > 15, min(near, key=near.get)


@pytest.mark.parametrize("colour", [*COLOURS, GREY])
def test_a_line_stands_out_from_the_white_ground(colour):
    assert 1.05 / (linear(colour) @ (0.2126, 0.7152, 0.0722) + 0.05) >= 3


def test_a_figure_has_a_ground_of_its_own_so_that_the_page_s_does_not_matter():
    figure, panels = canvas(5)
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert len(panels) == 5 and figure.axes == panels


def test_each_name_looks_the_same_in_every_panel_and_like_no_other():
    names = [f"line {number}" for number in range(len(COLOURS) * len(LINES))]
    found = looks([*names, *reversed(names)])
    assert len({(look["color"], look["linestyle"]) for look in found.values()}) == len(names)
    marks = {(look["color"], look["marker"]) for look in found.values()}
    assert len(marks) == len(COLOURS) == len({mark for _, mark in marks})


@pytest.mark.parametrize("ending", FORMATS)
def test_the_same_figure_gives_the_same_file(tmp_path, ending):
    for name in "ab":
        figure, (axes,) = canvas()
        axes.plot([1, 2], [2, 1], label="x")
        axes.legend()
        save(figure, tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_another_format_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"a\.gif: a plot is written as png, svg, pdf"):
        save(Figure(), tmp_path / "a.gif")
