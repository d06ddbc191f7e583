"""Tracking off the training path: a thread that follows the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from orchestration.errors import UserError
from orchestration.redact import without_secrets
from orchestration.tracking.answers import refusal_in
from orchestration.tracking.refusals import UNUSABLE
from orchestration.tracking.syncer import Syncer

EVERY_S = 2.0
MOST_S = 30.0
"""Between two tries while MLflow does not answer."""
STUCK_S = 30.0
"""No run was brought for so long: it is not to be waited for at a sweep's end."""


class TrackingThread:
    """Brings MLflow up to date every few seconds, in batches; its failures never stop a sweep.

    MLflow may be down from the start, go and come back: what it missed is brought then.

    Args:
        syncer: of the sweep.
        warn: told, once, when MLflow stops answering.
        say: told when it answers again.
    """

    def __init__(
        self,
        syncer: Syncer,
        warn: Callable[[str], None],
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._syncer = syncer
        self._warn = warn
        self._say = say
        self._wake = threading.Event()
        self._ending = False
        self._given_up = False
        self._failures = 0
        self._warned = False
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Bring everything up to date a last time; whether that worked.

        While MLflow does not answer that is one short try; it is waited for only as long as it
        takes what it is given.

        Args:
            timeout_s: the longest that is waited, in seconds.
        """
        self._ending = True
        self._wake.set()
        until = time.monotonic() + timeout_s
        brought, moved = self._syncer.told, time.monotonic()
        try:
            while self._thread.is_alive() and time.monotonic() < min(until, moved + STUCK_S):
                self._thread.join(0.1)
                if self._syncer.told != brought:
                    brought, moved = self._syncer.told, time.monotonic()
        finally:
            self._given_up = True
        return not self._thread.is_alive() and not self._failures

    def _follow(self) -> None:
        while not self._ending:
            self._bring()
            # What was under way when MLflow went may arrive late: the first try comes soon, but
            # not at once.
            self._wake.wait(min(MOST_S, EVERY_S * 2 ** min(self._failures, 10)))
        self._bring()

    def _bring(self) -> None:
        try:
            self._syncer.sync(lambda: self._given_up)
        except Exception as error:  # whatever MLflow raises: training goes on without it
            self._failures += 1
            # A connection that broke is no news, if the next try works.
            if not self._warned and (self._failures > 1 or isinstance(error, UserError)):
                self._warned = True
                self._tell(self._warn, f"MLflow is behind: {reason_of(error)}; training goes on")
        else:
            if self._warned and not self._given_up:  # else it was not all that there is
                self._tell(self._say, "MLflow answers again, and has been told everything")
            self._failures, self._warned = 0, False

    def _tell(self, whom: Callable[[str], None], text: str) -> None:
        with suppress(Exception):  # the thread is to live on, whoever is told
            whom(text)


def reason_of(error: Exception) -> str:
    """What an MLflow says that does not do as it is asked, in a line and without passwords."""
    answered = refusal_in(error)
    if answered is not None:
        return f"its server {answered.reason}; {answered.advice}"
    text = without_secrets(str(error)).strip() or type(error).__name__
    return text.splitlines()[0].removeprefix(UNUSABLE)
