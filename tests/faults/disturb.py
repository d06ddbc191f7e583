"""A sweep, killed again and again, brought to its end, and compared with an undisturbed one."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from .kinds import Kind
from .moment import Moment, look, open_writes, was_training, what_is_written, written_by_worker
from .place import Place
from .plan import Kill, plan_of
from .record import SHOWN, differences, record

PATIENCE_S = 240.0
"""So long for the next moment that counts, or for the end, also where Ray has to miss its GCS."""
WRITE_S = 1.0
"""So long for a write of the victim to be seen open; after that any moment of training will do."""
RESTARTS = 3
"""So often the command is started again although neither it nor Ray was killed; a difference."""


class Disturbed(Exception):  # noqa: N818
    """A sweep did not come to its end."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run."""

    record: dict[str, Any]
    epochs: int
    seconds: float


@dataclass(frozen=True)
class Hit:
    """A kill that met a trial in training, or an open write."""

    victim: str
    what: str
    """What was going on."""
    cut_off: bool = False
    """A write of the victim was cut off for certain: its unfinished file is there."""


@dataclass
class Outcome:
    """What came of a disturbed sweep."""

    seed: int
    kind: str
    hits: list[Hit] = field(default_factory=list)
    missed: int = 0
    """Kills that met another moment, do not count and were done again."""
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0
    folder: Path | None = None

    @property
    def survived(self) -> bool:
        return not self.differences


def undisturbed(kind: Kind, root: Path, cache: Path) -> Reference:
    """Run a sweep to its end in peace.

    Raises:
        Disturbed: it does not end well, or leaves something behind.
    """
    place, began = Place(root, kind, cache), time.monotonic()
    try:
        runner = _Runner(place)
        runner.finish()
        left = [*runner.complaints, *place.left()]
        if left:
            raise Disturbed(f"the undisturbed {kind.name}: {'; '.join(left)}")
        found = record(place)
        epochs = sum(len(trial["steps"]) for trial in found["trials"].values())
        return Reference(found, epochs, time.monotonic() - began)
    finally:
        place.end()


def disturbed(
    kind: Kind, seed: int, kills: int, reference: Reference, root: Path, cache: Path
) -> Outcome:
    """Run a sweep, kill what its seed says, continue it to its end, and compare."""
    began = time.monotonic()
    outcome = Outcome(seed, kind.name, folder=root)
    place = Place(root, kind, cache)
    runner = _Runner(place)
    try:
        for kill in plan_of(seed, kills):
            outcome.hits.append(runner.strike(kill, reference.epochs, outcome))
        runner.finish()
        outcome.differences += [f"left behind: {what}" for what in place.left()]
        found = differences(reference.record, record(place))
        outcome.differences += islice(found, SHOWN)
    except Disturbed as error:
        outcome.differences.append(str(error))
    finally:
        place.end()
        outcome.differences += runner.complaints
        outcome.seconds = time.monotonic() - began
    return outcome


class _Runner:
    """Keeps the command of a place going, and kills."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._driver = place.start()
        self._since = time.time()
        self._excused = False
        """A driver that ends now ends for what was done to it."""
        self.complaints: list[str] = []
        """Ends that nothing excuses: a killed worker has to be replaced in the same run."""
        self._noticed = 0.0

    def strike(self, kill: Kill, epochs: int, outcome: Outcome) -> Hit:
        """Wait for the moment, and kill; again where the kill met another moment.

        Raises:
            Disturbed: the sweep ends before, or comes no further.
        """
        until = time.monotonic() + PATIENCE_S
        ready = None
        while time.monotonic() < until:
            if self._tend():
                raise Disturbed(f"the sweep ended before {kill} found its moment")
            moment = look(self._place, self._since)
            if not moment.training or moment.epochs < kill.share * epochs:
                ready = None
                time.sleep(0.02)
                continue
            ready = ready or time.monotonic() + kill.delay_s
            if time.monotonic() < ready:
                time.sleep(0.01)
                continue
            victims = self._victims(kill, moment)
            if not victims:
                time.sleep(0.02)
                continue
            hit = self._kill(kill, victims, moment)
            if hit is not None:
                return hit
            outcome.missed += 1
            ready = None
        raise Disturbed(f"no moment for {kill} in {PATIENCE_S:.0f} s; {self._last_words()}")

    def finish(self) -> None:
        """Wait for the end.

        Raises:
            Disturbed: it does not come, or is a bad one.
        """
        until = time.monotonic() + PATIENCE_S
        while not self._tend():
            if time.monotonic() > until:
                raise Disturbed(f"no end in {PATIENCE_S:.0f} s; {self._last_words()}")
            time.sleep(0.05)

    def _tend(self) -> bool:
        """Start the command again where it is gone; True where the sweep has come to its end."""
        if time.monotonic() - self._noticed > 0.2:
            self._noticed = time.monotonic()
            self._place.notice()
        code = self._driver.poll()
        if code is None:
            return False
        if code == 0:
            return True
        if not self._excused:
            self.complaints.append(f"the command ended by itself with {code}; {self._last_words()}")
        if len(self.complaints) > RESTARTS or code == 2:
            raise Disturbed(f"given up after exit code {code}; {self._last_words()}")
        self._driver = self._place.start()
        self._since = time.time()
        self._excused = False
        return False

    def _kill(self, kill: Kill, victims: dict[str, int], moment: Moment) -> Hit | None:
        """Kill now, or as soon as the victim writes; None where that did not count."""
        sweep = self._place.sweep
        until = time.monotonic() + (WRITE_S if kill.aim == "write" else 0)
        pid, parts = victims[next(iter(victims))], open_writes(sweep)
        while not (own := self._own(kill, victims, parts)) and time.monotonic() < until:
            time.sleep(0.0005)
            parts = open_writes(sweep)
        if own:
            pid = victims.get(own[0].parent.name, pid)
        else:
            moment = look(self._place, self._since)  # seconds may have passed
            parts = open_writes(sweep)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        at = time.time()
        if kill.victim == "driver" and self._driver.wait() != -signal.SIGKILL:
            return None  # it had ended before
        self._excused = kill.victim != "worker"
        if kill.victim in ("gcs_server", "raylet"):
            self._since = at
        _gone(pid)
        return self._classified(kill, victims, moment, parts)

    def _victims(self, kill: Kill, moment: Moment) -> dict[str, int]:
        """Process ids that may be killed; of workers by the key of what they train."""
        if kill.victim == "driver":
            return {"driver": self._driver.pid}
        found = self._place.notice()
        if kill.victim == "worker":
            own = {process.pid for process in found}
            return {t.key: t.worker for t in moment.training if t.worker in own}
        return {p.name(): p.pid for p in found if _is(p, kill.victim)}

    def _own(self, kill: Kill, victims: dict[str, int], parts: list[Path]) -> list[Path]:
        """Open writes of what is to be killed; anyone's, where Ray is."""
        sweep = self._place.sweep
        if kill.victim == "driver":
            return [part for part in parts if not written_by_worker(sweep, part)]
        if kill.victim == "worker":
            return [part for part in parts if part.parent.name in victims]
        return parts

    def _classified(
        self, kill: Kill, victims: dict[str, int], moment: Moment, parts: list[Path]
    ) -> Hit | None:
        own = self._own(kill, victims, parts)
        mortal = kill.victim in ("driver", "worker")
        # One that is not there any more had been brought to its end before the kill.
        left = [part for part in own if part.exists() or not mortal]
        if left:
            return Hit(kill.victim, what_is_written(self._place.sweep, left[0]), cut_off=mortal)
        if not was_training(self._place, moment):
            return None
        beside = ", beside an evaluation" if moment.evaluating else ""
        first = min(training.epoch for training in moment.training)
        return Hit(kill.victim, f"epoch {first} under way{beside}")

    def _last_words(self) -> str:
        said = self._place.log.read_text(errors="replace").splitlines()[-5:]
        return "the command said last:\n" + "\n".join(f"    {line}" for line in said)


def _is(process: psutil.Process, name: str) -> bool:
    try:
        return process.name() == name and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _gone(pid: int) -> None:
    """Wait until a killed process does nothing any more."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.Error:
            return
        time.sleep(0.001)
