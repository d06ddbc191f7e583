"""What signals do to a block of code, with real signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from orchestration import interrupt as module
from orchestration.interrupt import Interrupted, InterruptHandler


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Handlers are what they were, and no alarm is set."""
    before = {number: signal.getsignal(number) for number in module.SIGNALS}
    yield
    assert {number: signal.getsignal(number) for number in module.SIGNALS} == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


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
