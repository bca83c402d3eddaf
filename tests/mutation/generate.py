"""All the small plausible mistakes that can be made in a source file: a boundary off by one, a sum for a difference,
a forgotten call, keyword or `detach()`, a condition the wrong way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from change import Change

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
}  # fmt: skip
OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any", "sum": "mean", "mean": "sum", "sorted": "list"}
OPPOSITES |= {"zeros": "ones", "ones": "zeros", "floor": "ceil", "ceil": "floor", "amax": "amin", "amin": "amax"}

UNTOUCHED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)

Replacement = tuple[int, int, str]  # from, to (offsets in characters), new text


def changes(file: str, source: str) -> list[Change]:
    """Every mutant of `source`, in the order of the text. Left out: annotations, docstrings, strings (messages), what
    stands in a `raise` or an assertion, and what only type checkers see.
    """
    text = _Text(source)
    found = {
        Change(file, start, source[start:end], after)
        for node in _mutable(ast.parse(source))
        for start, end, after in _replacements(node, text)
    }
    whole = [change for change in found if _compiles(change.applied_to(source))]
    return sorted(whole, key=lambda change: (change.start, change.before, change.after))


class _Text:
    """Source text by the places that `ast` names: lines from 1 and bytes in them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = source.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        return self.source[self.start(node) : self.end(node)]

    def _offset(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column].decode() if column else ""
        return self._starts[line - 1] + len(before)


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` that may be changed."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, UNTOUCHED) or _asserts(child):
                continue
            yield child
            yield from _mutable(child)


def _asserts(node: ast.AST) -> bool:
    """Whether the node is for type checkers, or an assertion: `strict=True`."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast"


def _replacements(node: ast.AST, text: _Text) -> Iterator[Replacement]:
    if isinstance(node, ast.Compare):
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            yield from _between(left, COMPARISONS[type(operator)], right, text)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_text(node):
        yield from _between(node.left, ARITHMETIC[type(node.op)], node.right, text)
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        old, new = ARITHMETIC[type(node.op)]
        yield from _between(node.target, (f"{old}=", f"{new}="), node.value, text)
        yield text.start(node), text.end(node), "pass"
    elif isinstance(node, ast.BoolOp):
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from _between(left, words, right, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield text.start(node), text.end(node), text.of(node.operand)
    elif isinstance(node, ast.Constant):
        yield from _constant(node, text)
    elif isinstance(node, ast.Call):
        yield from _call(node, text)
    elif isinstance(node, ast.comprehension):
        yield from (_negated(condition, text) for condition in node.ifs if not _has_opposite(condition))
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and not _has_opposite(node.test):
        yield _negated(node.test, text)
    elif isinstance(node, ast.stmt):
        yield from _statement(node, text)


def _between(left: ast.expr, words: tuple[str, str], right: ast.expr, text: _Text) -> Iterator[Replacement]:
    """The operator between two operands, which may have brackets around them."""
    old, new = words
    start = text.source.find(old, text.end(left), text.start(right))
    if start >= 0:
        yield start, start + len(old), new


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(side, ast.JoinedStr) or _is_string(side) for side in sides)


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _constant(node: ast.Constant, text: _Text) -> Iterator[Replacement]:
    value = node.value
    if isinstance(value, bool):
        yield text.start(node), text.end(node), str(not value)
    elif isinstance(value, int):
        yield text.start(node), text.end(node), str(value + 1)
    elif isinstance(value, float):
        yield text.start(node), text.end(node), repr(value * 2 if value else 1.0)


def _call(node: ast.Call, text: _Text) -> Iterator[Replacement]:
    name = node.func
    if isinstance(name, ast.Attribute) and not node.args and not node.keywords:  # x.detach() -> x
        yield text.end(name.value), text.end(node), ""
    word = name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""
    if word in OPPOSITES:
        yield text.end(name) - len(word), text.end(name), OPPOSITES[word]
    for keyword in node.keywords:  # f(x, dim=1) -> f(x)
        if _asserts(keyword):
            continue
        end = text.end(keyword)
        comma = text.source[end:].lstrip()[:1] == ","
        yield text.start(keyword), text.source.index(",", end) + 1 if comma else end, ""


def _has_opposite(condition: ast.expr) -> bool:
    """Whether the condition's own mutants turn it round already."""
    if isinstance(condition, ast.Compare):
        return len(condition.ops) == 1 and not isinstance(condition.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    return isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not)


def _negated(condition: ast.expr, text: _Text) -> Replacement:
    return text.start(condition), text.end(condition), f"(not ({text.of(condition)}))"


def _statement(node: ast.stmt, text: _Text) -> Iterator[Replacement]:
    """A statement that is left out, a loop that is left or gone on with, a context that is not entered."""
    start, end = text.start(node), text.end(node)
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if is_call or (isinstance(node, ast.Assign) and all(_is_place(target) for target in node.targets)):
        yield start, end, "pass"
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield start, end, "return None"
    elif isinstance(node, ast.Continue | ast.Break):
        yield start, end, "break" if isinstance(node, ast.Continue) else "continue"
    elif isinstance(node, ast.With) and all(item.optional_vars is None for item in node.items):
        yield start, text.end(node.items[-1].context_expr), "if True"


def _is_place(target: ast.expr) -> bool:
    """Whether an assignment changes something that is there already: without it, no name is missing."""
    return isinstance(target, ast.Attribute | ast.Subscript)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
