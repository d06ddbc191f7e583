"""The map of one trial and the map that several share."""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse.linalg import ArpackError
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from sklearn.manifold import trustworthiness as reference_trustworthiness

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.maps import reducer, shared_map, umap_layout
from cvae_core.evaluation.maps.declaration import UmapConfig
from cvae_core.evaluation.maps.map_files import limits, one_map
from cvae_core.evaluation.maps.part import subset
from cvae_core.evaluation.maps.procrustes import align
from cvae_core.evaluation.maps.trustworthiness import trustworthiness
from cvae_core.evaluation.metrics import describe
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult

pytestmark = pytest.mark.slow

Make = Callable[..., Subject]


def findings(parts: Iterator[float | Findings]) -> Findings:
    *shares, last = parts
    assert shares == sorted(shares)
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert isinstance(last, Findings)
    for name in last.metrics:
        assert describe(name) is not None
    return last


def reduced(
    points: NDArray[np.float32], neighbours: int = 15, notes: list[str] | None = None
) -> NDArray[np.float32]:
    *_, last = reducer.reduce(points, neighbours, 0.1, [] if notes is None else notes)
    assert isinstance(last, np.ndarray)
    assert last.shape == (len(points), 2)
    assert np.isfinite(last).all()
    return last


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def pixels(digits: Dataset) -> NDArray[np.float32]:
    """900 digits, 49 numbers each."""
    images = torch.as_tensor(digits.train.pixels[:900]).to(torch.float32)
    small = torch.nn.functional.avg_pool2d(images, 4)
    found: NDArray[np.float32] = small.reshape(900, -1).numpy() / 64
    return found


def similarity(found: NDArray[np.float32]) -> NDArray[np.float64]:
    """On the map: 1 / (1 + a d^(2b)), with the a and b of min_dist = 0.1."""
    similar: NDArray[np.float64] = 1 / (1 + 1.577 * cdist(found, found) ** (2 * 0.8951))
    return similar


def test_a_map_is_as_good_as_that_of_umap_learn(
    pixels: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    umap = reducer.load()
    # Compiling it takes 4 s, running it as it is no time for so few points.
    monkeypatch.setattr(umap, "fast_knn_indices", umap.fast_knn_indices.py_func)
    theirs = umap.UMAP(random_state=0, n_jobs=1).fit(pixels)
    ours = reduced(pixels)
    trust = [
        reference_trustworthiness(pixels, e, n_neighbors=15) for e in (ours, theirs.embedding_)
    ]
    assert abs(trust[0] - trust[1]) < 0.004
    # Its objective: the cross entropy of the graph and the map, in nats per point.
    graph = theirs.graph_.toarray()
    entropies = []
    for embedded in (ours, theirs.embedding_):
        similar = np.clip(similarity(embedded), 1e-4, 1 - 1e-4)
        cross = graph * np.log(similar) + (1 - graph) * np.log(1 - similar)
        np.fill_diagonal(cross, 0)
        entropies.append(-cross.sum() / len(pixels))
    assert entropies[0] == pytest.approx(entropies[1], rel=0.05)


@pytest.mark.parametrize(("a", "b"), [(1.577, 0.8951), (0.3, 1.3)])
def test_the_gradients_are_those_of_the_cross_entropy(a: float, b: float) -> None:
    pull, push = umap_layout.gradients(a, b)
    squares = np.geomspace(1e-8, 1e5, 500).astype(np.float32)
    v = torch.tensor(squares, dtype=torch.float64, requires_grad=True)
    similar = 1 / (1 + a * v**b)
    (near,) = torch.autograd.grad(similar.log().sum(), v, retain_graph=True)
    (far,) = torch.autograd.grad((1 - similar).log().sum(), v)
    far = far * v / (v + 0.001)  # umap-learn's, so that it stays finite
    found = np.array([[umap_layout.look_up(t, x) for t in (pull, push)] for x in squares])
    np.testing.assert_allclose(found[:, 0], 2 * near.detach(), rtol=1e-4)
    np.testing.assert_allclose(found[:, 1], 2 * far.detach(), rtol=1e-3)
    assert umap_layout.look_up(push, np.float32(0)) == pytest.approx(push[0])


def test_trustworthiness_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    points, embedded = noise(301, 7) + 50, noise(301, 2, seed=1)
    for k in (1, 15):
        expected = reference_trustworthiness(points, embedded, n_neighbors=k)
        assert trustworthiness(points, embedded, k) == pytest.approx(expected, abs=1e-5)
    flat = points[:, :2] * 3
    assert trustworthiness(points[:, :2], flat, 15) == pytest.approx(1)
    module = sys.modules["cvae_core.evaluation.maps.trustworthiness"]
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 301 * 10)
    assert trustworthiness(points, embedded, 15) == pytest.approx(expected, abs=1e-5)


def test_trustworthiness_bears_duplicates_and_refuses_a_k_of_half() -> None:
    points = np.repeat(noise(4, 3), 20, axis=0)
    assert trustworthiness(points, points[:, :2].copy(), 15) == pytest.approx(1)
    with pytest.raises(ValueError, match="15"):
        trustworthiness(points[:30], points[:30, :2], 15)


def test_the_part_of_a_trial(subject: Subject) -> None:
    found = findings(measure("umap", subject, UmapConfig(n=40)))
    means = subject.posterior("judged")[0]
    table = rows(found.files["umap.csv"])
    indices = [int(row["index"]) for row in table]
    assert indices == sorted(set(indices))
    assert len(indices) == 40
    assert found.facts["n"] == 40
    labels = subject.labels("judged")[indices]
    assert [int(row["label"]) for row in table] == labels.tolist()
    assert [row["class"] for row in table] == [subject.data.classes[label] for label in labels]
    embedded = np.array([[float(row["x"]), float(row["y"])] for row in table])
    expected = reference_trustworthiness(means[indices], embedded, n_neighbors=15)
    assert found.metrics["umap/trustworthiness_n40"] == pytest.approx(expected, abs=2e-3)
    picture = Image.open(io.BytesIO(found.files["umap.png"]))
    assert picture.format == "PNG"
    assert min(picture.size) > 500


def test_the_same_bytes_again(subject: Subject) -> None:
    first, second = (findings(measure("umap", subject, UmapConfig())) for _ in range(2))
    assert first == second


def test_no_warning_reaches_the_terminal(pixels: NDArray[np.float32]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reduced(pixels[:100])


def test_validation_has_a_name_of_its_own(
    make_subject: Make, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    half = dataclasses.replace(
        config, data=dataclasses.replace(config.data, validation_fraction=0.5)
    )
    on_validation = make_subject(half, small, trained, split="validation")
    found = findings(measure("umap", on_validation, UmapConfig()))
    assert list(found.metrics) == ["val/umap_trustworthiness"]
    assert len(rows(found.files["umap.csv"])) == 150


def test_the_same_images_for_every_trial() -> None:
    assert np.array_equal(subset(1000, 100), subset(1000, 100))
    assert len(set(subset(1000, 100).tolist())) == 100
    assert not np.array_equal(subset(1000, 100), np.arange(100))
    assert np.array_equal(subset(50, 100), np.arange(50))


def judged(small: Dataset, count: int) -> Dataset:
    test = Images(small.test.pixels[:count], small.test.labels[:count])
    return Dataset("digits", small.train, test, small.classes)


def test_few_images_get_fewer_neighbours_and_then_no_map(
    make_subject: Make, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, judged(small, 12), trained)
    found = findings(measure("umap", subject, UmapConfig()))
    assert found.warnings[0] == "only 12 images: n_neighbors is 11, not 15"
    assert "trustworthiness" in found.warnings[1]
    assert found.metrics == {}
    with pytest.raises(AbsentError, match="at least 4 images, and there are 3"):
        findings(measure("umap", make_subject(config, judged(small, 3), trained), UmapConfig()))


def test_all_images_the_same_have_no_map(
    make_subject: Make, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    test = Images(np.repeat(small.test.pixels[:1], 40, axis=0), small.test.labels[:40])
    constant = Dataset("digits", small.train, test, small.classes)
    with pytest.raises(EvaluationError, match="all latent means are equal"):
        findings(measure("umap", make_subject(config, constant, trained), UmapConfig()))


@pytest.mark.parametrize(
    "points",
    [
        noise(4, 3),
        np.repeat(noise(2, 3), 40, axis=0),
        np.repeat(noise(12, 3), 30, axis=0),
        np.concatenate([np.zeros((99, 3), dtype=np.float32), noise(1, 3)]),
        noise(100, 1),
        noise(100, 3) * 1e-12,
        noise(100, 3) * 1e12,
        np.concatenate([noise(50, 3), noise(50, 3) + 1e4]),
    ],
    ids=["four", "two values", "twelve values", "one differs", "1-D", "tiny", "huge", "two groups"],
)
def test_odd_latents_have_a_map(points: NDArray[np.float32]) -> None:
    reduced(points)


def test_a_start_that_umap_learn_has_drawn_by_itself_is_told_of(
    monkeypatch: pytest.MonkeyPatch, pixels: NDArray[np.float32]
) -> None:
    """It does so where the spectral embedding does not converge, and warns."""

    def failing(*_: object, **__: object) -> None:
        raise ArpackError(-1)

    for solver in ("eigsh", "lobpcg"):
        monkeypatch.setattr(f"scipy.sparse.linalg.{solver}", failing)
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reduced(pixels[:100], notes=notes)
    (note,) = notes
    assert note.startswith("UMAP starts from random positions, in whole or in part")


def test_without_umap_learn_it_is_absent(monkeypatch: pytest.MonkeyPatch, subject: Subject) -> None:
    monkeypatch.setitem(sys.modules, "umap.umap_", None)
    with pytest.raises(AbsentError, match="umap-learn is not installed"):
        findings(measure("umap", subject, UmapConfig()))


@pytest.mark.parametrize("count", [1, 2, 11, 47, 100])
def test_classes_differ_in_colour(count: int) -> None:
    points = np.stack([np.arange(count) % 10, np.arange(count) // 10], 1).astype(np.float32)
    names = [f"$class_{index}^" for index in range(count)]
    picture = one_map(points, np.arange(count), names, "a $title$")
    shown = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.int64).reshape(-1, 3)
    coloured = shown[np.ptp(shown, axis=1) > 20]
    times = np.unique(coloured @ [65536, 256, 1], return_counts=True)[1]
    # In the legend each class is a disc of its own colour; tab10 and tab20 have greys.
    assert (times > 15).sum() >= 0.9 * count - 1


def test_procrustes_undoes_turning_scaling_and_moving() -> None:
    first = noise(200, 3)
    turned = (2.5 * first @ Rotation.random(rng=3).as_matrix() * [1, 1, -1] + 7).astype(np.float32)
    flat = first[:, :2] - first[:, :2].mean(axis=0)
    aligned = align([first, turned, first[:, :2]], ["a", "b", "c"])
    np.testing.assert_allclose(aligned[1], aligned[0], atol=1e-4)
    np.testing.assert_allclose(aligned[0], first - first.mean(axis=0), atol=1e-5)
    assert aligned[2].shape == (200, 3)
    # Turned only: its own distances are kept up to one factor.
    ratio = cdist(aligned[2], aligned[2]).sum() / cdist(flat, flat).sum()
    np.testing.assert_allclose(cdist(aligned[2], aligned[2]), ratio * cdist(flat, flat), atol=1e-4)
    assert np.linalg.norm(aligned[2]) == pytest.approx(np.linalg.norm(aligned[0]), rel=1e-4)
    with pytest.raises(EvaluationError, match="of b are equal"):
        align([first, np.ones((200, 3), dtype=np.float32)], ["a", "b"])


def test_a_shared_map(monkeypatch: pytest.MonkeyPatch) -> None:
    first = noise(90, 4)
    first[:45] += 6
    turn = np.linalg.qr(noise(4, 4, seed=2))[0]
    other = noise(90, 2, seed=3)
    trials = [first, first @ turn * 3, other]
    labels = np.repeat([0, 1], 45)
    names = ["vae", "vae turned", "cvae"]
    monkeypatch.setattr(shared_map, "MOST_POINTS", 180)

    def made() -> Findings:
        return findings(shared_map.shared_map(trials, labels, names, ["a", "b"], UmapConfig()))

    found = made()
    assert found == made()
    table = rows(found.files["shared_umap.csv"])
    assert len(table) == 180
    by_trial = {name: [row for row in table if row["trial"] == name] for name in names}
    chosen = [int(row["index"]) for row in by_trial["vae"]]
    assert len(set(chosen)) == 60
    maps = {}
    for name, own in by_trial.items():
        assert [int(row["index"]) for row in own] == chosen
        assert [int(row["label"]) for row in own] == labels[chosen].tolist()
        maps[name] = np.array([[float(row["x"]), float(row["y"])] for row in own])
    # The same latents, turned, lie in the same places; others do not.
    apart = np.linalg.norm(maps["vae"] - maps["vae turned"], axis=1)
    assert np.median(apart) < 0.1 * np.ptp(maps["vae"], axis=0).max()
    trusts = {row["trial"]: row for row in rows(found.files["shared_umap_trustworthiness.csv"])}
    for name, latents in zip(names, trials, strict=True):
        expected = reference_trustworthiness(latents[chosen], maps[name], n_neighbors=15)
        assert float(trusts[name]["trustworthiness"]) == pytest.approx(expected, abs=2e-3)
    everything = np.concatenate(align([each[chosen] for each in trials], names))
    expected = reference_trustworthiness(
        everything, np.concatenate(list(maps.values())), n_neighbors=15
    )
    assert found.metrics["umap/shared_trustworthiness"] == pytest.approx(expected, abs=2e-3)
    assert found.facts["aligned_to"] == "vae"


def test_many_trials_go_on_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_map, "PANELS", 2)
    trials = [noise(20, 3, seed=seed) for seed in range(3)]
    names = ["a", "b", "c" * 80]
    made = shared_map.shared_map(trials, np.zeros(20, dtype=np.int64), names, ["0"], UmapConfig())
    files = findings(made).files
    assert {name for name in files if name.endswith(".png")} == {
        "shared_umap.png",
        "shared_umap_2.png",
    }


def test_a_shared_map_says_which_trial_is_wrong() -> None:
    points, labels = noise(20, 3), np.zeros(20, dtype=np.int64)
    for bad, message in [(points[:9], "b has 9 latents for 20"), (points * np.nan, "b are not")]:
        with pytest.raises(EvaluationError, match=message):
            list(shared_map.shared_map([points, bad], labels, ["a", "b"], ["0"], UmapConfig(n=20)))
    with pytest.raises(AbsentError, match="at least one trial"):
        list(shared_map.shared_map([], labels, [], ["0"], UmapConfig()))


def test_limits_show_every_point() -> None:
    points = noise(50, 2) * [3, 1]
    centre, half = limits(points.astype(np.float32))
    assert (np.abs(points - centre) < half).all()
    assert half < 0.6 * np.ptp(points, axis=0).max()


def test_neighbours_on_a_shared_map_are_of_the_own_trial_and_of_others_but_no_copies() -> None:
    first, second, third = noise(40, 3), noise(40, 3) + 0.1, noise(40, 3) * 1.2
    found = shared_map.joint_neighbours([first, second, third], 9)
    assert found is not None
    distances, indices = found
    points = np.concatenate([first, second, third]).astype(np.float64)
    for row in range(120):
        everywhere = np.linalg.norm(points - points[row], axis=1)
        trial, image = np.divmod(np.arange(120), 40)
        own = np.flatnonzero(trial == row // 40)
        abroad = np.flatnonzero((trial != row // 40) & (image != row % 40))
        expected = {*own[np.argsort(everywhere[own])[:6]]}
        expected |= {*abroad[np.argsort(everywhere[abroad])[:3]]}
        assert set(indices[row].tolist()) == {int(index) for index in expected}
        assert indices[row, 0] == row
        np.testing.assert_allclose(distances[row], everywhere[indices[row]], atol=1e-4)
    assert shared_map.joint_neighbours([first], 9) is None
    assert shared_map.joint_neighbours([first[:9], second[:9]], 9) is None
