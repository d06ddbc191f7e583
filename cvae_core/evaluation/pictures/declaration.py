"""Part ``pictures``, declared."""

from __future__ import annotations

from dataclasses import dataclass

from cvae_core.evaluation.part import Part, Seconds
from cvae_core.settings import Checked, setting


@dataclass(frozen=True)
class PicturesConfig(Checked):
    """Pictures to look at; the same images and the same noise for every trial."""

    reconstructions: int = setting(
        20, "images over their reconstructions, drawn from all classes", ge=1, le=100
    )
    samples: int = setting(64, "samples of the prior", ge=1, le=400)


PICTURES = Part(
    "pictures",
    "cvae_core.evaluation.pictures.part",
    PicturesConfig,
    on=True,
    title="reconstructions, samples and training curves",
    seconds=Seconds(0.9),
    curves=True,
)
