"""The baseline: the training loop that the paper's code used, written out plainly.

A DataLoader over torchvision's data set with PIL transforms image by image, PyTorch's default
Adam and gradient clipping, and the losses as one finds them in tutorials. The model is the
project's own, so that only the loop differs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from cvae_core.config import TrialConfig
from cvae_core.data import Images
from cvae_core.data.vision import torchvision
from cvae_core.models import ContrastiveVAE, build_model


def transforms(name: str) -> tuple[Any, Any]:
    """A PIL image to a tensor, as it is and augmented, for MNIST or CIFAR-10."""
    t = torchvision.transforms
    if name == "mnist":
        views = [
            t.RandomResizedCrop(28, scale=(0.8, 1.0)),
            t.RandomRotation(15),
            t.RandomAffine(0, translate=(0.1, 0.1)),
        ]
        return t.ToTensor(), t.Compose([*views, t.ToTensor()])
    views = [
        t.RandomResizedCrop(32, scale=(0.2, 1.0)),
        t.RandomHorizontalFlip(),
        t.ColorJitter(0.4, 0.4, 0.4, 0.1),
        t.RandomGrayscale(0.2),
    ]
    scaled = [t.ToTensor(), t.Normalize((0.5,) * 3, (0.5,) * 3)]
    return t.Compose(scaled), t.Compose([*views, *scaled])


class Pair:
    """A PIL image to two tensors: two augmented views, or the image itself and one view."""

    def __init__(self, name: str, augmented: int) -> None:
        as_it_is, self.second = transforms(name)
        self.first = self.second if augmented == 2 else as_it_is

    def __call__(self, image: Any) -> tuple[Tensor, Tensor]:
        return self.first(image), self.second(image)


class InMemory:
    """As torchvision's CIFAR10 has them: a PIL image is made of each when it is asked for."""

    def __init__(self, images: Images, transform: Any) -> None:
        self.pixels = np.ascontiguousarray(images.pixels.transpose(0, 2, 3, 1))
        self.labels = images.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.pixels[index])), int(self.labels[index])


class PlainLoop:
    """Model, optimiser and training step."""

    def __init__(self, config: TrialConfig, image_shape: tuple[int, int, int]) -> None:
        self.config = config
        self.model = build_model(config, image_shape)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)

    def loader(self, source: Path | Images, augmented: int) -> DataLoader[Any]:
        """Batches of ``dataset``, shuffled."""
        dataset = self.dataset(source, augmented)
        return DataLoader(dataset, batch_size=self.config.batch_size, shuffle=True, num_workers=0)

    def dataset(self, source: Path | Images, augmented: int) -> Any:
        """Single images, or pairs of which one or both are augmented.

        They are of MNIST's training files, or of CIFAR-10's shape in memory.
        """
        name = self.config.data.name
        transform = Pair(name, augmented) if augmented else transforms(name)[0]
        if isinstance(source, Path):
            return torchvision.datasets.MNIST(str(source), train=True, transform=transform)
        return InMemory(source, transform)

    def images_per_s(self, loader: DataLoader[Any], steps: int) -> float:
        """Train for some steps, loading included."""
        self.model.train()
        began, images = time.perf_counter(), 0
        for step, (batch, _labels) in enumerate(loader, start=1):
            first, second = batch if isinstance(batch, list) else (batch, None)
            self.step(first, second)
            images += len(first)
            if step == steps:
                break
        return images / (time.perf_counter() - began)

    def step(
        self,
        images: Tensor,
        views: Tensor | None = None,
        noise: Tensor | None = None,
        second_noise: Tensor | None = None,
    ) -> dict[str, float]:
        """One optimiser step; noise is drawn where none is given. Returns the terms.

        The released code hands over two augmented views, and so reconstructs the first of them.
        """
        self.optimizer.zero_grad()
        mu, log_var = self.model.encode(images)
        z = _sample(mu, log_var, noise)
        reconstruction = F.mse_loss(self.model.decode(z), images)
        kl = torch.mean(-0.5 * torch.sum(1 + log_var - mu**2 - torch.exp(log_var), dim=1))
        loss = reconstruction + self.config.beta * kl
        terms = {"reconstruction": reconstruction.item(), "kl": kl.item()}
        if views is not None:
            assert isinstance(self.model, ContrastiveVAE)
            second = _sample(*self.model.encode(views), second_noise)
            contrastive = _nt_xent(self.model.head(z), self.model.head(second), self.config.tau)
            loss = loss + self.config.lambda_ * contrastive
            terms["contrastive"] = contrastive.item()
        loss.backward()
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        return terms | {"loss": loss.item()}


def _sample(mu: Tensor, log_var: Tensor, noise: Tensor | None) -> Tensor:
    std = torch.exp(0.5 * log_var)
    return mu + std * (torch.randn_like(std) if noise is None else noise)


def _nt_xent(a: Tensor, b: Tensor, tau: float) -> Tensor:
    size = a.shape[0]
    z = F.normalize(torch.cat([a, b], dim=0), dim=1)
    similarity = torch.matmul(z, z.T) / tau
    exponentials = torch.exp(similarity)
    itself = torch.eye(2 * size, dtype=torch.bool)
    denominator = exponentials.masked_fill(itself, 0).sum(dim=1)
    positives = torch.cat([torch.diag(similarity, size), torch.diag(similarity, -size)])
    return torch.mean(torch.log(denominator) - positives)
