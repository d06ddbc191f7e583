"""The baseline of ``evaluate.py``: the calls that a researcher would write, with their defaults.

Each part is on its own, as in a notebook's cells or in several scripts: it encodes what it needs.
Imports and first calls are not timed, but for UMAP, which compiles in every process that it runs
in: that part has a process of its own, and its import and compilation are counted.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from evaluated_trial import Trial, first, load
from pytorch_fid.fid_score import calculate_frechet_distance
from results import peak_mib
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KNeighborsClassifier

from cvae_core.data.splits import split_indices
from cvae_core.data.vision import torchvision
from cvae_core.evaluation.distances.classifier import obtain
from cvae_core.evaluation.probes.protocols import paper_split
from cvae_core.evaluation.subject import SHARED_SEED
from cvae_core.models import VAE, build_model
from cvae_core.streams import stream

BATCH = 512
DISTANCE_IMAGES = 10_000
ELBO_IMAGES = 10_000
Metrics = dict[str, float]


class PlainEvaluation:
    """A function for each part; ``folder`` gets the pictures."""

    def __init__(self, trial: Trial, folder: Path) -> None:
        self.config, self.data = trial.config, trial.data
        self.history, self.folder = trial.history, folder
        self.model: VAE = build_model(trial.config, trial.data.image_shape)
        self.model.load_state_dict(trial.weights)
        self.model.eval()
        data = trial.config.data
        train, _ = split_indices(len(trial.data.train), data.validation_fraction, data.split_seed)
        # The same images, noise and classifier on both sides: their results can be compared.
        self.train = torch.from_numpy(trial.data.train.pixels)[train]
        self.train_labels = trial.data.train.labels[train.numpy()]
        self.test = torch.from_numpy(trial.data.test.pixels)
        self.test_labels = trial.data.test.labels
        dims = trial.config.architecture.latent_dim
        self.noise, self.train_noise = (
            torch.randn(len(pixels), dims, generator=stream(SHARED_SEED, f"evaluation/{which}"))
            for pixels, which in ((self.test, "judged"), (self.train, "fit"))
        )
        self.prior = trial.subject().prior(min(DISTANCE_IMAGES, len(self.test)))
        *_, found = obtain(trial.data, "mnist-cnn", trial.cache, None)
        assert not isinstance(found, float)
        self.features = found.network[:-1]

    def probe(self) -> Metrics:
        train, test = self.encode(self.train)[0].numpy(), self.encode(self.test)[0].numpy()
        standard = LogisticRegression(max_iter=1000).fit(train, self.train_labels)
        ConfusionMatrixDisplay.from_predictions(self.test_labels, standard.predict(test))
        self.save("confusion_matrix.png")
        fit, score = paper_split(len(test))
        paper = LogisticRegression(max_iter=1000).fit(test[fit], self.test_labels[fit])
        knn = KNeighborsClassifier(20).fit(train, self.train_labels)
        return {
            "probe/accuracy": standard.score(test, self.test_labels),
            "probe/accuracy_paper": paper.score(test[score], self.test_labels[score]),
            "probe/knn_accuracy": knn.score(test, self.test_labels),
        }

    def diagnostics(self) -> Metrics:
        mu, log_var = self.encode(self.test)
        kl = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).mean(dim=0)
        plt.bar(range(len(kl)), kl.sort(descending=True).values.numpy())
        self.save("kl_per_dimension.png")
        known = self.train[:ELBO_IMAGES]
        variance = self.error(sample(*self.encode(known), self.train_noise[:ELBO_IMAGES]), known)
        error = self.error(sample(mu, log_var, self.noise), self.test)
        likelihood = math.log(2 * math.pi * variance) + error / variance
        return {
            "latent/kl": float(kl.sum()),
            "latent/active_units": float((mu.var(dim=0, correction=0) > 0.01).sum()),
            "test/reconstruction_mse": self.error(mu, self.test),
            "test/elbo": -0.5 * self.test[0].numel() * likelihood - float(kl.sum()),
        }

    def pictures(self) -> Metrics:
        images = self.test[:20].float() / 255
        pairs = torch.cat([images, self.decode(self.encode(self.test[:20])[0])])
        for name, shown, rows in (
            ("reconstructions.png", pairs, 20),
            ("samples.png", self.decode(self.prior[:64]), 8),
        ):
            plt.figure(figsize=(10, 10))
            plt.imshow(torchvision.utils.make_grid(shown, rows).permute(1, 2, 0).numpy())
            plt.axis("off")
            self.save(name)
        names = sorted(self.history[0]["metrics"])
        _, axes = plt.subplots(2, math.ceil(len(names) / 2), figsize=(12, 7))
        for name, ax in zip(names, axes.flat, strict=False):
            ax.plot([record["metrics"][name] for record in self.history], marker="o")
            ax.set_title(name)
        self.save("curves.png")
        return {}

    def umap(self) -> Metrics:
        mu = self.encode(self.test)[0].numpy()
        from umap import UMAP

        embedded = UMAP(n_neighbors=15, min_dist=0.1, random_state=0).fit_transform(mu)
        plt.scatter(*embedded.T, c=self.test_labels, s=4, cmap="tab10")
        self.save("umap.png")
        return {"umap/trustworthiness": float(trustworthiness(mu, embedded, n_neighbors=15))}

    def fd(self) -> Metrics:
        generated = (self.decode(self.prior) * 255).round().clamp(0, 255).to(torch.uint8)
        fake, real = self.extract(generated), self.extract(self.test[: len(generated)])
        (mean, covariance), (real_mean, real_covariance) = moments(fake), moments(real)
        distance = calculate_frechet_distance(mean, covariance, real_mean, real_covariance)
        return {"fd/mnist-cnn": float(distance), "kid/mnist-cnn": kid(fake, real)}

    @torch.no_grad()
    def encode(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = [self.model.encode(batch.float() / 255) for batch in pixels.split(BATCH)]
        means, log_variances = zip(*found, strict=True)
        return torch.cat(means), torch.cat(log_variances)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.model.decode(batch) for batch in latents.split(BATCH)])

    @torch.no_grad()
    def error(self, latents: torch.Tensor, pixels: torch.Tensor) -> float:
        total = 0.0
        for z, batch in zip(latents.split(BATCH), pixels.split(BATCH), strict=True):
            total += float((self.model.decode(z) - batch.float() / 255).square().sum())
        return total / pixels.numel()

    @torch.no_grad()
    def extract(self, pixels: torch.Tensor) -> np.ndarray:
        found = [self.features(batch.float() / 255) for batch in pixels.split(BATCH)]
        return torch.cat(found).numpy().astype(np.float64)

    def save(self, name: str) -> None:
        plt.savefig(self.folder / name)
        plt.close()


def sample(mu: torch.Tensor, log_var: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    return mu + (0.5 * log_var).exp() * noise


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return features.mean(axis=0), np.cov(features, rowvar=False)


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased squared MMD of all images at once."""
    return float(within(x) + within(y) - 2 * kernel(x, y).mean())


def within(x: np.ndarray) -> float:
    values = kernel(x, x)
    return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1)


def timed(part: Callable[[], Metrics]) -> tuple[float, Metrics]:
    began = process_time()
    found = part()
    return process_time() - began, found


def main() -> None:
    """Time the parts in this process, or the map alone; write what was found."""
    folder, repeats, which = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    trial = load(folder)
    plain = PlainEvaluation(trial, folder)
    parts: dict[str, Callable[[], Metrics]] = {"umap": plain.umap}
    if which == "warm":
        parts = {n: getattr(plain, n) for n in ("probe", "diagnostics", "pictures", "fd")}
        few = PlainEvaluation(trial._replace(data=first(trial.data, 600)), folder)
        for name in parts:
            getattr(few, name)()
    seconds: dict[str, list[float]] = {part: [] for part in parts}
    found: dict[str, Any] = {}
    for _ in range(repeats):
        for name, part in parts.items():
            taken, metrics = timed(part)
            seconds[name].append(taken)
            found |= metrics
    result = {
        "seconds": {part: statistics.median(taken) for part, taken in seconds.items()},
        "metrics": found,
        "peak_mib": peak_mib(),
    }
    (folder / f"plain_{which}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
