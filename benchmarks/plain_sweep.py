"""The baseline of ``grid.py``: the sweep as one writes it from the documentation of Ray Tune.

A function trainable and ``tune.Tuner``, a DataLoader and PIL transforms in every trial, a
checkpoint reported after every epoch, Ray's callback for MLflow on SQLite, and after training
scikit-learn's logistic regression and ``umap.UMAP`` with a scatter plot. Model and step are those
of ``plain_loop.py``. It writes what came of it to ``results.json`` in its working directory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
import umap
from plain_loop import PlainLoop
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.utils.data import DataLoader, Subset, random_split

from cvae_core.config import TrialConfig
from cvae_core.data.vision import torchvision

KEPT = ("model", "beta", "seed")
"""Settings that tell trials apart."""
RESULTS = ("steps", "threads", "loss", "reconstruction", "kl", "accuracy")


def train(settings: dict[str, Any]) -> None:
    """One trial: train, look at validation after every epoch, and evaluate at the end."""
    torch.manual_seed(settings["seed"])
    root = Path(settings["data_root"])
    names = (*KEPT, "epochs", "learning_rate")
    chosen = {name: settings[name] for name in names}
    loop = PlainLoop(TrialConfig.from_settings({"data": {"name": "mnist"}, **chosen}), (1, 28, 28))
    images = loop.dataset(root, 0)
    fixed = torch.Generator().manual_seed(0)
    training, validation = random_split(images, [0.9, 0.1], generator=fixed)
    # As fit does it: at small β the loss else stays at black images for thousands of steps.
    loop.model.decoder.start_at([float(images.data[training.indices].float().mean()) / 255])
    augmented = settings["views"] if settings["model"] == "cvae" else 0
    seen = Subset(loop.dataset(root, augmented), training.indices)
    batches = DataLoader(seen, batch_size=loop.config.batch_size, shuffle=True)
    steps = 0
    for epoch in range(1, settings["epochs"] + 1):
        loop.model.train()
        terms = []
        for batch, _labels in batches:
            first, second = batch if isinstance(batch, list) else (batch, None)
            terms.append(loop.step(first, second))
        steps += len(terms)
        metrics: dict[str, Any] = {
            name: statistics.fmean(each[name] for each in terms) for name in terms[0]
        }
        metrics |= validate(loop, validation) | {"epoch": epoch, "steps": steps}
        metrics["threads"] = torch.get_num_threads()  # one, by Ray; numba changes it afterwards
        if epoch == settings["epochs"]:
            metrics |= evaluate(loop, training, root)
        with tempfile.TemporaryDirectory() as folder:
            state = {"model": loop.model.state_dict(), "optimizer": loop.optimizer.state_dict()}
            torch.save(state | {"epoch": epoch}, Path(folder) / "checkpoint.pt")
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


@torch.no_grad()
def validate(loop: PlainLoop, images: Any) -> dict[str, float]:
    """Reconstruction and KL divergence on images held out."""
    loop.model.eval()
    errors, divergences = [], []
    for batch, _labels in DataLoader(images, batch_size=loop.config.batch_size):
        mu, log_var = loop.model.encode(batch)
        errors.append(F.mse_loss(loop.model.decode(mu), batch).item())
        kl = -0.5 * torch.sum(1 + log_var - mu**2 - torch.exp(log_var), dim=1)
        divergences.append(kl.mean().item())
    return {
        "val_reconstruction": statistics.fmean(errors),
        "val_kl": statistics.fmean(divergences),
    }


def evaluate(loop: PlainLoop, training: Any, root: Path) -> dict[str, float]:
    """A linear probe, fitted on training images and scored on test, and a map of test."""
    as_it_is = torchvision.transforms.ToTensor()
    test = torchvision.datasets.MNIST(str(root), train=False, transform=as_it_is)
    latents, labels = encode(loop, training)
    test_latents, test_labels = encode(loop, test)
    probe = LogisticRegression(max_iter=1000).fit(latents, labels)
    embedding = umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=0).fit_transform(test_latents)
    plt.figure(figsize=(8, 8))
    plt.scatter(embedding[:, 0], embedding[:, 1], c=test_labels, s=4, cmap="tab10")
    plt.colorbar()
    plt.savefig("umap.png")
    plt.close()
    return {"accuracy": float(probe.score(test_latents, test_labels))}


@torch.no_grad()
def encode(loop: PlainLoop, images: Any) -> tuple[Any, Any]:
    """Latent means (N, dimensions) and labels (N,)."""
    loop.model.eval()
    means: list[Tensor] = []
    labels: list[Tensor] = []
    for batch, own in DataLoader(images, batch_size=loop.config.batch_size):
        means.append(loop.model.encode(batch)[0])
        labels.append(own)
    return torch.cat(means).numpy(), torch.cat(labels).numpy()


def main() -> None:
    arguments = parse()
    folder = Path.cwd()
    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={
            "model": tune.grid_search(arguments.model),
            "beta": tune.grid_search(arguments.beta),
            "seed": tune.grid_search(arguments.seed),
            "epochs": arguments.epochs,
            "learning_rate": arguments.learning_rate,
            "views": arguments.views,
            "data_root": str(arguments.data_root.resolve()),
        },
        tune_config=tune.TuneConfig(max_concurrent_trials=arguments.concurrent),
        run_config=tune.RunConfig(
            name="plain",
            storage_path=str(folder / "results"),
            callbacks=[
                MLflowLoggerCallback(
                    tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
                    experiment_name="plain",
                    save_artifact=True,
                )
            ],
        ),
    )
    results = tuner.fit()
    for failed in results.errors:
        raise failed
    rows = [
        {name: result.config[name] for name in KEPT}
        | {name: result.metrics[name] for name in RESULTS}
        for result in results
    ]
    (folder / "results.json").write_text(json.dumps(rows))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True, help="folder that has MNIST/raw")
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--beta", nargs="+", type=float, required=True)
    parser.add_argument("--seed", nargs="+", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--views", type=int, required=True, help="augmented for a CVAE: 1 or 2")
    parser.add_argument("--concurrent", type=int, required=True, help="trials at a time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
