"""What is killed, and when: drawn from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Victim = Literal["driver", "worker", "gcs_server", "raylet"]
LAST_SHARE = 0.6
"""The last kill comes before so much is done: of what is left, a fast machine makes seconds."""


@dataclass(frozen=True)
class Kill:
    """One kill that is to be."""

    victim: Victim
    share: float
    """Of all epochs of the undisturbed sweep; so many are done before."""
    aim: Literal["training", "write"]
    """At any moment of training, or when a write of the victim is seen open."""
    delay_s: float
    """From then on until the kill, so that it meets any moment of an epoch."""


def plan_of(seed: int, kills: int) -> list[Kill]:
    """The kills of a sweep, in their order.

    Driver, worker and a process of Ray's are dealt from a shuffled deck, in which each is as often
    as the others or once more.
    """
    draw = random.Random(f"kills {seed}")
    deck: list[str] = []
    while len(deck) < kills:
        deck += draw.sample(["driver", "worker", "ray"], 3)
    deck = deck[:kills]
    draw.shuffle(deck)
    plan = []
    for number, card in enumerate(deck):
        ray: Victim = draw.choice(("gcs_server", "raylet"))
        victim: Victim = "driver" if card == "driver" else "worker" if card == "worker" else ray
        plan.append(
            Kill(
                victim,
                share=LAST_SHARE * (number + draw.random() * 0.8) / kills,
                aim=draw.choice(("training", "write")),
                delay_s=draw.random() * 0.3,
            )
        )
    return plan
