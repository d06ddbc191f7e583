"""A search with real Ray: exact budgets. Killed it is in tests/faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from .conftest import Place

TRIALS = 4
SPEC = f"""\
name: search
base:
  data: {{name: digits}}
  epochs: 2
  batch_size: 128
  learning_rate: 3e-3
  architecture: {{channels: [4, 8], latent_dim: 4}}
grid:
  model: [vae, cvae]
search:
  trials: {TRIALS}
  startup: 2
  space:
    beta: {{log: [1.0e-8, 1.0e-1]}}
    lambda: {{log: [1.0e-3, 10.0]}}
    tau: {{range: [0.05, 1.0], step: 0.05}}
  objectives: [{{metric: val/probe_accuracy, direction: maximize}}]
checkpoints: {{min_interval_s: 0}}
evaluation: {{umap: false, fd: false, pictures: false, probe: false, diagnostics: false}}
"""
ONE_WORKER = ("--max-concurrent", "1")


@pytest.fixture(scope="module")
def whole(make_place: Callable[..., Place]) -> Place:
    """An undisturbed search with one worker."""
    place = make_place("a", SPEC, "search")
    place.finish(*ONE_WORKER)
    return place


def test_every_family_gets_its_budget(whole: Place) -> None:
    status = whole.status()
    assert status["counts"] | {"finished": 2 * TRIALS} == status["counts"]
    assert sum(status["counts"].values()) == 2 * TRIALS
    for study in status["studies"]:
        assert (study["state"], study["finished"], study["asked"]) == ("complete", TRIALS, TRIALS)
    for study in status["studies"]:
        own = [trial for trial in status["trials"] if trial["study"] == study["key"]]
        assert len({trial["key"] for trial in own}) == TRIALS
        best = max(own, key=lambda trial: trial["metrics"]["val/probe_accuracy"])
        assert study["best"]["values"] == [best["metrics"]["val/probe_accuracy"]]


def test_two_workers_and_more_trials(make_place: Callable[..., Place], whole: Place) -> None:
    place = make_place("c", SPEC, "search")
    shutil.copytree(whole.sweep, place.sweep)
    more = ("--set", f"search.trials={TRIALS + 1}")
    place.finish(*more)
    status = place.status()
    assert [study["finished"] for study in status["studies"]] == [TRIALS + 1] * 2
    assert len({trial["key"] for trial in status["trials"]}) == 2 * (TRIALS + 1)
    assert {trial["attempts"] for trial in status["trials"]} == {1}
    code, out = place.run("run", "sweep.yaml", *more)
    assert (code, "nothing left to do" in out) == (0, True)
