"""Ctrl-C and a scheduler's SIGTERM, held back until a run can take them without losing anything."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def raise_at_signals() -> None:
    """Have a scheduler's SIGTERM and the SIGHUP of a terminal that goes away raise KeyboardInterrupt, as Ctrl-C does.

    Signals that are ignored, as by `nohup`, or handled stay so.
    """
    for number in _numbers():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]


class Interrupts:
    """In the `with` block of an instance the process's signals to stop are counted, and raise nothing.

    Whoever can stop looks at `asked`. In the block `after(n)` the signals beyond the first n raise KeyboardInterrupt at
    once, and earlier ones as the block begins; `after(0)` so is for work that can be cut off anywhere. One that nobody
    has taken is raised at the end of the instance's own block.

    Signals that raise no KeyboardInterrupt now, since a user's program handles them itself, are left to it, and so are
    all signals outside of the main thread.
    """

    def __init__(self) -> None:
        self._count, self._held = 0, math.inf
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether a signal to stop has come."""
        return self._count > 0

    def __enter__(self) -> Interrupts:
        for number in _numbers():
            if signal.getsignal(number) is signal.default_int_handler:
                try:
                    self._before[number] = signal.signal(number, self._take)
                except ValueError:  # outside of the main thread
                    break
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self.asked():
            raise KeyboardInterrupt

    @contextmanager
    def after(self, held: int) -> Iterator[None]:
        """In the block only the first `held` signals are held back."""
        before, self._held = self._held, held
        try:
            self._raise_what_is_not_held()
            yield
        finally:
            self._held = before

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        self._raise_what_is_not_held()

    def _raise_what_is_not_held(self) -> None:
        if self._count > self._held:
            raise KeyboardInterrupt
