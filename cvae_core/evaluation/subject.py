"""What is judged: a trained model with its data. What several parts look at is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.data.scaling import shared, to_model_range, to_stored, to_unit
from cvae_core.data.splits import VALIDATION_FIT, split_of
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.probes.declaration import Representation
from cvae_core.evaluation.progress import within
from cvae_core.models import any_model
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.streams import stream

BATCH = 512
SHARED_SEED = 0
"""Of every random number of an evaluation: the same for all trials, whatever their seed."""

Which = Literal["fit", "judged"]
Posterior = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Means and log-variances, each (N, D); None of those of a baseline, whose latents are points."""


class Subject:
    """A trained model and the images that it is judged on.

    Args:
        config: the trial's settings.
        data: its data set.
        weights: of the model.
        split: ``test``, once and at the end, or ``validation``.
        epochs: the trial's records by epoch, for curves.
        epoch: that the weights are of.
        label: what people call the trial.
        cache: folder for what all trials on this machine share, found by content.
        kept: folder with files that findings wanted to be kept; None: nothing is kept.
        device: as PyTorch names it.
    """

    # Ten parameters: each is something that one part or another looks at, most have a default.
    def __init__(
        self,
        config: TrialConfig,
        data: Dataset,
        weights: Mapping[str, Tensor],
        *,
        split: Literal["test", "validation"] = "test",
        epochs: Sequence[Mapping[str, Any]] = (),
        epoch: int = 0,
        label: str = "",
        cache: Path,
        kept: Path | None = None,
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.data = data
        self.split = split
        self.epochs = epochs
        self.epoch = epoch
        self.label = label
        self.cache = cache
        self.kept = kept
        self.device = torch.device(device)
        self.model = any_model(config, data.image_shape).to(self.device)
        self.model.load_state_dict(dict(weights))
        self.model.eval()
        train, val = split_of(data, config.data)
        self._pixels = {"fit": shared(data.train.pixels), "judged": shared(data.test.pixels)}
        self._labels = {"fit": data.train.labels, "judged": data.test.labels}
        self._indices = {"fit": train, "judged": torch.arange(len(data.test))}
        if split == "validation":
            self._pixels["judged"] = self._pixels["fit"]
            self._labels["judged"] = self._labels["fit"]
            self._indices = {"fit": train[:VALIDATION_FIT], "judged": val}
        self._posteriors: dict[str, Posterior] = {}
        self._generated: Tensor | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes as they can be written; folders may have others."""
        names = self.data.classes
        return tuple(name.encode(errors="backslashreplace").decode() for name in names)

    def pixels(self, which: Which, count: int | None = None) -> Tensor:
        """uint8 (N, C, H, W) of the images that classifiers are fitted on, or of those judged.

        ``count``: the first ones alone.
        """
        if which == "judged" and self.split == "test":
            return self._pixels["judged"][:count]
        return self._pixels[which].index_select(0, self._indices[which][:count])

    def labels(self, which: Which) -> NDArray[np.int64]:
        """Classes (N,) of the same images."""
        labels: NDArray[np.int64] = self._labels[which][self._indices[which].numpy()]
        return labels

    def posterior(self, which: Which) -> Posterior:
        """Means and log-variances, each float32 (N, D) or None, of the same images.

        Raises:
            EvaluationError: some are not finite.
        """
        for _ in self.encoded(which):
            pass
        return self._posteriors[which]

    @torch.no_grad()
    def encoded(self, which: Which) -> Iterator[float | Posterior]:
        """``posterior`` with signs of life: it is at hand once this is done.

        Yields:
            The share that is done, in (0, 1), after each batch, and at last the posterior.

        Raises:
            EvaluationError: some are not finite.
        """
        if which not in self._posteriors:
            pixels, indices = self._pixels[which], self._indices[which]
            means, log_variances = [], []
            for chunk in indices.split(BATCH):
                batch = pixels.index_select(0, chunk).to(self.device)
                mu, log_var = self.model.encode(self.real(batch))
                means.append(mu.cpu())
                if log_var is not None:
                    log_variances.append(log_var.cpu())
                yield len(means) * BATCH / (len(indices) + BATCH)
            self._posteriors[which] = (
                _finite(torch.cat(means).numpy(), "latent means"),
                _finite(torch.cat(log_variances).numpy(), "latent log-variances")
                if log_variances
                else None,
            )
        yield self._posteriors[which]

    def representation(self, kind: Representation, which: Which) -> NDArray[np.float32]:
        """What a classifier gets, float32 (N, D): means, samples, or projections of the means.

        The noise of samples is the same for every trial of as many latent dimensions.

        Raises:
            EvaluationError: some are not finite, or the model has no such representation.
        """
        mu, log_var = self.posterior(which)
        if kind == "mean":
            return mu
        if log_var is None:
            raise EvaluationError(f"the latents of {self.config.model} are points, and no samples")
        if kind == "sample":
            noise = torch.randn(mu.shape, generator=stream(SHARED_SEED, f"evaluation/{which}"))
            return _finite(mu + np.exp(0.5 * log_var) * noise.numpy(), "sampled latents")
        if not isinstance(self.model, ContrastiveVAE):
            raise EvaluationError("a VAE has no projection head")
        with torch.no_grad():
            head = self.model.project(torch.from_numpy(mu).to(self.device)).cpu().numpy()
        return _finite(head, "projections")

    def prior(self, count: int) -> Tensor:
        """Latents (count, D) of the prior, the same for every VAE of as many dimensions."""
        return self._prior(count)[:count]

    def noise(self, count: int) -> Tensor:
        """Standard normal numbers (count, D), of which the prior's latents are made."""
        return self._noise(-(-count // BATCH) * BATCH)[:count]

    def generated(self, count: int) -> Tensor:
        """Images decoded from the prior, uint8 (count, C, H, W): stored as the real ones are.

        Raises:
            EvaluationError: some are not finite.
        """
        *_, images = self.decoded(count)
        assert isinstance(images, Tensor)  # noqa: S101 - decoded ends with it
        return images

    @torch.no_grad()
    def decoded(self, count: int) -> Iterator[float | Tensor]:
        """``generated`` with signs of life.

        Yields:
            The share that is done, in (0, 1), after each batch, and at last the images.

        Raises:
            EvaluationError: some are not finite.
        """
        if self._generated is None or len(self._generated) < count:
            self._generated = yield from within(0, 1, self.rendered(self._prior(count)))
        yield self._generated[:count]

    @torch.no_grad()
    def rendered(self, latents: Tensor) -> Iterator[float | Tensor]:
        """Images decoded from latents (N, D), uint8 (N, C, H, W): stored as the real ones are.

        Yields:
            The share that is done, in (0, 1), after each batch, and at last the images.

        Raises:
            EvaluationError: some are not finite.
        """
        images: list[Tensor] = []
        for z in latents.split(BATCH):
            images.append(to_stored(self.decode(z), self.config.data))
            yield len(images) * BATCH / (len(latents) + 2 * BATCH)
        yield torch.cat(images)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Images (B, C, H, W) in the model's range, on the CPU, of latents (B, D).

        Raises:
            EvaluationError: some are not finite.
        """
        images = self.model.decode(z.to(self.device)).cpu()
        if not bool(images.isfinite().all()):
            raise EvaluationError("decoded images are not finite")
        return images

    def _prior(self, count: int) -> Tensor:
        # Whole batches: the first latents, and the last bits of what they become, are then the
        # same however many are asked for.
        noise = self._noise(-(-count // BATCH) * BATCH)
        with torch.no_grad():
            return self.model.prior(noise.to(self.device)).cpu()

    def _noise(self, count: int) -> Tensor:
        shape = (count, self.config.architecture.latent_dim)
        return torch.randn(shape, generator=stream(SHARED_SEED, "evaluation/prior"))

    def real(self, pixels: Tensor) -> Tensor:
        """Stored images (uint8) as the model reads them."""
        return to_model_range(to_unit(pixels, self.config.data), self.config.data)


def _finite(values: NDArray[np.float32], what: str) -> NDArray[np.float32]:
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        raise EvaluationError(f"the {what} of {bad} of {len(values)} images are not finite")
    return values
