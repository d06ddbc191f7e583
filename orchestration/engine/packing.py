"""Trials that wait, put together into packs."""

from __future__ import annotations

import json

from cvae_core.config import TrialConfig
from cvae_core.training.packs.together import shape_of
from orchestration.engine.jobs import Job, PackJob, TrainJob
from orchestration.engine.trial_line import TrialLine
from orchestration.ledger.ledger import Ledger


class Packing:
    """How large packs are, and who is in one.

    Args:
        most: trials of a pack.
        ledger: with their settings.
    """

    def __init__(self, most: int, ledger: Ledger) -> None:
        self._most = most
        self._ledger = ledger
        self._shapes: dict[str, str] = {}
        self._with: dict[str, list[str]] = {}
        """Keys of those that are in a pack, with all that it began with."""

    def is_packed(self, key: str) -> bool:
        """Whether a trial is trained in a pack, be it alone there."""
        return bool(self._ledger.trials[key].config.get("packed"))

    def others(self, key: str, line: TrialLine, places: int) -> list[str]:
        """Take those out of line that are trained at once with a trial.

        Args:
            key: of the trial.
            line: where others wait.
            places: packs that can begin now: what waits is shared out among them.
        """
        own = self._shape(key)
        share = -(-(len(line) + 1) // max(places, 1))
        return line.take(lambda other: self._shape(other) == own, min(self._most, share) - 1)

    def pack(self, jobs: list[TrainJob]) -> PackJob:
        """These, for one worker."""
        keys = [job.key for job in jobs]
        self._with |= dict.fromkeys(keys, keys)
        return PackJob(jobs)

    def left(self, job: Job) -> None:
        """A job has ended or waits again; if it trained a trial of a pack, that has left it."""
        if isinstance(job, TrainJob):
            self._with.pop(job.key, None)

    def ran_out_of_memory(self, key: str) -> bool:
        """Have packs be at most half as large as the one that a trial was in.

        Returns:
            Whether that can be: it was not alone.
        """
        size = len(self._with.get(key, []))
        if size < 2:
            return False
        self._most = min(self._most, size // 2)
        return True

    def units(self, keys: list[str]) -> int:
        """How many workers these trials take: a pack takes one."""
        return len({id(self._with[key]) if key in self._with else key for key in keys})

    def _shape(self, key: str) -> str:
        """What trials of a pack have in common, that they are packed among it."""
        if key not in self._shapes:
            config = TrialConfig.from_settings(self._ledger.trials[key].config)
            self._shapes[key] = json.dumps(shape_of(config), sort_keys=True)
        return self._shapes[key]
