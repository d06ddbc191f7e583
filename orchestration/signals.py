"""Ctrl-C: first let running epochs end, then end at once."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType, TracebackType

GRACE_S = 30.0
LOOK_S = 0.5
"""Between two looks at whether there is anything to wait for."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
NOTICE = signal.SIGUSR1
"""With it batch systems say that a job's time is nearly up. It hurries nobody who is ending."""


class Interrupted(BaseException):
    """Raised in the main thread where waiting has come to its end."""


def not_ignored() -> list[signal.Signals]:
    """The signals to end that this program was not started to ignore, as `nohup` does."""
    return [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


class InterruptHandler:
    """Handles SIGINT, SIGTERM, SIGHUP and SIGUSR1 while it is entered.

    The first one calls ``on_first``; the second, or the end of the grace period, raises
    ``Interrupted`` in the main thread, which ends the block that is entered, and no more. Compiled
    code may turn it into an exception of another kind on its way out: that ends there as well.
    A SIGUSR1 that is not the first one changes nothing.

    Args:
        on_first: called in a thread of its own.
        worthwhile: of the seconds of grace that are left: whether there is anything to wait for.
            Where there is nothing, the grace period is at its end.
    """

    def __init__(
        self, on_first: Callable[[], None], worthwhile: Callable[[float], bool] = lambda _: True
    ) -> None:
        self._on_first = on_first
        self._worthwhile = worthwhile
        self._until = 0.0
        self._before: dict[int, object] = {}
        self._ending = False
        self.seen = False
        self.hurried = False
        """Whether a second one came, which wants an end at once."""

    def __enter__(self) -> InterruptHandler:
        for number in (*not_ignored(), signal.SIGALRM):
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
            # Nor does a notice hurry what comes after the work, once somebody has asked for an end.
            after = _nothing if number == NOTICE and self.seen else handler
            signal.signal(number, after)  # type: ignore[arg-type]
        return self._ending

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            if number == NOTICE or (number == signal.SIGALRM and self._waits()):
                return
            self._ending = True
            self.hurried |= number != signal.SIGALRM
            raise Interrupted
        self.seen = True
        self._until = time.monotonic() + GRACE_S
        signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
        # In a thread of its own: the main thread may hold a lock that is needed to say so.
        threading.Thread(target=self._on_first, daemon=True).start()

    def _waits(self) -> bool:
        left = self._until - time.monotonic()
        return left > 0 and self._worthwhile(left)


def _nothing(number: int, frame: FrameType | None) -> None:
    """What a signal does that is not to do anything."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up takes seconds, and is not to be left half-way: signals do nothing meanwhile."""
    before = [(number, signal.signal(number, _nothing)) for number in not_ignored()]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@dataclass
class ReceivedSignals:
    """Which signals have come so far."""

    reader: socket.socket

    def asked_to_end(self) -> bool:
        """Whether a signal to end has come, even if its handler waits for its turn as yet."""
        try:
            # They stay there, for the program that may take this one's place.
            numbers = self.reader.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        return not set(SIGNALS).isdisjoint(numbers)

    def check(self) -> None:
        """Interrupt where a signal was received that came to nothing.

        Libraries that are being imported swallow everything that is raised at some places.
        """
        if self.asked_to_end():
            raise KeyboardInterrupt

    def hand_over(self) -> int:
        """Let the program that takes this one's place hear what still comes; for ``asked_before``.

        From now on signals to end are held back from this thread and from that program; until
        then one may have been taken by another thread.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, not_ignored())
        signal.setitimer(signal.ITIMER_REAL, 0)  # it would go off there, and nobody would mind it
        os.set_inheritable(self.reader.fileno(), True)
        return self.reader.fileno()


def asked_before(descriptor: int) -> bool:
    """Whether the program before this one, or this one while it was held back, was asked to end.

    Args:
        descriptor: what ``ReceivedSignals.hand_over`` gave there.
    """
    with suppress(OSError), socket.socket(fileno=descriptor) as taken_over:
        if ReceivedSignals(taken_over).asked_to_end():
            return True
    return not signal.sigpending().isdisjoint(not_ignored())


def drop_blocked() -> None:
    """Drop the signals that were held back, as it is known that they have come; let others in."""
    while signal.sigtimedwait(SIGNALS, 0) is not None:
        pass
    unblock()


def unblock() -> None:
    """Let signals through that were held back."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def ended_by_signals() -> Iterator[ReceivedSignals]:
    """SIGTERM, SIGHUP and SIGUSR1 end what is under way as Ctrl-C does, with a clean terminal.

    The main thread runs handlers, which may take it a second while it waits for Ray; which signals
    have come is known at once.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handled = [number for number in not_ignored() if number != signal.SIGINT]
    before = [(number, signal.signal(number, interrupt)) for number in handled]
    try:
        yield ReceivedSignals(reader)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        reader.close()
        writer.close()


def reset_handlers() -> None:
    """Set handlers again that compiled code has taken away behind Python's back."""
    for number in SIGNALS:
        signal.signal(number, signal.getsignal(number))


@contextmanager
def handlers_restored() -> Iterator[None]:
    """What is called meanwhile may set handlers of its own; afterwards they are as they were."""
    before = [(number, signal.getsignal(number)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
