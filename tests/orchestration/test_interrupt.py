"""What signals do to a block of code, with real signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from orchestration import interrupt as module
from orchestration.interrupt import (
    Interrupted,
    InterruptHandler,
    ended_by_signals,
    hold_back,
    let_through,
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Handlers are what they were, and no alarm is set."""
    before = {number: signal.getsignal(number) for number in module.SIGNALS}
    alarm = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    assert {number: signal.getsignal(number) for number in module.SIGNALS} == before
    assert signal.setitimer(signal.ITIMER_REAL, *alarm)[0] == 0.0


@pytest.mark.parametrize("number", module.SIGNALS)
def test_the_first_signal_asks(number: int) -> None:
    asked = threading.Event()
    with InterruptHandler(asked.set) as handler:
        os.kill(os.getpid(), number)
        assert asked.wait(5)
    assert handler.seen


def test_the_second_ends_the_block_alone() -> None:
    reached = False
    with InterruptHandler(lambda: None) as handler:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        reached = True
    assert not reached
    assert handler.seen


def test_so_does_the_end_of_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.05)
    began = time.monotonic()
    with InterruptHandler(lambda: None):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
    assert time.monotonic() - began < 10


def test_also_where_compiled_code_turns_it_into_another_error() -> None:
    """As Ray does: ``SystemError: … returned a result with an exception set``."""
    with InterruptHandler(lambda: None):
        os.kill(os.getpid(), signal.SIGINT)
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted as error:
            raise SystemError("returned a result with an exception set") from error


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(ValueError, match="mine"), InterruptHandler(lambda: None):
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("mine")


@pytest.mark.parametrize("number", module.SIGNALS)
def test_a_signal_is_heard_before_its_handler_has_run(number: int) -> None:
    """The main thread alone runs handlers, and it may be waiting for something else."""
    heard_at_once: list[bool] = []

    def ask() -> None:
        heard_at_once.append(heard.asked_to_end())
        signal.pthread_kill(threading.get_ident(), number)
        heard_at_once.append(heard.asked_to_end())

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as heard:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        time.sleep(20)
    assert heard_at_once == [False, True]
    assert signal.getsignal(number) == before


def test_other_signals_do_not_ask_to_end() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with ended_by_signals() as heard:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not heard.asked_to_end()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_held_back_comes_afterwards() -> None:
    with InterruptHandler(lambda: None) as handler:
        hold_back()
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert not handler.seen
        let_through()
        assert handler.seen
