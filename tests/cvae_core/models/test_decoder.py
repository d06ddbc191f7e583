from __future__ import annotations

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.models import build_model


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_it_starts_at_the_colour_that_it_is_given(value_range: str) -> None:
    """With all other weights at zero it shows nothing else."""
    config = TrialConfig.from_settings({"data": {"name": "cifar10", "value_range": value_range}})
    decoder = build_model(config, (3, 32, 32)).decoder
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    decoder.start_at([0.2, 0.5, 0.9])
    images = decoder(torch.randn(2, config.architecture.latent_dim))
    unit = images if value_range == "unit" else (images + 1) / 2
    expected = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand_as(unit)
    torch.testing.assert_close(unit, expected)


@pytest.mark.parametrize(
    ("value_range", "output", "span"),
    [("unit", "tanh", (-1, 1)), ("symmetric", "sigmoid", (0, 1))],
)
def test_an_output_of_another_range_starts_at_the_colour_too(
    value_range: str, output: str, span: tuple[int, int]
) -> None:
    """As far as it can say it: a sigmoid has no negative half, so that dark becomes mid-grey."""
    config = TrialConfig.from_settings(
        {
            "data": {"name": "cifar10", "value_range": value_range},
            "architecture": {"output": output},
        }
    )
    decoder = build_model(config, (3, 32, 32)).decoder
    far = decoder(100 * torch.randn(64, config.architecture.latent_dim)).detach()
    assert span[0] <= float(far.min()) < span[0] + 0.2
    assert span[1] - 0.2 < float(far.max()) <= span[1]
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    decoder.start_at([0.2, 0.6, 0.9])
    pixels = decoder(torch.randn(1, config.architecture.latent_dim))[0, :, 0, 0]
    said = [0.2, 0.6, 0.9] if value_range == "unit" else [0.01, 0.2, 0.8]
    torch.testing.assert_close(pixels, torch.tensor(said))


def test_weights_begin_alike_whatever_the_output_is() -> None:
    models = [
        build_model(TrialConfig.from_settings({"architecture": {"output": output}}), (1, 8, 8))
        for output in ("auto", "tanh")
    ]
    for ours, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, other)


@pytest.mark.parametrize("blocks", ["conv", "residual"])
def test_its_first_layer_may_be_linear(blocks: str) -> None:
    """By hand up to the first convolution; weights, and their names, are those of the other."""
    rectified, linear = (
        build_model(
            TrialConfig.from_settings(
                {"architecture": {"decoder_input": activation, "blocks": blocks}}
            ),
            (1, 8, 8),
        ).decoder
        for activation in ("relu", "linear")
    )
    for name, weights in linear.state_dict().items():
        assert torch.equal(weights, rectified.state_dict()[name])
    z = torch.randn(4, TrialConfig().architecture.latent_dim)
    first = linear.layers[0]
    flat = z @ first.get_parameter("weight").T + first.get_parameter("bias")
    assert bool((flat < 0).any())
    for decoder, expected in ((linear, flat), (rectified, flat.clamp(min=0))):
        _, in_maps, _, *rest = decoder.layers
        images = in_maps(expected)
        for layer in rest:
            images = layer(images)
        torch.testing.assert_close(decoder(z), images)


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_images_of_one_colour_leave_it_finite_and_with_a_gradient(
    value_range: str, colour: float
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range}})
    decoder = build_model(config, (1, 8, 8)).decoder
    decoder.start_at([colour])
    bias = decoder.layers[-2].bias
    assert isinstance(bias, torch.Tensor)
    assert bool(bias.isfinite().all())
    decoder(torch.zeros(1, config.architecture.latent_dim)).sum().backward()
    assert bias.grad is not None
    assert float(bias.grad.abs()) > 0.01
