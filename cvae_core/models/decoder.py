"""The decoder: latents to images."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from cvae_core.models.blocks import Blocks, Norm, Stage, block_layers, norm_layers


class Decoder(nn.Module):
    """A linear layer, then transposed convolutions that mirror the encoder.

    Maps (B, D) to (B, C, H, W) in the data's range: a sigmoid for [0, 1], tanh for [-1, 1].
    """

    def __init__(
        self,
        stages: list[Stage],
        latent_dim: int,
        norm: Norm,
        value_range: Literal["unit", "symmetric"],
        blocks: Blocks = "conv",
    ) -> None:
        super().__init__()
        deepest = stages[-1]
        shape = (deepest.channels_out, deepest.size_out, deepest.size_out)
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, deepest.channels_out * deepest.size_out**2),
            nn.Unflatten(1, shape),
            nn.ReLU(),
        ]
        for stage in reversed(stages):
            layers += [
                *block_layers(blocks, norm, stage.channels_out),
                nn.ConvTranspose2d(
                    stage.channels_out, stage.channels_in, *stage.window, stage.output_padding
                ),
            ]
            if stage is not stages[0]:
                layers += [*norm_layers(norm, stage.channels_in), nn.ReLU()]
        layers.append(nn.Sigmoid() if value_range == "unit" else nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.layers(z)
        return images
