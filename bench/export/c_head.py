"""The comment at the head of an exported file of C."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Mapping

__all__ = ["c_head"]

_WIDTH = 100


def c_head(file_name: str, name: str, facts: Mapping[str, str], arguments: Mapping[str, str]) -> str:
    """The comment: `facts` of the model, how it is called, with `arguments` of which the first is a step's input, and
    how it is compiled."""
    called, given = _in_comment(shlex.quote(file_name)), next(iter(arguments))
    call = f"{name}_step(&state, {given}, y);"
    compiling = (
        f"Compile it by `cc -O3 -c {called}`, and link with -lm. With -DBENCH_MAIN it is a program, which reads "
        "the inputs of one step after the other from its standard input, and writes a line of outputs for each:"
    )
    lines = [
        *_wrapped(f"{called}: a trained sequence model, which reads one time step a call. Written by bench."),
        "",
        *_listed(facts),
        "",
        f"    {name}_state state;",
        f"    {f'{name}_init(&state);':{len(call)}}  before each sequence; a state for each sequence at a time",
        f"    {call}  one time step",
        "",
        *_listed(arguments),
        "",
        *_wrapped(compiling),
        f"    cc -O3 -DBENCH_MAIN {called} -lm -o {name}",
    ]
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in lines), " */", ""])


def _listed(facts: Mapping[str, str]) -> list[str]:
    """Facts below each other, as a comment has them."""
    return [line for name, text in facts.items() for line in _wrapped(f"{name:<9} {_in_comment(text)}", " " * 10)]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _in_comment(text: str) -> str:
    """Text that stays in the comment that it is put in."""
    plain = " ".join(text.encode("ascii", "backslashreplace").decode().split())
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=\?)(?=\?)", " ", plain)
