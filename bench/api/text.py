"""The contract of a task over text: from a text to the model's symbols, and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from bench.api.task import Task


class TextTask(Task):
    """A task over the symbols of a text: a person can write to the model and read its answer.

    `bench sample` needs this contract. A task that reads every step has the same symbols as inputs and as outputs. A
    task that reads a `sequence` may have two languages: `encode` takes the input's, `decode` gives the output's.
    """

    separator: str = ""
    """The text between two symbols: a space where symbols are words."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The numbers of the input symbols of `text`."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of the output symbols `ids`; up to END where the task writes a `sequence`."""

    def tokens(self, text: str) -> Sequence[str]:
        """The symbols of `text` in order, as `encode` numbers them: here its characters."""
        return text

    def unseen(self, text: str) -> set[str]:
        """The symbols of `text` without a number of their own.

        By default the symbols that `encode` and then `decode` do not give back. A task with different input and output
        languages must override it.
        """
        numbered = zip(self.tokens(text), self.encode(text), strict=False)
        return {token for token, number in numbered if self.decode([number]) != token}
