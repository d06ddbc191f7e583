"""How far every trial of a running sweep is: small rows that another thread may read."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from statistics import fmean

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.evaluation.parts import PARTS, lacks
from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.reports import EpochReport, EvaluationReport, ProgressReport
from orchestration.ledger.documents import Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import node_of
from orchestration.ledger.names import names_in, split_entry
from orchestration.plan.evaluation_tasks import Wish, open_tasks, tasks_of
from orchestration.spec.evaluation import Evaluation
from orchestration.status.failures import (
    failure_details,
    failure_text,
    goes_on,
    next_try,
    what_to_do,
)
from orchestration.status.live.mean_seconds import MeanSeconds
from orchestration.status.live.row import ENDED, Row, RowState
from orchestration.status.nodes import lost_on
from orchestration.study.progress import to_come_in

NEWEST = 3
"""Epochs of a trial by which its next ones are estimated."""


class Board:
    """Takes notice of what happens to jobs, and says how long it will take.

    Args:
        ledger: of the sweep.
        slots: workers at once.
        evaluation: that follows on training.
        wish: evaluations that are added, and nothing else; None: the whole sweep is worked off.
        pack: trials that are trained at once in each of the slots.
    """

    def __init__(
        self,
        ledger: Ledger,
        slots: int,
        evaluation: Evaluation,
        wish: Wish | None = None,
        pack: int = 1,
    ) -> None:
        self.slots = slots
        self._pack = pack
        self._ledger = ledger
        self._evaluation = evaluation
        self._wish = wish
        self.names = names_in(ledger)
        self.lost = lost_on(ledger.planned())
        """Attempts that came to nothing, by node; every change puts a new one in its place."""
        self._said: set[str] = set()
        self._epochs, self._parts = MeanSeconds(), MeanSeconds()
        """Of an epoch, by model (but raw pixels), and of an evaluation, by `_kind`."""
        self._lacking: dict[str, frozenset[str]] = {}
        """Parts that find nothing to measure in a trial's model, by key: they end at once."""
        self._open: dict[str, list[str]] = {}
        """Parts that trials still need, by key, of those that take time; of one that is not trained
        all."""
        self.rows: dict[str, Row] = {}
        """By key, in the plan's order; every change puts a new row in place of the old one."""
        self._states: Counter[RowState] = Counter()
        """How many rows are in each, so that nobody counts thousands at every event."""
        for trial in ledger.planned():
            self._trained(trial, trial.train_s, len(trial.epochs))
            for entry, part in trial.evaluations.items():
                self._evaluated(trial, split_entry(entry)[0], part.seconds)
            self._put(self._row(trial, self._resting(trial), 0.0))
        self._epochs.begin()
        self._parts.begin()
        self.to_come = 0 if wish is not None else to_come_in(ledger)
        """Trials of a search that nothing was seen of yet."""
        self.width = max((len(row.name) for row in self.rows.values()), default=0)

    def started(self, job: TrialJob, trial: Trial) -> Row:
        """A worker has taken a job up; the trial's row, as all of these return it."""
        if isinstance(job, TrainJob):
            self._count_to_come(trial)
            return self._enter(trial, "starting")
        return self._enter(trial, "evaluating")

    def progressed(self, job: TrialJob, report: ProgressReport, trial: Trial) -> Row:
        """Some seconds of an epoch or of an evaluation are over; of the latter no row tells."""
        if isinstance(job, EvaluateJob):
            return self.rows[trial.key]
        row = self._row(trial, "training", time.monotonic())
        row = replace(row, share=report.share, images_per_s=report.images_per_s)
        return self._put(row if trial.epochs else replace(row, epoch_s=report.epoch_s))

    def epoch_ended(self, report: EpochReport, trial: Trial) -> Row:
        """An epoch is over, or turned out to be the last one."""
        if report.epoch is not None:
            self._trained(trial, report.epoch["epoch_s"], 1)
        if trial.state == "running":
            return self._enter(trial, "training")
        self._count_to_come(trial)
        return self._enter(trial, self._resting(trial))

    def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> Row:
        """A part was measured."""
        self._evaluated(trial, job.part, report.seconds)
        return self._enter(trial, self._resting(trial))

    def taken_over(self, trial: Trial) -> Row:
        """A trial was trained before."""
        self._count_to_come(trial)
        return self._enter(trial, self._resting(trial))

    def absent(self, trial: Trial) -> Row:
        """A part cannot be had."""
        return self._enter(trial, self._resting(trial))

    def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> Row:
        """A job has failed, for good or until it is tried again."""
        self.slots = failure.at_once or self.slots
        if isinstance(job, TrainJob):
            self._count_to_come(trial)
            if trial.attempts and trial.attempts[-1].outcome == "lost":
                self.lost = self.lost + Counter([node_of(trial.attempts[-1])])
        return self._enter(trial, self._resting(trial))

    def trial_left(self, row: Row, now: float) -> float | None:
        """Seconds of training that a trial has left; None where nothing is known of its pace."""
        if row.state in ("trained", "evaluating", *ENDED) or self._wish is not None:
            return 0.0
        pace = self._pace(row)
        if pace is None:
            return None
        return (row.epochs - row.epoch - 1) * pace + row.epoch_left(pace, now)

    def epoch_left(self, key: str, now: float) -> float | None:
        """Seconds of a trial's epoch under way; None where nothing is known of its pace."""
        row = self.rows.get(key)
        pace = None if row is None else self._pace(row)
        return None if row is None or pace is None else row.epoch_left(pace, now)

    def evaluation_left(self, row: Row, now: float) -> float | None:
        """Seconds of evaluation that a trained trial has left; None where that is not known."""
        costs = [self._cost(row, part) for part in self._open[row.key]]
        known = [cost for cost in costs if cost is not None]
        if row.state not in ("trained", "evaluating") or len(known) < len(costs):
            return None
        gone = now - row.at if row.state == "evaluating" else 0.0
        return max(sum(known) - gone, 0.0)

    def _pace(self, row: Row) -> float | None:
        """Seconds of a trial's epoch, or of those of its model, or of all; None: not known yet."""
        return row.epoch_s or self._epochs.of(row.model) or self._epochs.of_any()

    def sweep_left(self, now: float) -> float | None:
        """Seconds of work left over the slots; an epoch costs what its model's have cost."""
        rows = list(self.rows.values())
        seconds_left = [s for row in rows if (s := self.trial_left(row, now)) is not None]
        if len(seconds_left) < len(rows):
            return None
        known = [self._cost(row, part) for row in rows for part in self._open[row.key]]
        if None in known and not any(seconds_left) and not self.to_come:
            return None  # nothing but evaluations is left, and nobody knows what they take
        judging = sum(costs := [cost or 0.0 for cost in known])
        if self.to_come:
            judging += self.to_come * self._whole(rows)
        work = sum(
            seconds / (self._pack if row.packed else 1)  # as many are trained in a slot at once
            for row, seconds in zip(rows, seconds_left, strict=True)
        )
        return max((work + judging) / self.slots, *seconds_left, *costs, 0.0)

    def _whole(self, rows: list[Row]) -> float:
        """Seconds of a trial that a search will ask for: as much as those that it has asked for.

        Their epochs are taken at the pace of now: what an earlier run took may have been on busier
        cores. A baseline is none of them, and its epochs stand for theirs only where nothing else
        is known.
        """
        alike = [row for row in rows if row.model not in BASELINES]
        paces = [self._epochs.of(row.model) or self._epochs.of_any() for row in alike or rows]
        training = [
            row.epochs * pace for row, pace in zip(alike or rows, paces, strict=True) if pace
        ]
        costs, wanted = self._parts.all(), self._evaluation.wanted()
        lacking = [self._lacking[row.key] for row in alike] or [frozenset[str]()]
        judging = [sum(costs.get(part, 0.0) for part in wanted.keys() - none) for none in lacking]
        return (fmean(training) if training else 0.0) + fmean(judging)

    def counts(self) -> tuple[int, int, int, int]:
        """Trials that are finished, stopped early, failed, and all."""
        finished, stopped, failed = (self._states[state] for state in ENDED)
        return finished, stopped, failed, len(self.rows) + self.to_come

    def new(self, texts: list[str]) -> list[str]:
        """Those that were not said yet: what holds for many trials is said once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._said]
        self._said.update(new)
        return new

    def failure(self, job: TrialJob, failure: Failure, trial: Trial) -> list[str]:
        """What is said of a failure; the first line goes behind the trial's name."""
        what, entry, trained = "", "", trial if isinstance(job, TrainJob) else None
        if isinstance(job, EvaluateJob):
            what, entry = f"evaluation ({job.entry})", job.entry
        noted, folder = failure.model_dump(), self._ledger.folder
        if failure.again_s is not None:
            then = next_try(noted, trained, self._ledger.sweep.spec.get("retries", 0))
        elif isinstance(job, EvaluateJob) and trial.state == "pending":
            then = "the trial is trained again from its newest good checkpoint, then evaluated"
        else:
            then = what_to_do(noted, trial.config, folder, running=True, entry=entry)
        first = f"{what} failed: {failure_text(noted)}".lstrip()
        if failure.again_s is not None:
            first = (f"{what}: " if what else "") + goes_on(noted, trained)
        return [first, *failure_details(noted, folder, then)]

    def _enter(self, trial: Trial, state: RowState) -> Row:
        return self._put(self._row(trial, state, time.monotonic()))

    def _put(self, row: Row) -> Row:
        before = self.rows.get(row.key)
        if before is not None:
            self._states[before.state] -= 1
        self._states[row.state] += 1
        self.rows[row.key] = row
        return row

    def _count_to_come(self, trial: Trial) -> None:
        """A search asks for trials when others begin and end; of a grid all are seen."""
        if self._wish is None and self._ledger.sweep.studies:
            unseen = set(self._ledger.planned_keys()) - self.rows.keys() - {trial.key}
            self.to_come = to_come_in(self._ledger) + len(unseen)

    def _row(self, trial: Trial, state: RowState, at: float) -> Row:
        previous = self.rows.get(trial.key)
        if previous is None:
            config = TrialConfig.from_settings(trial.config)
            name = self.names.name(config)
            previous = Row(
                trial.key, name, config.model, config.epochs, state, packed=config.packed
            )
            self._lacking[trial.key] = frozenset(p for p in PARTS if lacks(config, p) is not None)
        self._open[trial.key] = self._parts_left(trial)
        node = node_of(trial.attempts[-1]) if trial.attempts else ""
        row = replace(previous, state=state, epoch=trial.epoch, share=0.0, at=at, node=node)
        if not trial.epochs:
            return row
        last = trial.epochs[-1]
        return replace(
            row,
            loss=last.metrics.get("train/loss", last.metrics.get("train/cross_entropy")),
            probe=last.metrics.get("val/probe_accuracy", previous.probe),
            images_per_s=last.images_per_s,
            epoch_s=fmean(epoch.epoch_s for epoch in trial.epochs[-NEWEST:]),
        )

    def _resting(self, trial: Trial) -> RowState:
        if trial.state == "failed":
            return "failed"
        if not trial.is_trained:
            return "waiting"
        if open_tasks(trial, self._evaluation, self._wish):
            return "trained"
        tasks = tasks_of(trial, self._evaluation, self._wish)
        states = {trial.evaluations[task.entry].state for task in tasks}
        if "failed" in states:
            return "failed"
        return "stopped" if trial.state == "stopped" else "finished"

    def _parts_left(self, trial: Trial) -> list[str]:
        if trial.is_open:
            parts = list(self._evaluation.wanted()) if self._wish is None else []
        else:
            parts = [task.part for task in open_tasks(trial, self._evaluation, self._wish)]
        return [part for part in parts if part not in self._lacking[trial.key]]

    def _trained(self, trial: Trial, seconds: float, epochs: int) -> None:
        if (model := trial.config["model"]) != "pixels":  # whose epoch is no training
            self._epochs.add(model, seconds, epochs)

    def _evaluated(self, trial: Trial, part: str, seconds: float | None) -> None:
        if seconds is not None:
            self._parts.add(_kind(trial.config["model"], part), seconds)

    def _cost(self, row: Row, part: str) -> float | None:
        """Seconds of an evaluation; of one of raw pixels at least those of others."""
        return self._parts.of(_kind(row.model, part)) or self._parts.of(part)


def _kind(model: str, part: str) -> str:
    """What evaluations take alike: raw pixels have a hundred times the dimensions of latents."""
    return part if model != "pixels" else f"{part} of pixels"
