"""Views that only some images of a batch get."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def chosen_by(uniform: Tensor, probability: float) -> Tensor:
    """Which images get a view, ascending, int64 (N,), of a number in [0, 1) for each, (B,)."""
    return (uniform < probability).nonzero()[:, 0]


def on_chosen(images: Tensor, chosen: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    """A batch in which the chosen images went through a view and the others are as they were.

    Args:
        images: (B, C, H, W).
        chosen: int64 (N,), each image at most once.
        view: maps (N, C, H, W) to the same shape.

    Returns:
        (B, C, H, W).
    """
    chosen = chosen.to(images.device)
    # Indexing with brackets would do the same and took five times as long.
    return images.index_copy(0, chosen, view(images.index_select(0, chosen)))
