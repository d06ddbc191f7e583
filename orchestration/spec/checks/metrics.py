"""Which metrics a search or a scheduler may look at, and whether anybody computes them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cvae_core.config import TrialConfig
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.evaluation.distances.metrics import IN_TRAINING
from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.metrics import CHANGING, describe
from orchestration.spec.checks.fd_names import fd_in_training
from orchestration.spec.evaluation import Evaluation

TERMS = ("loss", "reconstruction", "kl", "contrastive")
OPEN = ("val/probe_accuracy", *(f"{split}/{term}" for split in ("val", "train") for term in TERMS))
COMPARABLE = "val/probe_accuracy or val/reconstruction"
_FD = re.compile(r"val/fd_.+-cnn(_n\d+)?")


@dataclass(frozen=True)
class Trials:
    """What is known of a sweep's trials before any is trained."""

    configs: Sequence[TrialConfig]
    """One of each cell of the grid."""
    models: frozenset[str]
    """All that occur, in the grid or in the space."""
    evaluation: Evaluation
    undecoded: bool = False
    """Whether the decoder of some trial is not trained."""
    augmented: bool = False
    """Whether some trial is trained on views."""


def sealed(name: str) -> str | None:
    """Why a metric is none for searches and schedulers, and what to write; None: it is one."""
    if name in OPEN or _FD.fullmatch(name):
        return None
    if name.startswith("time/"):
        return f"depends on the machine and its other work; write {COMPARABLE}"
    if name == "val/reconstruction_of_mean":
        return (
            f"is the same at every epoch and for every trial on the same data; write {COMPARABLE}"
        )
    metric = describe(name)
    if metric is None:
        close = difflib.get_close_matches(name, OPEN, n=1)
        choices = f"known here: {', '.join(OPEN)}, {IN_TRAINING}"
        hint = f'did you mean "{close[0]}"?' if close else choices
        return f"nobody computes {name}; {hint}"
    if metric in CHANGING:
        return f"{name} is a setting that is recorded, not a result; write {COMPARABLE}"
    if name.startswith("train/"):
        return f"{name} says how training went, not what came of it; write {COMPARABLE}"
    if name.startswith("val/"):
        return (
            f"{name} is measured by the evaluation after training, if at all, and is not there in "
            f"time; write {_stand_in(metric)}"
        )
    return (
        f"{name} is measured on the test images, which stay sealed until a trial is done; "
        f"write {_stand_in(metric)}"
    )


def _stand_in(metric: Metric) -> str:
    if metric.stand_in == IN_TRAINING:  # which is not measured unless it is asked for
        return f"{IN_TRAINING} (with evaluation: {{fd_every: 5}})"
    return metric.stand_in


def interval(name: str) -> str | None:
    """The setting of ``evaluation`` that says how often a metric is measured; None: always."""
    if name == "val/probe_accuracy":
        return "probe_every"
    return "fd_every" if _FD.fullmatch(name) else None


def measured_every(name: str, evaluation: Evaluation) -> int:
    """Epochs between two values of a metric that is not sealed; 0: it is not measured."""
    every = interval(name)
    return 1 if every is None else int(getattr(evaluation, every))


def not_computed(name: str, trials: Trials, *, needed_at_rungs: bool = False) -> str | None:
    """Why a metric is not measured in some trial of the sweep; None: it is, in all.

    Args:
        name: of a metric that is not sealed.
        trials: of the sweep.
        needed_at_rungs: whether a scheduler has it measured where it needs it in any case.
    """
    if name.endswith("/contrastive") and "vae" in trials.models:
        return (
            "is nothing that a VAE has, and the sweep has VAEs; leave them out, or write "
            f"{COMPARABLE}"
        )
    fd = _FD.fullmatch(name)
    if trials.undecoded and (name.endswith("/reconstruction") or fd is not None):
        return (
            "is not measured where weights.reconstruction is 0, as no decoder is trained there; "
            "leave those trials out, or write val/probe_accuracy"
        )
    if not measured_every(name, trials.evaluation) and not needed_at_rungs:
        every = interval(name)
        return f"is not computed with evaluation.{every}: 0; write evaluation: {{{every}: 5}}"
    return None if fd is None else _other_fd(name, trials)


def _other_fd(name: str, trials: Trials) -> str | None:
    """Why a Fréchet distance of this name is not measured in some trial."""
    n = trials.evaluation.settings_of(FD.name).n
    for config in trials.configs:
        data = config.data
        pattern, written = fd_in_training(data, n)
        if not re.fullmatch(pattern, name):
            return (
                f"is not computed for {data.name}: with validation_fraction: "
                f"{data.validation_fraction:g} and fd: {{n: {n}}} it is {written} there; a sweep "
                "that looks at it has one data set and one validation_fraction"
            )
    return None


def not_comparable(metric: Metric, name: str, varied: Iterable[str], trials: Trials) -> str | None:
    """Why a metric cannot compare trials that differ in these settings; None: it can."""
    changing = metric.changed_by(
        varied, contrastive="cvae" in trials.models, augmented=trials.augmented
    )
    if not changing:
        return None
    better = "val/probe_accuracy" if name.endswith("/reconstruction") else COMPARABLE
    return (
        f"means something else for every {', '.join(changing)}, which the trials differ in; "
        f"write {better}"
    )
