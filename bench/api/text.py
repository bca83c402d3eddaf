"""The contract of a task over text: how a text becomes the model's symbols, and symbols a text again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from bench.api.task import Task


class TextTask(Task):
    """A task whose inputs are the symbols of a text, so that a person can write to the model and read what it writes.

    `bench sample` asks for this contract. A task that reads every step has the same symbols as inputs and as outputs.
    A task that reads a `sequence` may have two languages: `encode` is of the inputs, `decode` of the outputs.
    """

    separator: str = ""
    """The text that stands between two symbols: a space where they are words."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The input symbols of `text`, by number."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of output symbols; of a task that writes a `sequence`, up to their END."""

    def tokens(self, text: str) -> Sequence[str]:
        """`text` cut into the symbols that `encode` numbers, in order: here its characters."""
        return text

    def unseen(self, text: str) -> set[str]:
        """The symbols of `text` that the task has no number for.

        Here those that do not come back from `encode` and `decode`; a task whose outputs are another language than its
        inputs overrides it.
        """
        numbered = zip(self.tokens(text), self.encode(text), strict=False)
        return {token for token, number in numbered if self.decode([number]) != token}
