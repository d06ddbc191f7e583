"""What is awaited after a first Ctrl-C, and what an interruption has cost."""

from __future__ import annotations

import time
from collections.abc import Collection

from orchestration.engine.jobs import Job, TrainJob
from orchestration.engine.queue import Queue
from orchestration.ledger.checkpoints import newest
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.status.live.board import Board
from orchestration.words import count

MARGIN = 1.25
"""An epoch may be so much faster than the ones before it."""


def may_end_within(seconds: float, queue: Queue, board: Board) -> bool:
    """Whether waiting so long may keep anything of what workers are at.

    Not where every one of them is in an epoch that is known to take longer. How long an evaluation
    takes is not known; one that tells how far it is ends with its next word.
    """
    if not queue.under_way:
        return True  # all comes to its end by itself
    now = time.monotonic()
    left = [
        board.epoch_left(job.key, now) if isinstance(job, TrainJob) else None
        for job in queue.at_work
    ]
    return any(each is None or each <= MARGIN * seconds for each in left)


def interrupted_text(ledger: Ledger, cut_off: Collection[Job], *, trains: bool) -> str:
    """The line before the command that continues: what of the work done so far is done again.

    Args:
        ledger: of the sweep, brought to rest.
        cut_off: jobs that workers were at, and which came to no end.
        trains: whether the command that continues trains what is not trained.
    """
    training = [job.key for job in cut_off if isinstance(job, TrainJob)]
    return done_again(ledger, len(training), len(cut_off) - len(training), trains=trains)


def done_again(ledger: Ledger, epochs: int, evaluations: int = 0, *, trains: bool = True) -> str:
    """The same, from how many epochs and evaluations were under way."""
    before = sum(_since_checkpoint(trial) for trial in ledger.planned()) if trains else 0
    epochs += before
    lost = []
    if epochs:
        which = "since the last checkpoint" if before else "under way"
        lost.append(f"{count(epochs, 'epoch')} {which}")
    if evaluations:
        lost.append(count(evaluations, "evaluation"))
    if not lost:
        return "interrupted; nothing is lost. To continue:"
    verb = "is" if epochs + evaluations == 1 else "are"
    return f"interrupted; {' and '.join(lost)} {verb} done again. To continue:"


def _since_checkpoint(trial: Trial) -> int:
    """Epochs on record that the trial will be trained for again."""
    if not trial.is_open:
        return 0
    last = newest(trial.checkpoints)
    return trial.epoch - (0 if last is None else last.epoch)
