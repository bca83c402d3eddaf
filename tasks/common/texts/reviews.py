"""Reviews with their opinions: local files in the layouts of the field's data sets, and data sets of the hub."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import DataError, Split

from ..files.hub import hub_origin, hub_rows
from ..files.reading import find
from .labelled_texts import LabelledTexts, Row, carve, numbered
from .text_layouts import read_layout

__all__ = ["Review", "read_reviews"]

Review = tuple[str, int]
"""A text, and its opinion: 0 negative, 1 positive."""

_REMEDY = "download it and name the folder: task.source=path/to/folder"
_OPINIONS = {
    **dict.fromkeys(("0", "neg", "negative", "false", "0.0", "-1", "-1.0"), 0),
    **dict.fromkeys(("1", "pos", "positive", "true", "1.0"), 1),
}
_OTHERS = "for other classes, stars among them, take task=text_classification"


def read_reviews(source: str) -> LabelledTexts:
    """Read `source`: `hub:<one of the known ids>[@revision]`, or a path in one of the layouts of `text_layouts`.

    Raises ValueError for an unknown hub id, DataError for files that cannot be read, have no known layout or other
    labels than those of two opinions.
    """
    if source.startswith("hub:"):
        return _from_hub(source)
    path = find(source, f"give builtin, {', '.join(f'hub:{known}' for known in _HUB)}, or the path of one")
    rows, notes = read_layout(path, source)
    splits, lost = numbered(rows, _opinion)
    _check_two_classes([row for part in rows.values() for row in part])
    return LabelledTexts(
        path.resolve().name, splits, f"local {source}", "not stated (local files)", notes=(*notes, *lost)
    )


def _opinion(row: Row) -> int:
    try:
        return _OPINIONS[row.label.lower()]
    except KeyError:
        raise DataError(
            f"{row.place}: label {row.label!r} is none of {', '.join(_OPINIONS)}; correct the line; {_OTHERS}"
        ) from None


def _check_two_classes(rows: list[Row]) -> None:
    """Raise DataError where 0 is a third class, between -1 and 1, or -1 stands for no label, beside 0 and 1."""
    none = next((row for row in rows if row.label in ("0", "0.0")), None)
    minus = next((row for row in rows if row.label in ("-1", "-1.0")), None)
    if none and minus:
        raise DataError(
            f"{minus.place}: label {minus.label}, where {none.place} has {none.label}; leave one out; {_OTHERS}"
        )


@dataclass(frozen=True)
class _Hub:
    """How a data set of the hub names its texts and its splits."""

    text: str
    test: str
    valid: str | None = None


_HUB = {
    "stanfordnlp/sst2": _Hub("sentence", test="validation"),
    "cornell-movie-review-data/rotten_tomatoes": _Hub("text", test="test", valid="validation"),
    "stanfordnlp/imdb": _Hub("text", test="test"),
}


def _from_hub(source: str) -> LabelledTexts:
    name = source.removeprefix("hub:").partition("@")[0]
    if name not in _HUB:
        raise ValueError(f"task.source={source}: not among the reviews known on the hub: {', '.join(_HUB)}")
    known = _HUB[name]

    def read(split: str) -> list[Review]:
        rows = hub_rows(source, split, {known.text: "string", "label": "int64"}, _REMEDY)
        return [(text.strip(), label) for text, label in zip(rows[known.text][:], rows["label"][:], strict=True)]

    splits: dict[Split, list[Review]] = {"train": read("train")} if known.valid else carve(read("train"), "valid")
    if known.valid:
        splits["valid"] = read(known.valid)
    splits["test"] = read(known.test)
    return LabelledTexts(name, splits, hub_origin(source, "train"), "as its page states")
