"""How cuDNN computes wherever a figure of a trial comes from: the same each time, in float32.

Left to itself it takes whichever kernel is fastest, and convolves in TF32, with a mantissa of ten
bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic() -> Iterator[None]:
    """cuDNN's deterministic kernels and full float32, restored afterwards; no effect on the CPU."""
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
