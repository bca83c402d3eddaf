"""Ctrl-C, a scheduler's SIGTERM and the end of a run's time, held back until a run can take them without losing
anything."""

from __future__ import annotations

import _thread
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_ONE_REQUEST = 1.0
"""Seconds. A terminal, a scheduler and a parent process may each send the same request."""
_GRACE = 10.0
"""Seconds that work which is held has after a run's time is over."""


def raise_at_signals() -> None:
    """Have a scheduler's SIGTERM and the SIGHUP of a terminal that goes away raise KeyboardInterrupt, as Ctrl-C does.

    Signals that are ignored, as by `nohup`, or handled stay so.
    """
    for number in stop_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def ignore_stop_signals() -> None:
    """Let no signal to stop reach the process any more: it is about to end, and whoever started it may say so again."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def stop_signals() -> list[int]:
    """The signals by which a process is asked to stop, as far as the system has them."""
    return [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]


def _signal_main_thread() -> None:
    """Send the main thread a SIGINT: a real one, which ends a call that waits, where the system has them."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


class Requests:
    """Counts requests to stop: signals within a second of one another are one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.count, self._last, self._clock = 0, -math.inf, clock

    def add(self) -> int:
        """Take in a signal; the number of requests so far."""
        now = self._clock()
        self.count += now - self._last >= _ONE_REQUEST
        self._last = now
        return self.count


class Interrupts:
    """In the `with` block of an instance the process's signals to stop are counted, and raise nothing.

    Whoever can stop looks at `asked`. In the block `after(n)` the signals beyond the first n raise KeyboardInterrupt at
    once, and earlier ones as the block begins; `after(0)` so is for work that can be cut off anywhere. One that nobody
    has taken is raised at the end of the instance's own block. Signals within a second of one another count as one.

    Signals that raise no KeyboardInterrupt now, since a user's program handles them itself, are left to it, and so are
    all signals outside of the main thread.

    After `limit` seconds a request comes of itself, and `grace` seconds later a second one. Where no signal had come
    before, `timed_out` is then set, and the block ends without KeyboardInterrupt. Outside of the main thread only
    `asked` tells of it.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, limit: float | None = None, grace: float = _GRACE
    ) -> None:
        self._requests, self._held = Requests(clock), math.inf
        self._before: dict[int, Any] = {}
        self._limit, self._grace, self._timer = limit, grace, threading.Timer(0, lambda: None)
        self._by_time = False
        self.timed_out = False
        """Whether the time was over before any signal came."""
        self.left = False
        """Whether the run was left to another process before any signal came."""

    def leave(self) -> None:
        """Make a request of itself, from any thread: the run is another process's by now."""
        self.left = self.left or not self.asked()
        self._requests.add()

    def asked(self) -> bool:
        """Whether a signal to stop has come."""
        return self._requests.count > 0

    def __enter__(self) -> Interrupts:
        for number in stop_signals():
            if signal.getsignal(number) is signal.default_int_handler:
                try:
                    self._before[number] = signal.signal(number, self._take)
                except ValueError:  # outside of the main thread
                    break
        if self._limit is not None:
            self._time(self._limit, last=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self.asked() and not (self.timed_out or self.left):
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

    def _time(self, seconds: float, last: bool) -> None:
        """Make a request of itself in so many seconds, and one more after it unless it is the `last`."""
        self._timer = threading.Timer(max(0.0, seconds), self._time_is_over, [last])
        self._timer.daemon = True
        self._timer.start()

    def _time_is_over(self, last: bool) -> None:
        self.timed_out = self.timed_out or not self.asked()
        if not last:
            self._time(self._grace, last=True)
        if signal.SIGINT in self._before:
            self._by_time = True
            _signal_main_thread()
        else:
            self._requests.add()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.timed_out, self._by_time = self.timed_out and self._by_time, False
        self.left = False
        self._requests.add()
        self._raise_what_is_not_held()

    def _raise_what_is_not_held(self) -> None:
        if self._requests.count > self._held:
            raise KeyboardInterrupt
