"""Models that others are measured against: what each of them depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Baseline:
    """A model that others are measured against, and that has no settings of its own to tune."""

    settings: tuple[str, ...]
    """All that it depends on: settings and groups, with dots."""
    epochs: int = 1
    """How long it is trained, whatever ``epochs`` says."""
    learns: bool = True
    """Whether it looks at the training images before it is judged."""
    decodes: bool = False
    """Whether it makes images of latents."""


_ENCODER = tuple(
    f"architecture.{name}" for name in ("channels", "latent_dim", "norm", "kernel", "blocks")
)
BASELINES: dict[str, Baseline] = {
    "pca": Baseline(("data", "architecture.latent_dim"), decodes=True),
    "pixels": Baseline(("data",), learns=False),
    "untrained": Baseline(("data", *_ENCODER, "seed"), learns=False),
    "supervised": Baseline(("data", *_ENCODER, "seed", "batch_size"), epochs=5),
}
"""In the order in which they stand below the models that are compared."""
