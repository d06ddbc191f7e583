"""Progress as plain lines."""

from __future__ import annotations

import time

from cvae_core.config import TrialConfig
from orchestration.console import Console
from orchestration.jobs import Job, Report
from orchestration.ledger import Ledger, Trial

QUIET_S = 2.0


class Progress:
    """Prints what happens to trials; between epochs at most one line per trial in two seconds.

    Args:
        console: where lines go.
        ledger: of the sweep.
        slots: trials that run at once.
    """

    def __init__(self, console: Console, ledger: Ledger, slots: int) -> None:
        self._console = console
        self._ledger = ledger
        self._slots = slots
        self._printed: dict[str, float] = {}
        self._names = {trial.key: trial_name(trial) for trial in ledger.planned()}
        self._width = max(map(len, self._names.values()), default=0)

    def __call__(self, job: Job, report: Report | None, trial: Trial) -> None:
        """Take notice of a job's start (no report) or of a report."""
        if report is None:
            if job.kind == "train":
                self._say(trial, _start_text(job))
        elif report.kind == "failed":
            self._say(trial, _failure_text(job, report, trial))
        elif report.kind == "evaluated":
            metrics = "  ".join(f"{name} {value:.4g}" for name, value in report.metrics.items())
            self._say(trial, f"{metrics}  ({self._counts()})")
        elif report.epoch is not None:
            self._epoch(report, trial)

    def _epoch(self, report: Report, trial: Trial) -> None:
        for note in report.notes if trial.epoch == report.from_epoch + 1 else []:
            self._say(trial, note)
        now = time.monotonic()
        if not report.final and now - self._printed.get(trial.key, 0.0) < QUIET_S:
            return
        self._printed[trial.key] = now
        last = trial.epochs[-1]
        text = (
            f"epoch {last.epoch}/{trial.config['epochs']}  loss {last.metrics['train/loss']:.5f}"
            f"  val {last.metrics['val/loss']:.5f}"
        )
        if "val/probe_accuracy" in trial.metrics:
            text += f"  probe {trial.metrics['val/probe_accuracy']:.3f}"
        text += f"  {last.images_per_s:,.0f} images/s"
        if report.final:
            text += f"  trained in {duration(trial.train_s)}"
        else:
            left = (trial.config["epochs"] - last.epoch) * trial.train_s / len(trial.epochs)
            text += f"  {duration(left)} left, sweep {duration(self._sweep_left())}"
        self._say(trial, text)

    def _sweep_left(self) -> float:
        """Seconds of work left over the slots; an epoch costs what its model's have cost."""
        trials = self._ledger.planned()
        spent: dict[str, list[float]] = {}
        for trial in trials:
            spent.setdefault(trial.config["model"], []).extend(e.epoch_s for e in trial.epochs)
        means = {model: sum(times) / len(times) for model, times in spent.items() if times}
        overall = sum(means.values()) / len(means)
        left = [
            (trial.config["epochs"] - trial.epoch) * means.get(trial.config["model"], overall)
            for trial in trials
            if trial.state in ("pending", "running")
        ]
        return float(max(sum(left) / self._slots, *left, 0.0))

    def _counts(self) -> str:
        trials = self._ledger.planned()
        ended = sum(trial.state in ("finished", "stopped", "failed") for trial in trials)
        return f"{ended} of {len(trials)} trials done"

    def _say(self, trial: Trial, text: str) -> None:
        name = self._names.setdefault(trial.key, trial_name(trial))
        self._console.line(f"{trial.key}  {name:<{self._width}}  {text}")


def trial_name(trial: Trial) -> str:
    """The settings by which a person knows a trial."""
    config = TrialConfig.from_settings(trial.config)
    name = f"{config.model:<4} β={config.beta:g}"
    if config.model == "cvae":
        name += f" λ={config.lambda_:g} τ={config.tau:g}"
    return f"{name} seed={config.seed}"


def duration(seconds: float) -> str:
    """Such as ``1:02:03`` or ``0:07``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def _start_text(job: Job) -> str:
    if job.checkpoints:
        return f"continues after epoch {job.checkpoints[0]['epoch']} (attempt {job.attempt})"
    return "begins" if job.attempt == 1 else f"begins again (attempt {job.attempt})"


def _failure_text(job: Job, report: Report, trial: Trial) -> str:
    failure = report.failure or {"kind": "error", "message": ""}
    what = "failed" if job.kind == "train" else f"evaluation ({job.part}) failed"
    then = "; it is tried again" if trial.state == "pending" else ""
    return f"{what}: {failure['kind']}: {failure['message']}{then}"
