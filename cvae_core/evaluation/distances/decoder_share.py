"""Whether a distance is mostly the decoder's fault or mostly the prior's."""

from __future__ import annotations

from collections.abc import Mapping

HALF = 0.5
"""From this share of the decoder on the distance is mostly the decoder's."""


def decoder_share(distances: Mapping[str, float]) -> float | None:
    """The share of prior samples' distance above the floor that reconstructions have already.

    Args:
        distances: Fréchet distances by source, and ``floor``: all of one number of images.

    Returns:
        (reconstruction - floor) / (prior - floor); None where one is missing, or prior samples are
        as near as real images.
    """
    if not {"prior", "reconstruction", "floor"} <= distances.keys():
        return None
    above = distances["prior"] - distances["floor"]
    return (distances["reconstruction"] - distances["floor"]) / above if above > 0 else None


def mostly(share: float) -> str:
    """Whose fault a distance is for the most part, by the decoder's share."""
    return "mostly decoder" if share >= HALF else "mostly prior"
