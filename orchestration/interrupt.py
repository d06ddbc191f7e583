"""Ctrl-C: first let running epochs end, then end at once."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType, TracebackType

GRACE_S = 30.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Raised in the main thread where waiting has come to its end."""


class InterruptHandler:
    """Handles SIGINT, SIGTERM and SIGHUP while it is entered.

    The first one calls ``on_first``; the second, or the end of the grace period, raises
    ``Interrupted`` in the main thread, which ends the block that is entered, and no more. Compiled
    code may turn it into an exception of another kind on its way out: that ends there as well.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._before: dict[int, object] = {}
        self._ending = False
        self.seen = False

    def __enter__(self) -> InterruptHandler:
        for number in (*SIGNALS, signal.SIGALRM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        return self._ending

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            self._ending = True
            raise Interrupted
        self.seen = True
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        # In a thread of its own: the main thread may hold a lock that is needed to say so.
        threading.Thread(target=self._on_first, daemon=True).start()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up takes seconds, and is not to be left half-way: signals do nothing meanwhile."""
    before = [(number, signal.signal(number, lambda *_: None)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@dataclass
class Heard:
    """Which signals have come so far."""

    ear: socket.socket
    numbers: set[int] = field(default_factory=set)

    def asked_to_end(self) -> bool:
        """Whether a signal to end has come, even if its handler waits for its turn as yet."""
        with suppress(BlockingIOError):
            self.numbers.update(self.ear.recv(4096))
        return not self.numbers.isdisjoint(SIGNALS)


@contextmanager
def ended_by_signals() -> Iterator[Heard]:
    """SIGTERM and SIGHUP end what is under way as Ctrl-C does: the terminal is left clean.

    The main thread runs handlers, which may take it a second while it waits for Ray; which signals
    have come is heard at once.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    ear, mouth = socket.socketpair()
    ear.setblocking(False)
    mouth.setblocking(False)
    wakeup = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    before = [(number, signal.signal(number, interrupt)) for number in SIGNALS[1:]]
    try:
        yield Heard(ear)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        ear.close()
        mouth.close()


def hold_back() -> None:
    """Let no signal to end through to this thread, nor to the program that takes its place."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def let_through() -> None:
    """Let signals through that were held back; one that came meanwhile comes now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
