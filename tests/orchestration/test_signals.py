"""What signals do to a block of code, with real signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from orchestration import signals as module
from orchestration.signals import (
    Interrupted,
    InterruptHandler,
    asked_before,
    drop_blocked,
    ended_by_signals,
    handlers_restored,
    unblock,
)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Handlers are what they were, but for that of a notice; no alarm is set."""
    before = {number: signal.getsignal(number) for number in module.SIGNALS}
    alarm = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.signal(module.NOTICE, before[module.NOTICE])
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
    assert handler.hurried


def test_so_does_the_end_of_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.05)
    began = time.monotonic()
    with InterruptHandler(lambda: None) as handler:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
    assert not handler.hurried
    assert time.monotonic() - began < 10


def test_nor_is_waited_where_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    answers, asked = [True, True, False], []

    def worthwhile(seconds: float) -> bool:
        asked.append(seconds)
        return answers.pop(0)

    with InterruptHandler(lambda: None, worthwhile):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
    assert answers == []
    assert 30 > asked[0] > asked[1] > asked[2] > 20


def test_the_notice_of_a_batch_system_hurries_nobody_who_is_ending() -> None:
    """Slurm may send it more than once, and a job script passes it on beside it."""
    reached = False
    with InterruptHandler(lambda: None) as handler:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
        reached = True
    assert reached
    assert handler.seen
    os.kill(os.getpid(), signal.SIGUSR1)  # nor what comes after the work


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
    received_at_once: list[bool] = []

    def ask() -> None:
        received_at_once.append(received.asked_to_end())
        signal.pthread_kill(threading.get_ident(), number)
        received_at_once.append(received.asked_to_end())

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as received:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        time.sleep(20)
    assert received_at_once == [False, True]
    assert signal.getsignal(number) == before


def test_a_signal_that_a_library_swallows_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as received:
        received.check()
        with suppress(KeyboardInterrupt):  # as an `except:` without a name does
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
        with suppress(KeyboardInterrupt):
            received.check()
        assert asked_before(os.dup(received.reader.fileno())), "nor for the program that comes then"
        received.check()


def test_a_signal_that_was_taken_note_of_is_dropped_and_another_one_is_not() -> None:
    with pytest.raises(KeyboardInterrupt), ended_by_signals() as received:
        descriptor = os.dup(received.hand_over())
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert asked_before(descriptor)
        drop_blocked()
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)


def test_other_signals_do_not_ask_to_end() -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        with ended_by_signals() as received:
            os.kill(os.getpid(), signal.SIGUSR2)
            assert not received.asked_to_end()
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("moment", ["before", "while held back", "never"])
def test_a_program_that_takes_this_ones_place_hears_of_signals(moment: str) -> None:
    """Whichever thread has taken them, and whether their handlers have run or not."""
    with InterruptHandler(lambda: None), ended_by_signals() as received:
        if moment == "before":
            with suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(20)
        signal.setitimer(signal.ITIMER_REAL, 60)
        descriptor = os.dup(received.hand_over())
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0, "nobody there would mind it"
        if moment == "while held back":
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert os.get_inheritable(received.reader.fileno())
        assert asked_before(descriptor) == (moment != "never")
        with suppress(KeyboardInterrupt):
            unblock()
            time.sleep(0.05 if moment == "while held back" else 0)


def test_what_was_started_to_be_ignored_is_ignored() -> None:
    """As `nohup` does, and scripts with what they put into the background."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals() as received:
            descriptor = os.dup(received.hand_over())
            signal.pthread_kill(threading.get_ident(), signal.SIGHUP)
            assert not asked_before(descriptor)
            unblock()
        with ended_by_signals() as received, InterruptHandler(lambda: None) as handler:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.05)
            assert not handler.seen
            assert not received.asked_to_end()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_that_somebody_else_sets_do_not_stay() -> None:
    with ended_by_signals():
        before = signal.getsignal(signal.SIGTERM)
        with handlers_restored():
            signal.signal(signal.SIGTERM, lambda *_: None)
        assert signal.getsignal(signal.SIGTERM) == before
