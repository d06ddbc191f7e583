"""What the machine's arithmetic can do, and how much of it a training step is."""

from __future__ import annotations

import time

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from cvae_core.training.training import Training

SIDE = 1024
PRODUCTS = 5


def matrix_rate(precision: str) -> float:
    """Floating-point operations a second of products of square matrices, the fastest of a few.

    On the threads that PyTorch has.
    """
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(PRODUCTS):
        began = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - began)
    return 2 * SIDE**3 / min(seconds)


def step_operations(training: Training, images: Tensor) -> float:
    """Floating-point operations an image of one training step: convolutions and products alone."""
    counter = FlopCounterMode(display=False)
    with counter:
        training.step(images)
    return float(counter.get_total_flops()) / len(images)
