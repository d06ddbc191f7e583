"""How long a sweep will take: what is measured once, and how it is added up."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.parts import PARTS
from orchestration.ledger.documents import Evaluated
from orchestration.ledger.ledger import Ledger
from orchestration.plan import calibrate as calibrate_module
from orchestration.plan import estimate as module
from orchestration.plan.calibrate import Cost, calibrate, mean, part_seconds, seconds_of
from orchestration.plan.estimate import START_S, Kind, estimate, estimate_document, kinds_of
from orchestration.plan.estimate_view import estimate_line, precision_line
from orchestration.plan.plan import make_plan
from orchestration.plan.slots import makespan
from orchestration.spec.sweep import SweepSpec
from tests.orchestration.written import Written

pytestmark = pytest.mark.slow

Load = Callable[..., SweepSpec]
SMALL = "architecture: {channels: [4, 8], latent_dim: 4}, batch_size: 64"
OFF = ", ".join(f"{part}: false" for part in PARTS if part != "probe")
NOTHING = Ledger.open_or_empty(Path("not begun"))
COST = Cost(epoch_s=2.0, images_per_s=100.0, validation_probe_s=0.5, part_s={"probe": 3.0})


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every kind of trial costs ``COST``; the models that were measured."""
    measured: list[str] = []

    class Inline:
        def __init__(self, n_jobs: int) -> None:
            self.n_jobs = n_jobs

        def __enter__(self) -> Inline:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __call__(self, calls: object) -> list[Cost]:
            return [COST for _ in calls]  # type: ignore[attr-defined]

    def delayed(_: object) -> Callable[..., None]:
        return lambda config, *_, **__: measured.append(config.model)

    monkeypatch.setattr(module, "Parallel", Inline)
    monkeypatch.setattr(module, "delayed", delayed)
    return measured


def test_what_costs_the_same_is_measured_once(load: Load) -> None:
    spec = load(
        "name: a\nbaselines: false\ngrid: {model: [vae, cvae], beta: [1, 2], tau: [0.1, 1], "
        "learning_rate: [1, 2], batch_size: [64, 128], stages: [[], [{epochs: 5, beta: 3}, {}]]}\n"
        "seeds: [0, 1]"
    )
    plan = make_plan(spec)
    kinds = list(kinds_of(plan.trials).values())
    assert sorted(len(keys) for keys in kinds) == [16, 16, 32, 32]
    for keys in kinds:
        assert len({(plan.trials[k].model, plan.trials[k].batch_size) for k in keys}) == 1


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_trials_go_to_the_slot_that_is_free_first(slots: int) -> None:
    chance = random.Random(slots)
    seconds = [chance.uniform(0, 10) for _ in range(20)]
    clocks = [0.0] * slots
    for duration in seconds:
        first = clocks.index(min(clocks))
        clocks[first] += duration
    assert makespan(seconds, slots) == pytest.approx(max(clocks))


def test_the_sum(load: Load, small: Dataset, fixed: list[str]) -> None:
    spec = load(
        "name: a\nbaselines: false\nbase: {epochs: 7}\ngrid: {model: [vae, cvae], beta: [1, 2]}\n"
        f"evaluation: {{probe_every: 3, {OFF}}}"
    )
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1)
    # Seven epochs, probes after 3, 6 and 7, and the evaluation.
    one = 7 * 2.0 + 3 * 0.5 + 3.0
    assert list(made.trial_s.values()) == [one] * 4
    assert made.sweep_s == 4 * one + START_S
    assert set(fixed) == {"vae", "cvae"}


def test_raw_pixels_come_first_as_in_the_sweep(
    load: Load, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costs(_spec: object, groups: list[list[str]], trials: Any, *_: object) -> list[Kind]:
        probes = {"pixels": 30.0, "vae": 10.0}
        found = []
        for keys in groups:
            example = trials[keys[0]]
            cost = Cost(0.0, 1.0, 0.0, {"probe": probes[example.model]})
            found.append(Kind(example, keys, cost, probes[example.model]))
        return found

    monkeypatch.setattr(module, "_calibrated", costs)
    monkeypatch.setattr(module, "count_slots", lambda *_: 2)
    spec = load(
        f"name: a\nbaselines: [pixels]\nbase: {{model: vae}}\nseeds: [0, 1, 2]\n"
        f"evaluation: {{probe_every: 0, {OFF}}}"
    )
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, None)
    assert sorted(made.trial_s.values()) == [10.0, 10.0, 10.0, 30.0]
    assert made.sweep_s == 30.0 + START_S, "and not 40, as if they came last"


@pytest.mark.parametrize(
    ("images", "few", "more", "seconds"),
    [
        (45_000, (500, 0.1), (5_000, 1.0), 9.0),
        (45_000, (500, 3.1), (5_500, 4.1), 12.0),  # of which 3 seconds whatever there is
        (45_000, (500, 3.0), (5_000, 3.0), 3.0),
        (45_000, (500, 3.2), (5_000, 3.0), 3.0),  # they cannot grow less than that
        (45_000, (500, 0.01), (5_000, 1.0), 9.0),  # a first epoch that was lucky
        (45_000, (500, 1.0), (400, 0.8), 90.0),  # too slow for more of them
        (400, (500, 1.0), (400, 0.8), 0.8),
    ],
)
def test_an_epoch_of_all_images_from_two_of_fewer(
    images: int, few: tuple[int, float], more: tuple[int, float], seconds: float
) -> None:
    assert seconds_of(images, few, more) == pytest.approx(seconds)


def test_distances_in_training(load: Load, small: Dataset, fixed: list[str]) -> None:
    spec = load(
        "name: a\nbaselines: false\nbase: {model: cvae, epochs: 7}\n"
        "grid: {weights.reconstruction: [1, 0]}\n"
        f"evaluation: {{probe: false, probe_every: 0, fd_every: 3, {OFF}}}"
    )
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1)
    # After 3, 6 and 7, on the 16 images held out of 160; without a decoder there is none.
    fd = PARTS["fd"]
    assert list(made.trial_s.values()) == pytest.approx(
        [14 + 3 * 0.016 * fd.seconds.per_thousand, 14]
    )
    assert made.sweep_s == pytest.approx(sum(made.trial_s.values()) + START_S + fd.once.of(160))


def test_what_the_first_trial_prepares_is_by_the_images_it_looks_at(
    load: Load, small: Dataset, fixed: list[str], written: Callable[..., Written]
) -> None:
    spec = load(
        "name: a\nbaselines: false\nbase: {epochs: 7}\n"
        f"evaluation: {{probe_every: 0, probe: false, {OFF.replace('fid: false', 'fid: {n: 50}')}}}"
    )
    fid = PARTS["fid"]
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1)
    (trial_s,) = made.trial_s.values()
    assert made.sweep_s == pytest.approx(trial_s + START_S + fid.once.of(50 + 100))
    done = written("a")
    trial = done.trial(seed=7)
    trial.evaluations["fid"] = Evaluated(state="finished", metrics={}, seconds=1.0)
    done.ledger.save(trial)
    made = estimate(spec, make_plan(spec), {"digits": small}, done.read(), 1)
    assert made.sweep_s == pytest.approx(trial_s + START_S)


def test_a_bound_takes_as_long_as_its_samples_and_images_ask_for() -> None:
    iwae = PARTS["iwae"]
    usual = part_seconds("iwae", COST, 10_000, iwae.settings())
    assert part_seconds("iwae", COST, 10_000, iwae.settings(samples=128, n=500)) == usual
    assert part_seconds("iwae", COST, 100, iwae.settings()) == pytest.approx(usual / 10)


def test_a_course_whose_settings_beside_its_stages_train_nothing(small: Dataset) -> None:
    nothing = {"model": "cvae", "beta": 0, "lambda": 0, "weights": {"reconstruction": 0}}
    stages = [{"epochs": 2, "lambda": 0.1}, {"beta": 1e-3, "weights": {"reconstruction": 1}}]
    config = TrialConfig.from_settings({**nothing, "epochs": 4, "stages": stages})
    assert calibrate(config, small, threads=1, gpu=False).epoch_s > 0


def test_what_is_not_asked_for_costs_nothing(load: Load, small: Dataset, fixed: list[str]) -> None:
    spec = load(
        "name: a\nbaselines: false\nbase: {epochs: 7}\nevaluation: {probe: false, probe_every: 0, "
        + OFF
        + "}"
    )
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1)
    assert list(made.trial_s.values()) == [14.0]


def test_what_is_done_is_not_counted(
    local_sweep: Callable[..., object], small: Dataset, fixed: list[str]
) -> None:
    sweep = local_sweep(grid={"beta": [1.0, 2.0]})
    sweep.run(stop_after=4)  # type: ignore[attr-defined]
    ledger = sweep.open()  # type: ignore[attr-defined]
    made = estimate(sweep.spec, sweep.plan, {"digits": small}, ledger, 1)  # type: ignore[attr-defined]
    # The first is done with its three epochs and evaluated; one of the second is done.
    assert list(made.trial_s.values()) == [0.0, 2 * 2.0 + 0.5 + 3.0]
    fixed.clear()
    sweep.run()  # type: ignore[attr-defined]
    made = estimate(sweep.spec, sweep.plan, {"digits": small}, sweep.open(), 1)  # type: ignore[attr-defined]
    assert made.sweep_s == 0
    assert fixed == [], "nothing is left that would have to be measured"
    assert estimate_line(estimate_document(made)) == "nothing is left to train or to evaluate"


@pytest.mark.parametrize("what", ["base: {selection: {patience: 3}}", "scheduler: {name: asha}"])
def test_early_stopping_makes_it_an_upper_limit(
    load: Load, small: Dataset, fixed: list[str], what: str
) -> None:
    spec = load(f"name: a\nbaselines: false\n{what}")
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1)
    assert estimate_line(estimate_document(made)).startswith("at most about")


@pytest.mark.parametrize(
    ("flags", "asked", "said"),
    [
        ("avx512_bf16", "float32", "bfloat16 (avx512_bf16): precision: bfloat16 would be faster"),
        ("avx512_bf16", "bfloat16", None),
        ("avx512f", "float32", None),
        ("avx512f", "bfloat16", "no instructions for bfloat16: precision: float32 would be faster"),
    ],
)
def test_a_faster_precision_is_named(
    load: Load,
    small: Dataset,
    fixed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: str,
    asked: str,
    said: str | None,
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t: fpu {flags} vme\n")
    monkeypatch.setattr("orchestration.machine.CPU_INFO", tmp_path / "cpuinfo")
    text = f"name: a\nbaselines: false\nbase: {{epochs: 2, precision: {asked}}}\n"
    spec = load(text)
    document = estimate_document(estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1))
    line = precision_line(document)
    assert (line is None) if said is None else (said in str(line))
    spec = load(text + "resources: {gpu: 1}")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    document = estimate_document(estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 1))
    assert precision_line(document) is None


@pytest.mark.program
def test_measured_for_real_on_every_slot(load: Load, small: Dataset) -> None:
    spec = load(
        f"name: a\nbaselines: false\nbase: {{epochs: 3, {SMALL}}}\ngrid: {{model: [vae, cvae]}}"
    )
    made = estimate(spec, make_plan(spec), {"digits": small}, NOTHING, 2)
    assert len(made.kinds) == 2
    for kind in made.kinds:
        cost = kind.cost
        assert min(cost.epoch_s, cost.images_per_s, cost.part_s["probe"]) > 0
        # An epoch trains on 144 of the 160 images, and validates on the rest.
        assert cost.epoch_s > 120 / cost.images_per_s
    assert made.calibration_s > 0


def test_images_that_lie_class_by_class(
    load: Load, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate_module, "SAMPLE", 40)
    train, test = (
        Images(split.pixels[order], split.labels[order])
        for split in (small.train, small.test)
        for order in [split.labels.argsort(kind="stable")]
    )
    (config,) = make_plan(load(f"name: a\nbaselines: false\nbase: {{{SMALL}}}")).trials.values()
    ordered = dataclasses.replace(small, train=train, test=test)
    cost = calibrate(config, ordered, threads=1, gpu=False)
    assert cost.part_s["probe"] > 0


def test_a_small_validation_part(load: Load, small: Dataset) -> None:
    text = f"name: a\nbaselines: false\nbase: {{{SMALL}, data: {{validation_fraction: 0.01}}}}"
    (config,) = make_plan(load(text)).trials.values()
    assert calibrate(config, small, threads=1, gpu=False).epoch_s > 0


def test_a_calibration_leaves_the_data_alone(load: Load, small: Dataset) -> None:
    before = small.fingerprint()
    later = "stages: [{epochs: 7, tau: 1}, {}], schedule: {beta: {shape: step, epochs: 5}}"
    spec = load(f"name: a\nbaselines: false\nbase: {{{SMALL}, {later}}}")
    (config,) = make_plan(spec).trials.values()
    calibrate(config, small, threads=1, gpu=False)
    assert dataclasses.replace(small).fingerprint() == before  # hashed anew


def test_the_mean_of_all_slots() -> None:
    other = Cost(4.0, 300.0, 1.5, {"probe": 5.0})
    assert mean([COST, other]) == Cost(3.0, 200.0, 1.0, {"probe": 4.0})


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from click.testing import CliRunner

    from orchestration.cli.plan import command

    text = f"name: a\nbaselines: false\nbase: {{epochs: 2, {SMALL}}}\nresources: {{cpu: auto}}"
    (tmp_path / "a.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    result = CliRunner().invoke(command, ["a.yaml", "--estimate", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["estimate"]["kinds"][0]["trials"] == 1
    assert document["estimate"]["sweep_s"] > START_S
    assert "calibrating 1 kinds" in result.stderr
    why = "chosen: all CPUs are busy with 1 trial"
    assert (document["estimate"]["threads"], document["estimate"]["why_threads"]) == (1, why)
    line = estimate_line(document["estimate"])
    assert line.endswith(f"one trial at a time, 1 thread each ({why})")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.yaml"]
