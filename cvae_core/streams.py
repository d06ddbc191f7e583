"""Separate random streams by purpose, so that adding one never shifts another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

TRAINING = ("batches", "noise", "views", "second_noise")
AUGMENTED = (*TRAINING, "augmentation")
"""Of training where what is encoded is a view: it has a stream of its own, so that the views of
the contrastive term stay what they are."""
VALIDATION = ("val_noise", "val_views", "val_second_noise")


def derive_seed(seed: int, purpose: str) -> int:
    """A 63-bit seed from a trial's seed and the name of a purpose."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, purpose: str) -> torch.Generator:
    """A generator on the CPU: the same numbers whatever device the model trains on."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose))


@contextmanager
def torch_seeded(seed: int, purpose: str) -> Iterator[None]:
    """Torch's global CPU generator, seeded for a purpose and restored afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, purpose))
        yield


class Streams:
    """The generators of one phase, by purpose; their states go into checkpoints."""

    def __init__(self, seed: int, purposes: tuple[str, ...]) -> None:
        self._generators = {purpose: stream(seed, purpose) for purpose in purposes}

    def __getitem__(self, purpose: str) -> torch.Generator:
        return self._generators[purpose]

    def state_dict(self) -> dict[str, Tensor]:
        """The state of each generator, uint8 tensors."""
        return {name: g.get_state() for name, g in self._generators.items()}

    def load_state_dict(self, states: Mapping[str, Tensor]) -> None:
        """Continue each generator where its state was taken."""
        for name, generator in self._generators.items():
            generator.set_state(states[name])
