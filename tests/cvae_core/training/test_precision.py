"""Training in bfloat16: what is rounded and what is not, and that nothing else is another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.models import build_model
from cvae_core.streams import TRAINING, VALIDATION, Streams
from cvae_core.training import terms as terms_module
from cvae_core.training.checkpoint import read_checkpoint
from cvae_core.training.precision import arithmetic
from cvae_core.training.terms import batch_terms
from cvae_core.training.training import Training

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
HALF = {"precision": "bfloat16"}
STEP = 2**-8
"""Half the distance of neighbours in bfloat16, as a share of them, is at most this."""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, torch.dtype, bool]]]:
    """Of each loss that was computed its name, its input's type, and whether under autocast."""
    found: list[tuple[str, torch.dtype, bool]] = []
    for name in ("pixel_mse", "gaussian_kl", "nt_xent"):
        loss = getattr(terms_module, name)

        def noting(*inputs: Any, name: str = name, loss: Any = loss) -> Tensor:
            rounded = torch.is_autocast_enabled("cpu")
            tensors = (each for each in inputs if isinstance(each, Tensor))
            found.extend((name, tensor.dtype, rounded) for tensor in tensors)
            result: Tensor = loss(*inputs)
            return result

        monkeypatch.setattr(terms_module, name, noting)
    yield found


def test_layers_compute_in_bfloat16_and_losses_in_float32(
    configure: Configure, small: Dataset, seen: list[tuple[str, torch.dtype, bool]]
) -> None:
    config = configure(model="cvae", **HALF)
    training = Training(config, small)
    layers = [m for m in training.model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    layers += [m for m in training.model.modules() if isinstance(m, nn.ConvTranspose2d)]
    types: set[torch.dtype] = set()
    for layer in layers:
        layer.register_forward_hook(lambda _, __, output: types.add(output.dtype))
    training.step(torch.rand(8, 1, 28, 28))
    assert types == {torch.bfloat16}
    assert {name for name, _, _ in seen} == {"pixel_mse", "gaussian_kl", "nt_xent"}
    assert {(dtype, rounded) for _, dtype, rounded in seen} == {(torch.float32, False)}
    gradients = [parameter.grad for parameter in training.model.parameters()]
    assert {gradient.dtype for gradient in gradients if gradient is not None} == {torch.float32}
    types.clear()
    training.run_epoch()  # an evaluation, at its end, in float32
    assert types == {torch.bfloat16, torch.float32}
    state = training.checkpoint()
    stored = [
        *state.model.values(),
        *(t for s in state.optimizer["state"].values() for t in s.values()),
    ]
    assert {tensor.dtype for tensor in stored} == {torch.float32}


@pytest.mark.parametrize("kind", ["conv", "transposed", "linear"])
def test_what_is_rounded_are_inputs_weights_and_results(kind: str) -> None:
    """Against the same sums in float64, of numbers rounded by hand."""
    drawn = torch.Generator().manual_seed(0)
    layers: dict[str, tuple[nn.Module, Callable[..., Tensor], tuple[int, ...]]] = {
        "conv": (nn.Conv2d(8, 16, 4, 2, 1), F.conv2d, (4, 8, 14, 14)),
        "transposed": (nn.ConvTranspose2d(8, 4, 4, 2, 1), F.conv_transpose2d, (4, 8, 7, 7)),
        "linear": (nn.Linear(64, 10), F.linear, (4, 64)),
    }
    layer, function, shape = layers[kind]
    window = () if kind == "linear" else (2, 1)
    inputs = torch.randn(shape, generator=drawn)

    def rounded(tensor: Tensor) -> Tensor:
        return tensor.detach().to(torch.bfloat16).double()

    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    expected = function(rounded(inputs), rounded(weight), rounded(bias), *window)
    config = TrialConfig.from_settings(HALF)
    with arithmetic(layer.train(), inputs, config):
        found = layer(inputs).double()
    # Without AVX-512, PyTorch's own transposed convolution rounds its sums as well.
    rounds_sums = kind == "transposed" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    torch.testing.assert_close(found, expected, rtol=STEP, atol=0.02 if rounds_sums else 1e-5)
    with arithmetic(layer.eval(), inputs, config):
        exact = layer(inputs)
    assert exact.dtype == torch.float32
    assert torch.equal(exact, layer(inputs))


def test_validation_and_evaluation_know_nothing_of_it(configure: Configure, small: Dataset) -> None:
    """What is measured of the trained weights is what a float32 trial would measure of them."""
    config = configure(model="cvae", epochs=1, **HALF)
    training = Training(config, small)
    (record,) = [training.run_epoch()]
    plain = dataclasses.replace(config, precision="float32")
    model = build_model(plain, small.image_shape)
    model.load_state_dict(training.checkpoint().model)
    model.eval()
    pixels = torch.from_numpy(small.train.pixels[training._val.numpy()])
    with torch.no_grad():
        streams = Streams(config.seed, VALIDATION)
        terms = batch_terms(model, pixels.float() / 255, plain, streams, "val_")
    for name, term in terms._asdict().items():
        assert record["metrics"][f"val/{name}"] == pytest.approx(float(term), rel=1e-5)


def test_a_step_is_near_that_of_float32_and_not_the_same(
    configure: Configure, small: Dataset
) -> None:
    images = torch.from_numpy(small.train.pixels[:64]).float() / 255
    terms, gradients = [], []
    for precision in ("float32", "bfloat16"):
        config = configure(model="cvae", precision=precision, **{"lambda": 1.0})
        training = Training(config, small)
        found = batch_terms(training.model, images, config, Streams(0, TRAINING))
        found.loss.backward()
        terms.append([float(term.detach()) for term in found if term is not None])
        parameters = training.model.parameters()
        gradients.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))
    assert terms[0] != terms[1]
    assert terms[0] == pytest.approx(terms[1], rel=0.01)
    apart = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    assert 0 < float(apart) < 0.03


def test_a_white_pixel_still_has_a_gradient(configure: Configure) -> None:
    """In bfloat16 itself a sigmoid of 7 is 1, and so would its pixel stay white for ever."""
    config = configure(**HALF)
    decoder = build_model(config, (1, 28, 28)).decoder
    assert torch.sigmoid(torch.tensor(7.0, dtype=torch.bfloat16)) == 1
    for parameter in decoder.parameters():
        nn.init.zeros_(parameter)
    bias = decoder.layers[-2].get_parameter("bias")
    nn.init.constant_(bias, 7.0)
    z = torch.zeros(2, config.architecture.latent_dim)
    with arithmetic(decoder, z, config):
        images = decoder(z)
    images.mean().backward()
    assert bias.grad is not None
    expected = torch.sigmoid(torch.tensor(7.0)) * torch.sigmoid(torch.tensor(-7.0))
    torch.testing.assert_close(bias.grad, expected.reshape(1), rtol=0.02, atol=0)


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_going_on_from_a_file_gives_the_same_bytes(
    configure: Configure, small: Dataset, norm: str
) -> None:
    """Of the whole file: how its tensors lie in memory is the same, too."""
    shape = {"norm": norm, "blocks": "residual", "kernel": 5, "channels": [8, 16]}
    config = configure(model="cvae", epochs=2, batch_size=90, architecture=shape, **HALF)
    training = Training(config, small)
    training.run_epoch()
    file = training.checkpoint().to_bytes()
    training.run_epoch()
    resumed = Training(config, small, start=read_checkpoint(file, config=config))
    resumed.run_epoch()
    assert resumed.checkpoint().to_bytes() == training.checkpoint().to_bytes()


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_a_cvae_of_lambda_zero_follows_the_vae(
    configure: Configure, small: Dataset, norm: str
) -> None:
    shared = {"architecture": {"norm": norm}, "epochs": 2, "batch_size": 90, **HALF}
    vae = fit(configure(model="vae", **shared), small)
    cvae = fit(configure(model="cvae", **shared, **{"lambda": 0.0}), small)
    weights = cvae.model.state_dict()
    assert all(torch.equal(t, weights[name]) for name, t in vae.model.state_dict().items())
    for ours, control in zip(vae.history, cvae.history, strict=True):
        same = ("train/loss", "train/kl", "val/loss", "val/reconstruction")
        assert [ours["metrics"][n] for n in same] == [control["metrics"][n] for n in same]
