"""The ledger's documents: what is written down of a sweep and of each of its trials."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from orchestration.errors import UserError
from orchestration.ledger.paths import ARTIFACTS, CHECKPOINTS, LOGS
from orchestration.ledger.weights import of_final_weights
from orchestration.words import count

State = Literal["pending", "running", "finished", "stopped", "failed"]
OPEN: tuple[State, ...] = ("pending", "running")
"""Of a trial that is still to be trained, or to be trained further."""
TRAINED: tuple[State, ...] = ("finished", "stopped")
"""Of a trial whose training came to its end, its own or the one that a scheduler set."""

# Names of files are made of keys, and paths are read, sent and removed: none may leave the folder.
_STEP = r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,199}"
Key = Annotated[str, StringConstraints(pattern=f"^{_STEP}$")]
Entry = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,99}(@[0-9]{1,9})?$")]
CheckpointPath = Annotated[str, StringConstraints(pattern=f"^{CHECKPOINTS}(/{_STEP})+$")]
ArtifactPath = Annotated[str, StringConstraints(pattern=f"^{ARTIFACTS}(/{_STEP})+$")]
LogPath = Annotated[str, StringConstraints(pattern=f"^{LOGS}(/{_STEP})+$")]

DIVERGED = "loss not finite"
"""The kind of failure of settings that cannot be trained: such near them fail as well."""
DAMAGED = "checkpoint"
"""The kind of failure of an evaluation whose weights are not there as they were written."""


class Document(BaseModel):
    """Base of the ledger's documents; fields of other versions are kept as they are."""

    model_config = ConfigDict(extra="allow")


class Failure(Document):
    """Why something did not work."""

    kind: str
    message: str
    traceback: str = ""
    log: LogPath | None = None
    """File with the whole traceback, relative to the sweep's folder."""
    again_s: float | None = None
    """After so many seconds it was to be tried again; None: it was not."""
    at_once: int | None = None
    """So few jobs at a time ran from then on, for want of memory; None: as many as before."""


class Attempt(Document):
    """One go at training a trial."""

    number: int
    from_epoch: int
    reached: int | None = None
    """The last epoch that it reported; None: it has reported none, or is of 0.2 or before."""
    began: float
    ended: float | None = None
    outcome: Literal["finished", "stopped", "interrupted", "lost", "failed"] | None = None
    """lost: what it had done since its last checkpoint; the trial may be tried again."""
    failure: Failure | None = None
    """Why it was lost, without the traceback."""
    counted: bool = True
    """Whether being lost counts against ``retries``: not where the trial had no part in it."""
    worker: dict[str, Any] = {}


class Epoch(Document):
    """What an epoch reported; times apart from what has to be the same in every run."""

    epoch: int
    metrics: dict[str, float]
    images_per_s: float
    epoch_s: float
    at: float
    """When it ended, seconds since 1970."""
    best_epoch: int | None = None
    """Whose weights are kept; 0: none yet; None: the last ones are, or it is of 0.2 or before."""


class CheckpointRef(Document):
    """A checkpoint in the sweep's folder."""

    epoch: int
    path: CheckpointPath
    sha256: str
    bytes: int
    spare: bool = False
    """Kept only until the newer one has been read: for the case that it is damaged."""


class ArtifactRef(Document):
    """A picture or a table in the sweep's folder."""

    path: ArtifactPath
    sha256: str
    bytes: int


class Evaluated(Document):
    """One part of a trial's evaluation."""

    state: Literal["pending", "finished", "failed", "absent"] = "pending"
    """absent: it cannot be had here; ``error`` says why, and nothing is wrong with the trial."""
    settings: dict[str, Any] = {}
    """How it was measured; with others it is measured again."""
    metrics: dict[str, float] = {}
    artifacts: list[ArtifactRef] = []
    facts: dict[str, str | int | float] = {}
    warnings: list[str] = []
    seconds: float | None = None
    ended: float | None = None
    error: Failure | None = None


class Decision(Document):
    """What a scheduler said of a trial; it is never taken back."""

    number: int
    """Of all decisions of the sweep, in the order in which they were taken."""
    epoch: int
    rung: int  # its epoch; that of the decision itself where a scheduler has no rungs
    metric: str
    value: float
    stop: bool
    scheduler: str
    """With its settings, as ``early_stopping.identity`` gives it."""


class Trial(Document):
    """All that is known of a trial."""

    key: Key
    config: dict[str, Any]
    state: State = "pending"
    attempts: list[Attempt] = []
    epochs: list[Epoch] = []
    checkpoints: list[CheckpointRef] = []
    decisions: list[Decision] = []
    evaluations: dict[Entry, Evaluated] = {}
    """By part; those of an earlier checkpoint as ``part@epoch``."""
    error: Failure | None = None
    notes: list[str] = []
    taken_over: float | None = None  # when it came from a sweep that had trained it
    run_id: str | None = None

    @property
    def epoch(self) -> int:
        """Epochs done, those after the last checkpoint included."""
        return self.epochs[-1].epoch if self.epochs else 0

    @property
    def is_open(self) -> bool:
        """Whether it is still to be trained, or to be trained further."""
        return self.state in OPEN

    @property
    def is_trained(self) -> bool:
        """Whether its training came to its end, its own or the one that a scheduler set."""
        return self.state in TRAINED

    @property
    def has_diverged(self) -> bool:
        """Whether its training has failed because the loss became NaN or infinite."""
        return self.state == "failed" and getattr(self.error, "kind", None) == DIVERGED

    @property
    def has_failures(self) -> bool:
        """Whether its training or a part of its evaluation has failed."""
        return "failed" in (self.state, *(part.state for part in self.evaluations.values()))

    @property
    def train_s(self) -> float:
        """Seconds of training and validation behind the epochs on record."""
        return sum(epoch.epoch_s for epoch in self.epochs)

    @property
    def metrics(self) -> dict[str, float]:
        """Of the weights that it ends with; while it is trained the latest value of every one."""
        latest: dict[str, float] = {}
        for epoch in of_final_weights(self) if self.is_trained else self.epochs:
            latest |= epoch.metrics
        for entry, part in self.evaluations.items():
            if "@" not in entry:
                latest |= part.metrics
        return latest


class Sweep(Document):
    """What a sweep was started with, and where MLflow shows it."""

    name: str
    sweep_id: str
    created: float
    spec: dict[str, Any]
    plan: list[Key]
    """Keys of the trials that were planned beforehand; those of searches are in their studies."""
    studies: list[Key] = []
    """Keys of the studies in force, in the plan's order."""
    flags: dict[str, Any] = {}
    data: dict[str, str] = {}
    images: dict[str, dict[str, int]] = {}
    """Of each data set in ``data``, how many ``train`` (with validation) and ``test`` are."""
    tracking_uri: str | None = None
    experiment: str | None = None
    experiment_id: str | None = None
    parent_run_id: str | None = None
    views: list[str] = []
    """Keys of the saved views that MLflow was given."""
    outcome: Literal["running", "finished", "failed", "interrupted"] = "running"
    code: dict[str, str] = {}
    evaluations: dict[Entry, Evaluated] = {}
    """Of all trials together."""


class Ask(Document):
    """One suggestion of a study: written down before anything is done with it."""

    number: int
    params: dict[str, Any]
    """Suggested settings by their dotted names."""
    key: Key
    """Of the trial that it means."""
    origin: Literal["suggested", "enqueued"] = "suggested"
    duplicate_of: int | None = None
    """Number of the ask that meant the same trial before; None: it is the first."""


class Study(Document):
    """A search in one cell of the grid. What came of its asks stands with their trials."""

    key: Key
    name: str
    """The cell's settings, for people."""
    fixed: dict[str, Any]
    """Settings of every trial of it, nested; what is searched is not among them."""
    space: dict[str, dict[str, Any]]
    """Distributions by dotted name, in the order in which they are asked for."""
    objectives: list[dict[str, Any]]
    sampler: str
    seed: int
    startup: int
    trials: int
    """How many trials there are to be in the end."""
    learns_from_diverged: bool = False
    """Whether the sampler is told of them as the worst; studies of 0.2 and before go on without."""
    asks: list[Ask] = []
    end: Literal["complete", "exhausted", "failing"] | None = None
    """Why nothing more is asked for; None: something is, or its trials are under way."""
    winner: Key | None = None
    """Key of the best trial, once it was chosen to be replicated."""
    replicates: list[Key] = []
    """Keys of trials that repeat the winner with other seeds."""


Read = TypeVar("Read", bound=Document)


def checked(kind: type[Read], content: dict[str, Any], path: Path) -> Read:
    """A document's content, as this version understands it.

    Raises:
        UserError: it does not hold what such a document holds; it names the first few such places.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        places = [".".join(map(str, detail["loc"])) for detail in error.errors()]
        wrong = ", ".join(places[:3]) + (", …" if len(places) > 3 else "")
        said = f"is damaged ({count(len(places), 'field')} not valid: {wrong})"
        raise UserError(f"{path}: {said}") from None


def end_attempt(
    trial: Trial,
    outcome: Literal["finished", "stopped", "interrupted", "lost", "failed"],
    state: State,
    *,
    counted: bool = True,
) -> None:
    """Close a trial's current attempt and set its state.

    Args:
        trial: it is changed.
        outcome: of the attempt.
        state: of the trial.
        counted: whether being lost counts against the retries.
    """
    if trial.attempts and trial.attempts[-1].outcome is None:
        # A clock that was set back meanwhile makes no attempt that ends before it began.
        trial.attempts[-1].ended = max(time.time(), trial.attempts[-1].began)
        trial.attempts[-1].outcome = outcome
        trial.attempts[-1].counted = counted
    trial.state = state
