"""The contrastive VAE: a VAE with a projection head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from cvae_core.models.decoder import Decoder
from cvae_core.models.encoder import Encoder
from cvae_core.models.vae import VAE


class ContrastiveVAE(VAE):
    """A VAE whose latents also pass a small MLP, the input of the contrastive term.

    ``head`` is registered last, so that encoder and decoder parameters come in a VAE's order.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, head: nn.Module) -> None:
        super().__init__(encoder, decoder)
        self.head = head

    def project(self, z: Tensor) -> Tensor:
        """Projections (B, P), not normalised, of latents (B, D)."""
        projections: Tensor = self.head(z)
        return projections.float()

    def encode_view(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Encode an augmented batch without a trace in batch norm's running statistics.

        Those describe the data, not its augmentations, and have to match a VAE's.
        """
        with _statistics_untouched(self.encoder):
            return self.encode(views)


def projection_head(latent_dim: int, widths: tuple[int, ...]) -> nn.Sequential:
    """An MLP from (B, latent_dim) to (B, widths[-1]); ReLU between layers, none after the last."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(latent_dim, width), nn.ReLU()]
        latent_dim = width
    return nn.Sequential(*layers[:-1])


@contextmanager
def _statistics_untouched(module: nn.Module) -> Iterator[None]:
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        # In training mode such a layer normalises by its batch and updates nothing; in
        # evaluation mode the flag is not looked at.
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
