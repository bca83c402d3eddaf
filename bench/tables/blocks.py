"""Tables in blocks: lines of a head, columns of texts, notes below; for a screen, as Markdown and as LaTeX."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.tables.fitted import Field, lines

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "µ": r"\textmu{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "[": "{[}", "]": "{]}",
}  # fmt: skip  # a bracket after the end of a row would be an argument


@dataclass(frozen=True)
class Block:
    """A table. Of a `long` one all columns are shown on a screen, in several tables below each other, each with the
    first column; of another, columns without room are left out and named."""

    head: Sequence[str]
    fields: Sequence[Field]
    notes: Sequence[str] = field(default_factory=list)
    long: bool = False

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """The texts of each row, below the titles."""
        return zip(*(each.cells for each in self.fields), strict=True)


def as_text(blocks: Iterable[Block], width: int | None, elsewhere: str) -> str:
    """The blocks in lines of at most `width`; where a screen leaves columns out, `elsewhere` says what has all."""
    return "\n\n".join("\n".join(_text(block, width, elsewhere)) for block in blocks)


def _text(block: Block, width: int | None, elsewhere: str) -> Iterator[str]:
    yield from wrapped(block.head, width)
    first, rest = block.fields[:1], [*block.fields[1:]]
    table, left_out = lines(block.fields, width)
    notes = [*block.notes]
    if left_out and block.long:
        shown = [each for each in block.fields if each.title not in left_out]
        yield from table
        further = [*first, *(each for each in rest if each not in shown)]
        yield from ("", *_text(replace(block, head=[], fields=further), width, elsewhere))
        return
    yield from table
    notes += [f"a wider screen shows {', '.join(left_out)} too; {elsewhere}"] if left_out else []
    yield from wrapped(notes, width)


def wrapped(texts: Iterable[str], width: int | None) -> list[str]:
    """The texts in lines of at most `width`."""
    return [line for text in texts for line in (textwrap.wrap(text, width) if width else [text])]


def as_markdown(blocks: Iterable[Block]) -> str:
    """The blocks as tables under headings, which are the first lines of their heads."""
    parts: list[str] = []
    for block in blocks:
        title, *more = (*map(_in_markdown, block.head), "")
        rule = ["---" if each.left else "---:" for each in block.fields]
        titles = [_in_markdown(each.title) for each in block.fields]
        rows = [titles, rule, *([*map(_in_markdown, row)] for row in block.rows)]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        parts += [f"### {title}", *more[:-1], table, *map(_in_markdown, block.notes)]
    return "\n\n".join(parts) + "\n"


def _in_markdown(text: str) -> str:
    """A text that Markdown shows as it is: no end of a cell, no code, link or HTML begins in it."""
    return re.sub(r"([\\|`<>&*~$\[\]])", r"\\\1", text)


def as_latex(blocks: Iterable[Block]) -> str:
    """The blocks as tables for a document that uses the packages booktabs and textcomp."""
    parts = ["% needs \\usepackage{booktabs,textcomp}"]
    for block in blocks:
        titles = " & ".join(_in_latex(each.title) for each in block.fields)
        rows = [" & ".join(map(_in_latex, row)) + r" \\" for row in block.rows]
        body = [r"\toprule", titles + r" \\", r"\midrule", *rows, r"\bottomrule"]
        caption = _in_latex(". ".join([*block.head, *block.notes]))
        places = "".join("l" if each.left else "r" for each in block.fields)
        table = [r"\begin{tabular}{" + places + "}", *body, r"\end{tabular}"]
        parts.append("\n".join([r"\begin{table}", r"\centering", f"\\caption{{{caption}}}", *table, r"\end{table}"]))
    return "\n\n".join(parts) + "\n"


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)
