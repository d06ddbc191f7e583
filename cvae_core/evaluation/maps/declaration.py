"""Part ``umap``, declared."""

from __future__ import annotations

from dataclasses import dataclass

from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.settings import Checked, setting


@dataclass(frozen=True)
class UmapConfig(Checked):
    """A map of the latent means in two dimensions."""

    neighbours: int = setting(15, "n_neighbors", ge=2)
    min_dist: float = setting(0.1, "min_dist", ge=0, le=1)
    n: int = setting(10_000, "images on the map, at most", ge=10)
    shared: bool = setting(
        False,
        "also one map of all trials, their latents aligned to the first one's",
        identity=False,
    )


METRICS = (
    Metric(
        "umap/trustworthiness<count><map>",
        "trustworthiness",
        "how far neighbours on the map (k = 15) are neighbours among the latents, in [0, 1]; over "
        "all test images up to 10,000, another N and other settings of the map are in the name",
        "higher",
        "",
        "Venna and Kaski, ICANN 2001",
        places={"<count>": r"(_n\d+)?", "<map>": r"(_k\d+)?(_d[0-9.e-]+)?"},
    ),
    Metric(
        "umap/shared_trustworthiness",
        "trustworthiness",
        "umap/trustworthiness of the map that all trials share, over their aligned latents",
        "higher",
        "",
        "Venna and Kaski, ICANN 2001",
    ),
)

UMAP = Part(
    "umap",
    "cvae_core.evaluation.maps.part",
    UmapConfig,
    on=True,
    title="map of the latents",
    metrics=METRICS,
    seconds=Seconds(0.8, 0.3),
    once=Seconds(8.0),
    latents=True,
)
