"""Which cells are compared, and which of their trials make pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.compare import pairs
from orchestration.compare.answers import Question, answers
from orchestration.compare.measured import Measured, alike, measured
from orchestration.compare.pairs import Pairing, pairings, replicate_pairings
from orchestration.ledger.documents import Epoch, Evaluated, Sweep, Trial
from orchestration.spec.dimensions import Dimension

from .conftest import BETA, Searches

SWEEP = Sweep(name="s", sweep_id="1", created=0.0, spec={"resources": {"cpu": 2}}, plan=[])


def trial(
    accuracy: float | None = 0.5, part: Any = None, facts: Any = None, **settings: Any
) -> Measured:
    config = TrialConfig.from_settings(settings)
    epoch = Epoch(epoch=1, metrics={"val/loss": 1.0}, images_per_s=1.0, epoch_s=3.0, at=0.0)
    made = Trial(key=repr(settings), config=config.to_settings(), state="finished", epochs=[epoch])
    if accuracy is not None:
        made.evaluations["probe"] = Evaluated(
            state="finished",
            metrics={"probe/accuracy": accuracy},
            settings=part or {},
            facts=facts or {},
            seconds=1.0,
        )
    return measured(made, SWEEP)


def names(found: list[Pairing]) -> list[tuple[str, str, str]]:
    return [(*pairing.sides, pairing.name) for pairing in found]


def test_a_vae_is_compared_with_every_cvae_of_its_beta() -> None:
    trials = [
        trial(model=model, beta=beta, seed=seed, **({"lambda": lambda_} if lambda_ else {}))
        for model, lambda_ in (("cvae", 0.1), ("cvae", 1.0), ("vae", None))
        for beta in (1e-3, 1e-5)
        for seed in (0, 1)
    ]
    found = pairings(trials)
    assert names(found) == [
        ("vae", "cvae", "β=0.001 λ=0.1"),
        ("vae", "cvae", "β=0.001 λ=1"),
        ("vae", "cvae", "β=1e-05 λ=0.1"),
        ("vae", "cvae", "β=1e-05 λ=1"),
    ]
    assert [len(pairing.values("probe/accuracy")) for pairing in found] == [2] * 4
    assert found[0].settings == {"beta": 1e-3, "lambda": 0.1}


def test_of_many_cells_not_every_two_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    real = pairs._differ_in

    def counted(*arguments: Any) -> bool:
        nonlocal looked
        looked += 1
        return real(*arguments)

    monkeypatch.setattr(pairs, "_differ_in", counted)
    cells = [(model, n / 100) for n in range(1, 31) for model in ("cvae", "vae")]
    found = pairings([trial(model=model, beta=beta) for model, beta in cells])
    assert [pairing.settings["beta"] for pairing in found] == [n / 100 for n in range(1, 31)]
    assert looked == len(found)


def test_what_both_have_must_be_equal() -> None:
    for name, value in (("beta", 9.0), ("epochs", 3), ("batch_size", 32), ("data.name", "mnist")):
        group, _, last = name.partition(".")
        settings = {group: {last: value}} if last else {name: value}
        assert pairings([trial(model="vae"), trial(model="cvae", **settings)]) == []
    assert len(pairings([trial(model="vae"), trial(model="cvae", tau=0.2)])) == 1


def test_another_setting_is_compared_with_the_plans_first_value() -> None:
    trials = [
        trial(model=model, beta=beta, seed=0)
        for model in ("vae", "cvae")
        for beta in (3.0, 1.0, 2.0)
    ]
    assert names(pairings(trials, "beta")) == [
        ("β=3", "β=1", "vae"),
        ("β=3", "β=2", "vae"),
        ("β=3", "β=1", "cvae"),
        ("β=3", "β=2", "cvae"),
    ]
    assert pairings(trials, "seed") == []


def test_pairs_are_of_equal_seed_and_split_and_finite_on_both_sides() -> None:
    def of(model: str, seed: int, split: int, value: float | None) -> Measured:
        return trial(value, model=model, seed=seed, data={"split_seed": split})

    trials = [
        *(of("vae", 0, 0, 0.1), of("vae", 0, 1, 0.2), of("vae", 1, 0, 0.3), of("vae", 2, 0, 0.4)),
        *(of("cvae", 1, 0, 0.7), of("cvae", 0, 1, 0.6), of("cvae", 0, 0, math.nan)),
        *(of("cvae", 2, 0, None), of("cvae", 3, 0, 0.9)),
    ]
    (pairing,) = pairings(trials)
    assert pairing.values("probe/accuracy") == [(0.2, 0.6), (0.3, 0.7)]
    assert pairing.values("probe/unknown") == []


def test_several_splits_of_a_seed_are_one_pair() -> None:
    """Six splits of one seed say nothing of other seeds."""
    trials = [
        trial(value + split, model=model, seed=seed, data={"split_seed": split})
        for model, value in (("vae", 0.0), ("cvae", 0.5))
        for seed in range(2)
        for split in range(3)
    ]
    (pairing,) = pairings(trials)
    assert pairing.values("probe/accuracy") == [(1.0, 1.5)] * 2
    assert [cell.cost_s for cell in pairing.cells] == [3 * trials[0].cost_s] * 2


def test_a_metric_that_depends_on_what_is_compared_compares_nothing() -> None:
    (pairing,) = pairings([trial(model="vae", seed=0), trial(model="cvae", seed=0)])
    assert not pairing.comparable("val/loss")  # the λ term is in one of them alone
    assert pairing.values("val/loss") == []
    assert pairing.comparable("probe/accuracy")
    (pairing,) = pairings([trial(model="cvae", tau=tau) for tau in (0.1, 0.2)], "tau")
    assert not pairing.comparable("val/contrastive")


def test_what_was_measured_otherwise_is_left_out_and_said() -> None:
    trials = [
        trial(0.1, {"split": "test", "neighbours": 20}, seed=0),
        trial(0.2, {"split": "test"}, seed=1),  # the default, not noted
        trial(0.3, {"split": "validation"}, seed=2),
    ]
    kept, lines = alike(trials)
    assert ["probe/accuracy" in each.metrics for each in kept] == [True, True, False]
    assert all("val/loss" in each.metrics for each in kept)
    assert lines == [
        "probe/accuracy: left out of 1 trial that measured it otherwise "
        '(split "validation" instead of "test")'
    ]
    assert alike(trials[:2]) == (trials[:2], [])


def test_distances_by_two_classifiers_are_not_set_beside_each_other() -> None:
    facts = [{"extractor_digest": digest} for digest in ("a", "a", "b")]
    kept, (line,) = alike([trial(0.1, facts=each, seed=n) for n, each in enumerate(facts)])
    assert ["probe/accuracy" in each.metrics for each in kept] == [True, True, False]
    assert line.endswith('(extractor_digest "b" instead of "a")')


def test_distances_in_training_go_by_the_classifier_of_the_part() -> None:
    trials = []
    for seed, digest in enumerate(("a", "a", "b")):
        epoch = Epoch(epoch=1, metrics={"val/fd_x-cnn": 1.0}, images_per_s=1, epoch_s=1, at=0)
        made = Trial(
            key=str(seed),
            config=TrialConfig.from_settings({"seed": seed}).to_settings(),
            state="finished",
            epochs=[epoch],
        )
        facts = {"extractor_digest": digest}
        made.evaluations["fd"] = Evaluated(state="finished", metrics={"fd/x-cnn": 1}, facts=facts)
        trials.append(measured(made, SWEEP))
    kept, lines = alike(trials)
    assert ["val/fd_x-cnn" in each.metrics for each in kept] == [True, True, False]
    assert {line.partition(":")[0] for line in lines} == {"fd/x-cnn", "val/fd_x-cnn"}


def test_what_is_noted_in_another_form_is_said_too() -> None:
    foreign = [{"of": "another version", "number": 1}, {"of": "another version", "number": 1.0}]
    foreign.append({"of": "another version", "number": 1, "more": None})
    _, lines = alike([trial(0.1, part, seed=n) for n, part in enumerate(foreign[:2])])
    assert lines[0].endswith("(number 1.0 instead of 1)")
    _, lines = alike([trial(0.1, part, seed=n) for n, part in enumerate(foreign[::2])])
    assert lines[0].endswith("(more null instead of not noted)")


def test_costs_are_of_training_and_evaluation_times_cpus() -> None:
    assert trial().cost_s == (3.0 + 1.0) * 2


def test_searches_are_compared_by_the_replicates_of_their_winners(
    searches: Callable[..., Searches], tmp_path: Path
) -> None:
    made = searches()
    for model, best in (("vae", 0.8), ("cvae", 0.9)):
        study = made.study(model, model=model)
        made.trial(study, 0.99, beta=best)
        study.winner = study.asks[0].key
        for seed in range(3):
            made.trial(study, 0.5, test={"probe/accuracy": best + seed}, replicate=True, beta=best)
    ((pairing,), _) = replicate_pairings([made.read()])
    assert (pairing.sides, pairing.name) == (("vae", "cvae"), "")
    assert BETA.name not in pairing.other.settings
    assert pairing.values("probe/accuracy") == [
        (pytest.approx(0.8 + seed), pytest.approx(0.9 + seed)) for seed in range(3)
    ]


def test_searches_whose_winners_are_of_two_models_are_compared(
    searches: Callable[..., Searches], tmp_path: Path
) -> None:
    """What a winner alone has, the other's model has not."""
    made = searches()
    model = Dimension("model", "choice", choices=("vae", "cvae"))
    for latents, found in ((4, "vae"), (8, "cvae")):
        fixed = {"model": "cvae", "architecture.latent_dim": latents}
        study = made.study(f"latents={latents}", [model], **fixed)
        study.winner = made.trial(study, 0.99, model=found).key
        for _ in range(2):
            made.trial(study, 0.5, test={"probe/accuracy": 0.5}, replicate=True, model=found)
    ((pairing,), _) = replicate_pairings([made.read()], "architecture.latent_dim")
    assert pairing.sides == ("latent_dim=4", "latent_dim=8")
    assert len(pairing.values("probe/accuracy")) == 2


def test_replicates_that_failed_are_told(searches: Callable[..., Searches], tmp_path: Path) -> None:
    made = searches()
    for model in ("vae", "cvae"):
        study = made.study(model, model=model)
        study.winner = made.trial(study, 0.99, beta=0.1).key
        for state in ("finished", "failed" if model == "cvae" else "finished"):
            made.trial(study, 0.5, state, replicate=True, beta=0.1)
    (line,) = answers([made.read()], Question()).left_out
    assert line.startswith("1 replicate of the compared searches is in no pair (1 failed)")


def test_searches_begun_from_several_seeds_are_compared_seed_by_seed(
    searches: Callable[..., Searches], tmp_path: Path
) -> None:
    made = searches()
    for model in ("vae", "cvae"):
        for seed, best in ((0, 0.2), (1, 0.3)):
            study = made.study(f"{model} seed={seed}", model=model, seed=seed)
            study.winner = made.trial(study, 0.99, beta=best).key
            for _ in range(2):
                made.trial(study, 0.5, test={"probe/accuracy": best}, replicate=True, beta=best)
    found, _ = replicate_pairings([made.read()])
    assert names(found) == [("vae", "cvae", "seed=0"), ("vae", "cvae", "seed=1")]
    assert [len(pairing.values("probe/accuracy")) for pairing in found] == [2, 2]


def test_winners_are_compared_by_what_measures_the_same(
    searches: Callable[..., Searches], tmp_path: Path
) -> None:
    """Also where what differs was searched, or a winner was measured otherwise."""
    made = searches()
    for latents, best in ((4, 0.2), (8, 0.3)):
        architecture = {"architecture.latent_dim": latents}
        study = made.study(f"latents={latents}", model="vae", **architecture)
        study.winner = made.trial(study, 0.99, beta=best).key
        for _ in range(3):
            found = {"probe/accuracy": best, "test/elbo": -best}
            last = made.trial(study, 0.5, test=found, replicate=True, beta=best)
        if latents == 8:
            last.evaluations["probe"].settings = {"split": "validation"}
            made.ledger.save(last)
    (pairing,), left_out = replicate_pairings([made.read()], "architecture.latent_dim")
    assert pairing.comparable("probe/accuracy")
    assert not pairing.comparable("val/loss")  # of another β
    assert len(pairing.values("probe/accuracy")) == 2
    assert len(left_out) == 2


ARMS = [
    {"model": model, **arm, "seed": seed, **({"lambda": 1.0} if model == "cvae" else {})}
    for model in ("vae", "cvae")
    for arm in ({}, {"augment": True}, {"augment": True, "reconstruct": "view"})
    for seed in (0, 1)
]


def test_an_augmented_vae_is_compared_with_the_cvae_of_the_same_views() -> None:
    """So augmentation is on both sides, and contrast alone tells them apart."""
    found = pairings([trial(**settings) for settings in ARMS])
    assert names(found) == [
        ("vae", "cvae", "augment=false"),
        ("vae", "cvae", "augment=true"),
        ("vae", "cvae", "augment=true reconstruct=view"),
    ]
    assert [len(pairing.values("probe/accuracy")) for pairing in found] == [2] * 3
    turned = {"augment": True, "views": {"rotation_degrees": 30}}
    assert pairings([trial(augment=True), trial(model="cvae", **turned)]) == []
    # Which images a CVAE contrasts means nothing to a VAE, however it is augmented.
    pairs = {"views": {"pairs": "two augmented"}}
    assert len(pairings([trial(augment=True), trial(model="cvae", augment=True, **pairs)])) == 1


def test_is_it_the_augmentation() -> None:
    """What augmentation brings with it, views and what is reconstructed, tells no cells apart."""
    found = pairings([trial(**settings) for settings in ARMS], "augment")
    assert names(found) == [
        ("augment=false", "augment=true", "vae"),
        ("augment=false", "augment=true", "vae reconstruct=view"),
        ("augment=false", "augment=true", "cvae"),
        ("augment=false", "augment=true", "cvae reconstruct=view"),
    ]
    assert [len(pairing.values("probe/accuracy")) for pairing in found] == [2] * 4
    assert pairings([trial(), trial(augment=True, beta=0.5)], "augment") == []
    assert len(pairings([trial(**settings) for settings in ARMS], "reconstruct")) == 2


def test_terms_of_training_compare_nothing_across_augmentation() -> None:
    (pairing,) = pairings([trial(), trial(augment=True)], "augment")
    for name in ("train/loss", "train/reconstruction", "train/kl"):
        assert not pairing.comparable(name), name
    for name in ("val/loss", "val/reconstruction", "val/kl", "test/reconstruction_mse"):
        assert pairing.comparable(name), name  # of the originals, in either
    (pairing,) = pairings([trial(augment=True), trial(model="cvae", augment=True)])
    assert pairing.comparable("train/reconstruction")
    views = [{"augment": True, "views": {"translation": shift}} for shift in (0.1, 0.2)]
    (pairing,) = pairings([trial(**each) for each in views], "views.translation")
    assert not pairing.comparable("train/reconstruction")
    assert pairing.comparable("val/reconstruction")
    weighed = [trial(weights={"reconstruction": weight}) for weight in (1.0, 2.0)]
    (pairing,) = pairings(weighed, "weights.reconstruction")
    assert not pairing.comparable("val/loss")
    assert pairing.comparable("val/reconstruction")


def test_searches_with_and_without_augmentation(
    searches: Callable[..., Searches], tmp_path: Path
) -> None:
    made = searches()
    for augment, best in ((False, 0.2), (True, 0.3)):
        study = made.study(f"augment={augment}", model="vae", augment=augment)
        study.winner = made.trial(study, 0.99, beta=best).key
        for _ in range(2):
            made.trial(study, 0.5, test={"probe/accuracy": best}, replicate=True, beta=best)
    ((pairing,), _) = replicate_pairings([made.read()], "augment")
    assert pairing.sides == ("augment=false", "augment=true")
    assert pairing.values("probe/accuracy") == [(0.2, 0.3)] * 2
