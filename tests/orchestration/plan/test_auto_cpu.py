"""How many threads each trial has where the sweep's file leaves it open."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cvae_core.baselines import BASELINES
from cvae_core.data import Dataset
from orchestration.ledger.ledger import Ledger
from orchestration.plan import auto_cpu as module
from orchestration.plan.auto_cpu import WORTH, choose_cpu, fastest, worth_measuring
from orchestration.plan.plan import make_plan
from orchestration.plan.slots import Node
from orchestration.plan.step_times import step_times
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
NOTHING = Ledger.open_or_empty(Path("not begun"))
SMALL = "architecture: {channels: [4, 8], latent_dim: 4}, batch_size: 64"


def slots_of(cpus: int, trials: int, most: int | None) -> dict[int, int]:
    return module._slots(Node(cpus, 0), trials, most)


def made_up_gains(cpus: int, chance: random.Random) -> dict[int, float]:
    """How many times as fast as with one thread a step is, never more than by their number."""
    return {n: 1 + (n - 1) * chance.choice([0.0, 0.3, 0.8, 1.0]) for n in range(1, cpus + 1)}


@pytest.mark.parametrize(
    ("cpus", "most"), list(itertools.product([1, 2, 3, 4, 6, 8], [None, 1, 2]))
)
def test_the_choice_against_every_other_one(cpus: int, most: int | None) -> None:
    chance = random.Random(cpus)
    for trials in range(1, 14):
        gains = made_up_gains(cpus, chance)
        slots = slots_of(cpus, trials, most)
        per_image = {n: 1 / gains[n] for n in slots}
        choice = fastest([10.0] * trials, slots, per_image).threads
        # Equal trials run in rounds, of which the last one takes as long as the others.
        rounds = {n: math.ceil(trials / min(cpus // n, most or cpus)) for n in slots}
        took = {n: rounds[n] / gains[n] for n in slots}
        shortest = min(took.values())
        assert took[choice] == pytest.approx(shortest) or choice == 1
        assert (choice == 1) == (shortest > WORTH * took[1] - 1e-9)
        # What is not measured would not have been chosen.
        assert choice in {1, *worth_measuring([10.0] * trials, slots)}


@pytest.mark.parametrize(
    ("work", "expected"),
    [([10.0], 4), ([10.0] * 2, 2), ([10.0] * 4, 1), ([10.0] * 5, 4), ([10.0] * 4 + [0.5], 1)],
)
def test_four_cpus_and_steps_that_scale_with_threads(work: list[float], expected: int) -> None:
    """The fifth equal trial would have a round for itself; one that is nearly over does not."""
    slots = slots_of(4, len(work), None)
    assert fastest(work, slots, {n: 1 / n for n in slots}).threads == expected


@pytest.mark.parametrize(
    ("cpus", "trials", "most", "expected"),
    [
        (6, 12, None, {1: 6, 2: 3, 4: 1, 6: 1}),
        (6, 2, None, {1: 6, 2: 3, 3: 2, 4: 1, 6: 1}),
        (6, 12, 2, {1: 2, 2: 2, 3: 2, 4: 1, 6: 1}),
        (1, 5, None, {1: 1}),
    ],
)
def test_the_numbers_of_threads_that_may_be_asked_for(
    cpus: int, trials: int, most: int | None, expected: dict[int, int]
) -> None:
    assert slots_of(cpus, trials, most) == expected


def test_why_in_words() -> None:
    slots = slots_of(2, 3, None)
    assert fastest([1.0] * 3, slots, {1: 1.0, 2: 0.6}) == (
        *(2, "3 trials, a step gains 1.7 from 2 threads"),
    )
    assert fastest([1.0] * 3, slots, {1: 1.0, 2: 1.5}).why.endswith("gains nothing from 2 threads")
    short = fastest([30.0], slots, {1: 1.0})
    assert short == (1, "1 trial, trained in about 0:30 by one thread each")
    assert fastest([30.0], slots, {}) == (1, "no step could be measured")


def test_a_number_of_threads_that_cannot_be_measured_is_passed_over() -> None:
    def per_image(seconds: dict[int, float]) -> dict[int, float]:
        at_once = {1: 8, 128: 1, 64: 2}
        return module._per_image(lambda n, _: seconds.get(n), at_once, 10, 1e6)

    assert per_image({1: 20.0, 64: 10.0}) == {1: 2.0, 64: 1.0}
    assert per_image({128: 20.0, 64: 10.0}) == {}


@pytest.mark.parametrize(
    ("text", "cpus", "why"),
    [
        ("seeds: [0, 1, 2, 3]", 2, "all CPUs are busy with 4 trials"),
        ("seeds: [0]\nresources: {gpu: 1}", 8, "on GPUs"),
    ],
)
def test_nothing_is_measured_where_the_answer_is_known(
    load: Load, small: Dataset, monkeypatch: pytest.MonkeyPatch, text: str, cpus: int, why: str
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: cpus)
    monkeypatch.setattr(module, "step_times", lambda *_: pytest.fail("measured"))
    spec = load(f"name: a\nbaselines: false\n{text}")
    choice = choose_cpu(spec, make_plan(spec), {"digits": small}, NOTHING, None)
    assert choice.threads == 1
    assert choice.why.startswith(why)


def test_the_kind_that_has_most_to_train_is_measured(load: Load) -> None:
    spec = load(
        "name: a\nbaselines: [pca, supervised]\nbase: {epochs: 2}\n"
        "grid: [{model: [vae], epochs: [9]}, {model: [cvae], beta: [1, 2, 3]}]"
    )
    trials = make_plan(spec).trials
    assert {config.model for config in trials.values()} > {"vae", "cvae", "supervised"}
    images = {key: 99 if c.model in BASELINES else c.epochs for key, c in trials.items()}
    assert module._example(trials, images).model == "vae"


@pytest.mark.slow
@pytest.mark.program
def test_steps_are_timed_in_processes_that_end(
    load: Load, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config,) = make_plan(load(f"name: a\nbaselines: false\nbase: {{{SMALL}}}")).trials.values()
    with step_times(config, small, 1) as seconds:
        assert seconds(0, 1) is None, "which PyTorch refuses; the next one is measured"
        measured = seconds(1, 1)
        running = seconds.args[0]  # type: ignore[attr-defined]
        assert [process.poll() for process in running] == [None]
    assert measured is not None
    assert 0 < measured < 1
    assert all(process.poll() is not None for process in running)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with step_times(config, small, 2) as seconds:
        assert seconds(1, 2) is None
