"""Checks that a plugin's class can be called as its contract in `bench.api` says, before anything calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, get_args

from bench.errors import ConfigError

_PUBLIC = "bench.api"
_NAMED_BY = {"gates": "states"}
"""Methods with a `*rest` in the contract, and the class attribute that has a name for each argument of the rest."""


def public_name(cls: type) -> str:
    """The full name of `cls` for users, who import contracts from `bench.api`."""
    module = _PUBLIC if _is_contract(cls) else cls.__module__
    return f"{module}.{cls.__qualname__}"


def check_signatures(cls: type, where: str) -> None:
    """Raise ConfigError, in one line that begins with `where`, for the first member of `cls` that its contract cannot
    use: an abstract method that is missing, or a method or a constructor that takes other arguments.

    The harness passes arguments by position, so that a plugin may give them other names and add some with defaults; an
    argument that the contract names must be at the contract's position. Contracts of other packages (torch) are not
    checked.
    """
    _check_complete(cls, where)
    for name, contract in _contracts(cls).items():
        found = _found(cls, name)
        if not _is_contract(found.owner):
            _check_member(cls, name, found.value, contract, where)


@dataclass(frozen=True)
class _Member:
    """A member of a class, not bound to an object, and the class that defines it."""

    owner: type
    value: Any


def _is_contract(cls: type) -> bool:
    return cls.__module__ == _PUBLIC or cls.__module__.startswith(f"{_PUBLIC}.")


def _found(cls: type, name: str) -> _Member:
    return next(_Member(owner, vars(owner)[name]) for owner in cls.__mro__ if name in vars(owner))


def _contracts(cls: type) -> dict[str, _Member]:
    """The members that the contracts of `cls` declare, by name, each as the nearest contract has it."""
    found: dict[str, _Member] = {}
    for owner in filter(_is_contract, cls.__mro__):
        for name, value in vars(owner).items():
            if name == "__init__" or not name.startswith("_"):
                found.setdefault(name, _Member(owner, value))
    return found


def _check_complete(cls: type, where: str) -> None:
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if not missing:
        return
    asked = {name: _found(cls, name) for name in missing}
    written = [name + _text(inspect.signature(m.value)) if callable(m.value) else name for name, m in asked.items()]
    owners = ", ".join(dict.fromkeys(public_name(member.owner) for member in asked.values()))
    plural = "s" if len(missing) > 1 else ""
    raise ConfigError(f"{where}: {cls.__name__} lacks the abstract method{plural} {', '.join(written)} of {owners}")


def _check_member(cls: type, name: str, value: Any, contract: _Member, where: str) -> None:
    """Raise ConfigError where `value`, the member `name` of `cls`, does not fit the contract's member."""
    place = f"{public_name(contract.owner)}.{name}"
    if isinstance(contract.value, property):
        if inspect.isfunction(value):
            raise ConfigError(
                f"{where}: {cls.__name__}.{name} is a method; {place} is a property: write @property above it"
            )
        return
    wanted = _wanted(cls, name, contract)
    if wanted is None or (value is None and _may_be_none(cls, name)):
        return
    if not (callable(value) or hasattr(value, "__get__")):
        raise ConfigError(f"{where}: {cls.__name__}.{name} is {value!r}; it must be a method, as {place} is")
    taken = _taken(value)
    if taken is None or wanted.fits(taken):
        return
    itself = [Parameter("self", Parameter.POSITIONAL_ONLY)] if inspect.isfunction(value) else []
    takes = inspect.signature(value) if itself else taken
    asked = ", ".join([*(p.name for p in itself), *wanted.arguments, *["..."] * wanted.open_ended])
    raise ConfigError(f"{where}: {cls.__name__}.{name}{_text(takes)} must take ({asked}), as {place} does")


@dataclass(frozen=True)
class _Wanted:
    """The arguments of a method by position; `open_ended` where there may be more.

    The first `declared` of them are named in the contract, the others by the plugin's class.
    """

    arguments: tuple[str, ...]
    declared: int
    open_ended: bool = False

    def fits(self, taken: Signature) -> bool:
        """Whether a method with the signature `taken`, without `self`, takes each of these arguments in its place."""
        try:
            (taken.bind_partial if self.open_ended else taken.bind)(*self.arguments)
        except TypeError:
            return False
        names = [p.name for p in taken.parameters.values() if p.kind is not Parameter.KEYWORD_ONLY]
        declared, listed = self.arguments[: self.declared], self.arguments[self.declared :]
        looked_at = names[: len(self.arguments)] if self.open_ended else names
        if any(name in declared and declared.index(name) != place for place, name in enumerate(looked_at)):
            return False
        theirs = tuple(names[self.declared : len(self.arguments)])
        return theirs == listed or sorted(theirs) != sorted(listed)


def _wanted(cls: type, name: str, contract: _Member) -> _Wanted | None:
    """The arguments with which the harness calls the member; None where it never calls the member."""
    declared = contract.value if inspect.isfunction(contract.value) else _declared_call(contract.owner, name)
    if declared is None:
        return None
    parameters = list(inspect.signature(declared).parameters.values())[1:]
    arguments = tuple(p.name for p in parameters if p.kind is not Parameter.VAR_POSITIONAL)
    is_open = len(arguments) < len(parameters)
    listed = getattr(cls, _NAMED_BY.get(name, ""), None)
    if is_open and isinstance(listed, tuple):
        return _Wanted((*arguments, *listed), len(arguments))
    return _Wanted(arguments, len(arguments), is_open or name == "__init__")


def _may_be_none(cls: type, name: str) -> bool:
    """Whether a contract of `cls` itself sets a member to None."""
    return any(vars(owner).get(name, cls) is None for owner in filter(_is_contract, cls.__mro__))


def _declared_call(owner: type, name: str) -> Callable[..., Any] | None:
    """The call of an attribute that a contract only annotates, with a protocol; None without such an attribute."""
    annotation = inspect.get_annotations(owner, eval_str=True).get(name)
    kinds = (annotation, *get_args(annotation))
    return next((vars(kind)["__call__"] for kind in kinds if getattr(kind, "_is_protocol", False)), None)


def _taken(value: Any) -> Signature | None:
    """The arguments of a member when it is called on an object; None where Python cannot tell them."""
    if isinstance(value, staticmethod):
        value, bound = value.__func__, 0
    elif isinstance(value, classmethod):
        value, bound = value.__func__, 1
    else:
        bound = int(inspect.isfunction(value))
    try:
        taken = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    parameters = list(taken.parameters.values())
    if parameters and parameters[0].kind is Parameter.VAR_POSITIONAL:
        return taken
    return taken.replace(parameters=parameters[bound:])


def _text(signature: Signature) -> str:
    """The arguments without their annotations."""
    bare = [p.replace(annotation=Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=Signature.empty))
