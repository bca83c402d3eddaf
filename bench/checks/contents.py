"""The content of a module, compared before and after a forward."""

from __future__ import annotations

from torch import Tensor, nn

from bench.checks.compare import gap
from bench.checks.law import Broken

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def contents(module: nn.Module) -> dict[str, object]:
    """Copies of the parameters, buffers and plain attributes of a module and its submodules, by dotted name."""
    found: dict[str, object] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for path, part in module.named_modules():
        own = {key: value for key, value in vars(part).items() if key not in _OF_EVERY_MODULE}
        found.update({f"{path}.{key}".lstrip("."): value for key, value in own.items()})
    return {name: _copy(value) for name, value in found.items()}


def must_be_unchanged(before: dict[str, object], after: dict[str, object], place: str) -> None:
    """Raise Broken, naming the first difference, unless two `contents` are the same."""
    for name in {**before, **after}:
        if name not in before or name not in after or not _same(before[name], after[name]):
            raise Broken(f"{place}: a forward changes the module's `{name}`")


def _copy(value: object) -> object:
    """A copy of a tensor, or of a container with the tensors in it; any other object itself."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return [_copy(part) for part in value]
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return set(value) if isinstance(value, set) else value


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and not gap(a, b).any()
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return a is b or (a == b) is True
