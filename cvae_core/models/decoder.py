"""The decoder: latents to images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from cvae_core.config import ArchitectureConfig
from cvae_core.models.blocks import block_layers, norm_layers
from cvae_core.sizes import Stage

Range = Literal["unit", "symmetric"]
Output = Literal["sigmoid", "tanh"]
NEAREST = 0.01
"""A start no nearer to black or white: the output's gradient vanishes there."""


class Decoder(nn.Module):
    """A linear layer, then transposed convolutions that mirror the encoder.

    Maps (B, D) to (B, C, H, W) in the output's range: that of a sigmoid is [0, 1], of tanh [-1, 1].
    """

    def __init__(
        self, stages: list[Stage], shape: ArchitectureConfig, value_range: Range, output: Output
    ) -> None:
        super().__init__()
        self.value_range, self.output = value_range, output
        deepest = stages[-1]
        side = deepest.size_out
        layers: list[nn.Module] = [
            nn.Linear(shape.latent_dim, deepest.channels_out * side**2),
            nn.Unflatten(1, (deepest.channels_out, side, side)),
            # Layers, and with them the names of weights, are as many with either.
            nn.ReLU() if shape.decoder_input == "relu" else nn.Identity(),
        ]
        for stage in reversed(stages):
            layers += [
                *block_layers(shape.blocks, shape.norm, stage.channels_out),
                nn.ConvTranspose2d(
                    stage.channels_out, stage.channels_in, *stage.window, stage.output_padding
                ),
            ]
            if stage is not stages[0]:
                layers += [*norm_layers(shape.norm, stage.channels_in), nn.ReLU()]
        layers.append(nn.Sigmoid() if output == "sigmoid" else nn.Tanh())
        self.layers = nn.Sequential(*layers)

    @torch.no_grad()
    def start_at(self, colour: Sequence[float]) -> None:
        """Set the last bias so that all pixels begin at one colour: the training images' mean.

        Left to chance they begin at grey. Where images are mostly black, all of them then pull this
        bias down at once, to where the output has no gradient, and at a small β a model may stay
        at black images for thousands of steps.

        Args:
            colour: of each channel, in [0, 1], whatever range images and output have.
        """
        shares = [self._share_of_output(share) for share in colour]
        logits = torch.tensor([math.log(share / (1 - share)) for share in shares])
        # atanh(2 x - 1) is half of logit(x).
        bias = self.layers[-2].get_parameter("bias")
        bias.copy_(logits if self.output == "sigmoid" else logits / 2)

    def _share_of_output(self, share: float) -> float:
        """How far up the output's range a colour lies; one that it cannot say is near an end."""
        if self.value_range == "unit" and self.output == "tanh":
            share = (1 + share) / 2
        elif self.value_range == "symmetric" and self.output == "sigmoid":
            share = 2 * share - 1
        return min(max(share, NEAREST), 1 - NEAREST)

    def forward(self, z: Tensor) -> Tensor:
        *layers, activation = self.layers
        for layer in layers:
            z = layer(z)
        # In float32 whatever came before computes in: near the end of its range bfloat16 has steps
        # of a grey level, and no gradient on the last of them.
        images: Tensor = activation(z.float())
        return images
