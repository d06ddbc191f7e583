"""``resources.cpu: auto``: how many threads each trial has, and so how many run at a time.

All trials of a sweep get the same number, as sums on other numbers of threads round otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from orchestration.ledger.ledger import Ledger
from orchestration.plan.estimate import kinds_of
from orchestration.plan.plan import Plan
from orchestration.plan.slots import Node, count_slots, makespan, this_machine
from orchestration.plan.step_times import StepS, step_times
from orchestration.plan.trials_to_come import expected_trials
from orchestration.spec.sweep import Resources, SweepSpec
from orchestration.words import count, duration

WORTH = 0.9
"""More than one thread has to bring all trials' time down to this share; less is noise."""
SHORT_S = 60.0
"""What one thread has done by then is not worth measuring further."""
BUDGET_S = 8.0
"""Once so much has gone into measuring, no third number of threads is begun, or one after it."""
AT_ONCE = 8
"""Processes that measure at once, at most: each takes a third of a gigabyte."""


class Choice(NamedTuple):
    """Threads of each trial, and why so many."""

    threads: int
    why: str


def choose_cpu(
    spec: SweepSpec,
    plan: Plan,
    datasets: Mapping[str, Dataset],
    ledger: Ledger,
    max_concurrent: int | None,
) -> Choice:
    """Choose for this machine; takes some ten seconds where something has to be measured.

    Training alone is looked at, of every trial as if its images cost what they cost in the kind of
    trial that has most to train.

    Args:
        spec: of the sweep.
        plan: its trials.
        datasets: by ``DataConfig.dataset``.
        ledger: of what has been done.
        max_concurrent: most trials at once.
    """
    if spec.resources.gpu:
        return Choice(1, "on GPUs, a step gains nothing from threads")
    trials = expected_trials(plan, ledger)
    images = {key: c.epochs * len(datasets[c.data.dataset].train) for key, c in trials.items()}
    work, node = list(images.values()), this_machine(spec.resources)
    slots = _slots(node, len(work), max_concurrent)
    promising = worth_measuring(work, slots)
    if not promising:
        return Choice(1, f"all CPUs are busy with {count(len(work), 'trial')}")
    example = _example(trials, images)
    at_once = {n: min(slots[n], len(work), AT_ONCE) for n in (1, *promising)}
    with step_times(example, datasets[example.data.dataset], at_once[1]) as seconds:
        per_image = _per_image(seconds, at_once, example.batch_size, makespan(work, slots[1]))
    return fastest(work, slots, per_image)


def fastest(
    work: Sequence[float], slots: Mapping[int, int], per_image: Mapping[int, float]
) -> Choice:
    """The number of threads with which all trials are done first; one where more gain little.

    Args:
        work: images that each trial trains on, in their order.
        slots: how many trials run at a time, by the threads of each.
        per_image: seconds, by threads, as far as they were measured.
    """
    trials = count(len(work), "trial")
    if 1 not in per_image:
        return Choice(1, "no step could be measured")
    total_s = {n: makespan(work, slots[n]) * seconds for n, seconds in per_image.items()}
    if len(total_s) == 1:
        return Choice(1, f"{trials}, trained in about {duration(total_s[1])} by one thread each")
    best = min(total_s.keys() - {1}, key=lambda n: total_s[n])
    gain = per_image[1] / per_image[best]
    gained = f"{gain:.1f}" if gain > 1 else "nothing"
    why = f"{trials}, a step gains {gained} from {best} threads"
    return Choice(best if total_s[best] < WORTH * total_s[1] else 1, why)


def worth_measuring(work: Sequence[float], slots: Mapping[int, int]) -> list[int]:
    """Numbers of threads that would be worth it if n of them were n times as fast as one.

    The most promising come first.
    """
    at_best = {threads: makespan(work, number) / threads for threads, number in slots.items()}
    more = sorted(slots, key=lambda threads: (at_best[threads], threads))
    return [threads for threads in more if at_best[threads] < WORTH * at_best[1]]


def _slots(node: Node, trials: int, max_concurrent: int | None) -> dict[int, int]:
    """By numbers of threads that may be asked for, how many trials run at a time.

    The numbers are 1, 2, 4, …, the most with which all trials still run at once, and all there are.
    """
    cpus = int(node.cpus)
    powers = [2**n for n in range(cpus.bit_length())]
    all_at_once = cpus // max(1, min(trials, max_concurrent or trials, cpus))
    return {
        threads: count_slots([node], Resources(cpu=threads), max_concurrent)
        for threads in sorted({*powers, all_at_once, cpus})
    }


def _example(trials: Mapping[str, TrialConfig], images: Mapping[str, int]) -> TrialConfig:
    """A trial of the kind that trains on most images; a baseline only where all are."""
    compared = {key: c for key, c in trials.items() if c.model not in BASELINES} or trials
    most = max(kinds_of(compared).values(), key=lambda keys: sum(images[key] for key in keys))
    return trials[most[0]]


def _per_image(
    seconds: StepS, at_once: Mapping[int, int], batch: int, images: float
) -> dict[int, float]:
    """Seconds by threads, as far as they could be measured in time.

    Args:
        seconds: what times a step.
        at_once: numbers of threads, one first, and how many trials then run at a time.
        batch: images of a step.
        images: that one thread trains on until all trials are done.
    """
    per_image: dict[int, float] = {}
    until = time.monotonic() + BUDGET_S
    for threads, processes in at_once.items():
        measured = seconds(threads, processes)
        if measured is not None:
            per_image[threads] = measured / batch
        elif threads == 1:
            break  # nothing could be compared with it
        late = len(per_image) > 1 and time.monotonic() > until
        if late or per_image[1] * images < SHORT_S:
            break
    return per_image
