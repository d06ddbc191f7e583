"""The encoder: images to the parameters of a Gaussian posterior."""

from __future__ import annotations

from torch import Tensor, nn

from cvae_core.models.blocks import Blocks, Norm, block_layers, norm_layers
from cvae_core.sizes import Stage


class Encoder(nn.Module):
    """Strided convolutions, each with a residual block or none, then two parallel linear layers.

    Maps (B, C, H, W) to means and log-variances, each (B, D), float32 whatever it computes in.
    """

    def __init__(
        self, stages: list[Stage], latent_dim: int, norm: Norm, blocks: Blocks = "conv"
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage in stages:
            layers += [
                nn.Conv2d(stage.channels_in, stage.channels_out, *stage.window),
                *norm_layers(norm, stage.channels_out),
                nn.ReLU(),
                *block_layers(blocks, norm, stage.channels_out),
            ]
        self.features = nn.Sequential(*layers, nn.Flatten())
        units = stages[-1].channels_out * stages[-1].size_out ** 2
        self.mu = nn.Linear(units, latent_dim)
        self.log_var = nn.Linear(units, latent_dim)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        # Two products: the gradient of one layer for both is summed in another order.
        return self.mu(features).float(), self.log_var(features).float()
