"""The imports in a Python file, found without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def imported_by(source: bytes, package: str) -> list[str]:
    """The modules that a source imports anywhere, and imported names that may be modules, by their full names.

    `package` is the package of the source's own module, empty for none. A source that is no Python has no imports: its
    own import fails, and says so.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [*dict.fromkeys(name for node in ast.walk(tree) for name in _imported(node, package))]


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _base(node, package)
        if base:
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            yield node.args[0].value


def _base(node: ast.ImportFrom, package: str) -> str:
    """The full name of the module after `from`; empty for a relative import in a file without a package."""
    if not node.level:
        return node.module or ""
    above = package.split(".") if package else []
    if len(above) < node.level:
        return ""
    return ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])
