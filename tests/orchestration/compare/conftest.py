from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.settings import merge
from orchestration.ledger.documents import (
    Ask,
    Attempt,
    Decision,
    Epoch,
    Evaluated,
    Failure,
    Study,
    Sweep,
    Trial,
)
from orchestration.ledger.ledger import Ledger
from orchestration.spec.dimensions import Dimension
from orchestration.spec.flat_names import nested_of
from orchestration.spec.trial_key import trial_key

ACCURACY = {"metric": "val/probe_accuracy", "direction": "maximize"}
RECONSTRUCTION = {"metric": "val/reconstruction", "direction": "minimize"}
BETA = Dimension("beta", "float", low=1e-8, high=1e-1, log=True)
TAU = Dimension("tau", "float", low=0.05, high=1.0)
START = 1e9


class Searches:
    """A ledger with studies, written by hand as a driver writes it."""

    def __init__(
        self, folder: Path, objectives: Sequence[Mapping[str, str]] = (ACCURACY,), cpu: int = 1
    ) -> None:
        self.objectives = [dict(each) for each in objectives]
        spec = {"resources": {"cpu": cpu}, "search": {"trials": 12}}
        sweep = Sweep(name=folder.name, sweep_id="1", created=START, spec=spec, plan=[])
        self.ledger = Ledger.create(folder, sweep)

    def study(self, name: str, space: Sequence[Dimension] = (BETA,), **fixed: Any) -> Study:
        """A study without asks; its key is its name's."""
        settings = TrialConfig.from_settings(nested_of(fixed)).to_settings()
        for dimension in space:
            settings.pop(dimension.name, None)
        study = Study(
            key=f"key of {name}",
            name=name,
            fixed=settings,
            space={dimension.name: dimension.to_json() for dimension in space},
            objectives=self.objectives,
            sampler="tpe",
            seed=0,
            startup=10,
            trials=12,
        )
        self.ledger.save_study(study)
        self.ledger.sweep.studies.append(study.key)
        self.ledger.save_sweep()
        return study

    def trial(
        self,
        study: Study,
        value: float | Sequence[float] | None,
        state: Any = "finished",
        *,
        cost: float = 1.0,
        ended: float | None = None,
        test: Mapping[str, float] | None = None,
        replicate: bool = False,
        **params: Any,
    ) -> Trial:
        """One more ask of a study, and its trial of two epochs.

        Args:
            study: that asked.
            value: of each objective; None: none was measured.
            state: of the trial.
            cost: its seconds of training.
            ended: seconds after the start; left out: after as many as there were trials before.
            test: what its evaluation found.
            replicate: it repeats the winner and is no ask.
            params: what was suggested; β by default, another one each time.
        """
        number = len(study.asks)
        params = params or {"beta": (number + 1) / 1000}
        settings = merge(study.fixed, nested_of(params))
        if replicate:
            settings["seed"] = 100 + len(study.replicates)
        config = TrialConfig.from_settings(settings)
        key = trial_key(config)
        if replicate:
            study.replicates.append(key)
        else:
            study.asks.append(Ask(number=number, params=params, key=key))
        self.ledger.save_study(study)
        values = [value] if isinstance(value, float) else list(value or ())
        names = [objective["metric"] for objective in self.objectives]
        metrics = dict(zip(names, values, strict=False))
        at = START + (len(self.ledger.trials) if ended is None else ended)
        trial = Trial(key=key, config=config.to_settings(), state=state)
        done = state in ("finished", "stopped", "failed")
        if state != "pending":
            trial.attempts = [Attempt(number=1, from_epoch=0, began=START)]
            trial.epochs = [
                Epoch(epoch=n, metrics=m, images_per_s=9.0, epoch_s=cost / 2, at=at - 2 + n)
                for n, m in ((1, {}), (2, metrics))
            ]
        if done:
            trial.attempts[0].ended, trial.attempts[0].outcome = at, state
        if state == "failed":
            trial.error = Failure(kind="error", message="it broke")
        if state == "stopped":
            rung = {"epoch": 2, "rung": 2, "metric": names[0], "value": values[0], "stop": True}
            number = len(self.ledger.trials)
            trial.decisions = [Decision(number=number, scheduler="asha", **rung)]
        if test:
            trial.evaluations["probe"] = Evaluated(state="finished", metrics=dict(test))
        self.ledger.save(trial)
        return trial

    def duplicate(self, study: Study, of: int) -> None:
        """The study asks again for what it has asked for before."""
        asked = study.asks[of]
        again = {"number": len(study.asks), "duplicate_of": of}
        study.asks.append(asked.model_copy(update=again))
        self.ledger.save_study(study)

    def read(self) -> Ledger:
        """As another process reads it."""
        return Ledger.open(self.ledger.folder)


@pytest.fixture
def searches(tmp_path: Path) -> Callable[..., Searches]:
    """``searches("name", objectives=…, cpu=…)``: a ledger of that name."""

    def make(name: str = "found", **settings: Any) -> Searches:
        return Searches(tmp_path / name, **settings)

    return make
