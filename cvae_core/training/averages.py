"""The terms of every batch of an epoch, and their means."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cvae_core.errors import NonFiniteLossError

CHECK_EVERY_STEPS = 50


class Averages:
    """Terms batch by batch, kept on the device: reading a number there would wait for it.

    Args:
        columns: names of the terms, the loss first.
        batches: the indices of each batch's images.
        device: where the terms are computed.
    """

    def __init__(
        self, columns: Sequence[str], batches: Sequence[Tensor], device: torch.device
    ) -> None:
        self._columns = columns
        self._sizes = torch.tensor([len(batch) for batch in batches], dtype=torch.float64)
        self._rows = torch.zeros(len(batches), len(columns), device=device)
        self._filled = 0

    def add(self, terms: Sequence[Tensor | None]) -> None:
        """Note the next batch's terms, scalars, in the order of the columns; None is left out."""
        for column, term in enumerate(term for term in terms if term is not None):
            self._rows[self._filled, column] = term
        self._filled += 1

    def fill(self, rows: Tensor) -> None:
        """Note the terms of all batches, (batches, columns), at once."""
        self._rows.copy_(rows)
        self._filled = len(self._rows)

    def check_now_and_then(self, epoch: int) -> None:
        """Look at what was added every so many batches, and at the end.

        Raises:
            NonFiniteLossError: a term is not finite; the first batch of which that is so is named.
        """
        last = self._filled == len(self._rows)
        if self._filled % CHECK_EVERY_STEPS and not last:
            return
        finite = self._rows[: self._filled].isfinite().all(dim=1)
        if bool(finite.all()):
            return
        step = int((~finite).to(torch.uint8).argmax())
        values = dict(zip(self._columns, self._rows[step].tolist(), strict=True))
        raise NonFiniteLossError(
            f"the loss is not finite in epoch {epoch}, step {step + 1} of {len(self._rows)}: "
            f"{listed(values)}"
        )

    def means(self, split: str) -> dict[str, float]:
        """Means over images (over batches, weighted by their size), summed in float64."""
        rows = self._rows.to("cpu", torch.float64)
        means = (rows * self._sizes[:, None]).sum(dim=0) / self._sizes.sum()
        named = zip(self._columns, means, strict=True)
        return {f"{split}/{name}": float(mean) for name, mean in named}


def listed(values: dict[str, float]) -> str:
    """Names and values on one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
