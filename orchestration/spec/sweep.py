"""A sweep file, as pydantic models: the sections besides ``base``, ``grid`` and the search."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from cvae_core.settings import merge
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.layers import nested
from orchestration.spec.reported import Reported
from orchestration.spec.search import Int, Number, Scheduler, Search
from orchestration.spec.settings import FORBID

MAX_TRIALS = 100_000
BaselineName = Literal["pca", "pixels", "untrained", "supervised"]
LABEL = re.compile(r"([a-z0-9._/-]+=)?[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.I | re.A)
"""A label of Ray's, as a sweep file names it: its value alone, or its key and value."""


def _label(text: str) -> str:
    if LABEL.fullmatch(text):
        return text
    raise PydanticCustomError(
        "label", "must be a label of Ray's, such as fast or zone=b (letters, digits, - _ .)"
    )


def _cpus(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """One error instead of one for each of the two kinds that it may be."""
    try:
        return validate(value)
    except ValidationError:
        raise PydanticCustomError("cpu_type", "must be a whole number from 1, or auto") from None


class Resources(BaseModel):
    """What one trial gets, or one pack of trials."""

    model_config = FORBID
    cpu: Annotated[Annotated[Int, Field(ge=1)] | Literal["auto"], WrapValidator(_cpus)] = Field(
        1,
        description="CPUs, and threads, of one trial; auto: chosen when the sweep begins "
        "(`docs/performance.md`)",
    )
    gpu: Annotated[Number, Field(ge=0, le=1)] = Field(
        0, description="a GPU for each trial, or the share of one: 0.25 lets four trials use it"
    )
    pack: Annotated[Int, Field(ge=1, le=1024)] = Field(
        1,
        description="how many trials of one shape are trained at once in one process, as one model "
        "(`docs/performance.md`); needs `gpu`, and is of no use in a search. Trials that cannot be "
        "trained so are trained alone",
    )
    pool: Annotated[str, AfterValidator(_label)] | None = Field(
        None,
        description="place trials only on the nodes of a cluster that have this Ray label: `fast` "
        "means `pool=fast` (`docs/cluster.md`)",
    )

    @property
    def threads(self) -> int:
        """Of one trial; 1 while ``auto`` is still to be chosen, so that most fit at once."""
        return 1 if self.cpu == "auto" else self.cpu


class Checkpoints(BaseModel):
    """Which checkpoints stay, besides the last."""

    model_config = FORBID
    every_epochs: Annotated[Int, Field(ge=1)] | None = Field(
        None, description="also keep the checkpoint of every n-th epoch"
    )
    keep: Annotated[Int, Field(ge=1)] | Literal["all"] = Field(
        "all", description="how many of those stay: the newest so many, or all"
    )
    min_interval_s: Annotated[Number, Field(ge=0)] = Field(
        5.0, description="seconds between two writes of the rolling last checkpoint, at least"
    )
    max_gb: Annotated[Number, Field(gt=0)] | None = Field(
        None,
        description="gigabytes (10^9 bytes) that all checkpoints of the sweep may take together; "
        "the oldest go first, the last and the best of each trial stay",
    )


class SweepSpec(BaseModel):
    """A sweep file after validation."""

    model_config = FORBID
    name: str = Field(description="of the sweep; it names the folder and the MLflow experiment")
    base: dict[str, Any] = Field({}, description="settings of every trial")
    grid: list[dict[str, list[Any]]] = Field(
        [{}],
        description="lists of values, of which every combination is a trial; combinations that "
        "compute the same thing are one. A list of such mappings is their union",
    )
    seeds: list[int] = Field([0], description="each combination is trained with each of these")
    resources: Resources = Field(Resources(), description="what one trial gets")
    checkpoints: Checkpoints = Field(
        Checkpoints(), description="which checkpoints stay, besides the last"
    )
    evaluation: Evaluation = Field(Evaluation(), description="what is measured besides the losses")
    search: Search | None = Field(
        None, description="trials asked for one after another, in every cell of the grid"
    )
    scheduler: Scheduler | None = Field(None, description="stops trials early that do badly")
    baselines: bool | list[BaselineName] = Field(
        True,
        description="models that are trained and measured besides, to compare with: all (true), "
        "none (false) or a list of pca, pixels, untrained, supervised (`docs/arms.md`); only where "
        "the evaluation measures something of them",
    )
    paper: list[Reported] = Field(
        [], description="figures reported elsewhere, which `compare` and `report` show beside ours"
    )
    retries: int = Field(
        2, description="how often a trial is tried again when its worker is lost, or out of memory"
    )

    def cells(self) -> Iterator[dict[str, Any]]:
        """Every combination of grid and seeds, in order, as nested settings over ``base``."""
        for number in range(len(self.grid)):
            yield from self.cells_of(number)

    def cells_of(self, number: int) -> Iterator[dict[str, Any]]:
        """Those of one of the grids."""
        grid = self.grid[number]
        for values in itertools.product(*grid.values()):
            settings = self.base
            for path, value in zip(grid, values, strict=True):
                settings = merge(settings, nested(path.split("."), value))
            for seed in self.seeds:
                yield merge(settings, {"seed": seed})
