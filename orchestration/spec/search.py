"""The sections ``search`` and ``scheduler`` of a sweep file, as they stand there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Strict

from orchestration.spec.settings import FORBID

Int = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Direction = Literal["minimize", "maximize"]
Sampler = Literal["tpe", "random"]


class Parameter(BaseModel):
    """One setting that is searched: exactly one of ``log``, ``range`` and ``choice``."""

    model_config = FORBID
    log: list[Number] | None = Field(None, description="[lowest, highest], on a logarithmic scale")
    range: list[Number] | None = Field(None, description="[lowest, highest]")
    step: Number | None = Field(None, description="of a range: its values are so far apart")
    choice: list[Any] | None = Field(None, description="one of these values")
    when: dict[str, Any] = Field(
        {}, description="searched only where these settings have these values (or one of a list)"
    )


class Objective(BaseModel):
    """What the best trial is best at."""

    model_config = FORBID
    metric: str = Field(
        description="`val/probe_accuracy`, `val/fd_<data>-cnn`, or `loss`, `reconstruction`, "
        "`kl`, `contrastive` of `train/` or `val/`"
    )
    direction: Direction | None = Field(
        None, description="left out: the one that is better by `docs/metrics.md`"
    )

    @property
    def sign(self) -> int:
        """1 where larger is better, else -1."""
        return 1 if self.direction == "maximize" else -1


class Search(BaseModel):
    """Trials that are asked for one after another, one study per cell of the grid."""

    model_config = FORBID
    sampler: Sampler = Field("tpe", description="tpe: Optuna's, multivariate; random: no model")
    seed: Annotated[Int, Field(ge=0, lt=2**32)] = Field(
        0,
        description="of the suggestions; families begin with the same ones",
    )
    startup: Annotated[Int, Field(ge=1)] = Field(
        10, description="tpe: so many trials are random before it learns"
    )
    trials: Annotated[Int, Field(ge=1, le=100_000)] = Field(
        description="configurations that are trained in the end, each another one, in every study"
    )
    space: dict[str, Parameter] = Field(description="what is searched: setting to its values")
    objectives: list[Objective] = Field(
        [Objective(metric="val/probe_accuracy", direction="maximize")],
        description="what the best is best at; several: the trials that no other one beats in all",
    )
    enqueue: list[dict[str, Any]] = Field(
        [], description="points to begin with; settings that one leaves out are suggested"
    )
    replicates: Annotated[Int, Field(ge=0, le=1000)] = Field(
        0, description="train each study's best again with so many new seeds, when it is known"
    )

    @property
    def learns(self) -> bool:
        """Whether its sampler learns from what was tried, so that ``startup`` means something."""
        return self.sampler != "random"


class Scheduler(BaseModel):
    """Stops trials early that do worse than the others of their study, or of the grid."""

    model_config = FORBID
    name: Literal["asha", "median"] = Field(
        description="asha: successive halving at rungs; median: worse than the median so far"
    )
    metric: str = Field(
        "val/probe_accuracy", description="`val/…` that means the same for every trial"
    )
    grace_epochs: Annotated[Int, Field(ge=1)] = Field(
        5, description="every trial may train so long"
    )
    reduction: Annotated[Int, Field(ge=2)] = Field(
        3, description="asha: one in so many goes on; the rungs are this factor apart"
    )
    min_trials: Annotated[Int, Field(ge=1, le=100_000)] = Field(
        3, description="median: so many other trials have to have come so far"
    )
    seed: Annotated[Int, Field(ge=0)] = Field(
        0, description="of the order in which a grid's trials are trained"
    )
