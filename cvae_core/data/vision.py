"""Where torchvision is imported: ``from cvae_core.data.vision import torchvision``.

torchvision's ordinary wheel is built against CUDA. Beside a CPU build of PyTorch its compiled
operators do not load, and importing it then fails, because it registers shape functions for the
operators ``nms`` and ``qnms`` whether they exist or not. Declaring the two signatures first lets
the import succeed; data sets, transforms and models work, and calling one of the two raises.
Where the operators load, nothing is declared.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_SIGNATURES = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _operators_load() -> bool:
    """Whether torchvision's compiled operators load; if so they are registered afterwards."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # not installed: let the import say so
    libraries = [
        *Path(spec.origin).parent.glob("_C*.so"),
        *Path(spec.origin).parent.glob("_C*.pyd"),
    ]
    try:
        for library in libraries:
            torch.ops.load_library(str(library))
    except OSError:
        return False
    return bool(libraries)


def _declare_missing_operators() -> torch.library.Library | None:
    if _operators_load():
        return None
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for name, signature in _SIGNATURES.items():
        if not hasattr(torch.ops.torchvision, name):
            fragment.define(signature)
    return fragment


# Kept alive by the module: the declarations go when the fragment does.
_declared = _declare_missing_operators()

import torchvision  # noqa: E402

__all__ = ["torchvision"]
