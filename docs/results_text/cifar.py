"""CIFAR-10 at equal β."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from results_tables import Found

from results_text.asked import ERROR, SCALED, TABLE


def cifar_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `cifar10_quick.yaml`."""
    cifar = found["cifar10_quick"]
    yield (
        "On a copy of CIFAR-10 that was stored as JPEG, so its figures are not those of the original "
        f"images. Scaled probe: {cifar.difference(SCALED)}; test MSE {cifar.difference(ERROR)}, both "
        "families with tanh."
    )
    yield ""
    yield from cifar.verdicts(TABLE)
    yield ""
    yield from cifar.means(TABLE)
    yield ""
    yield from cifar.paper()
    yield ""
    yield cifar.run()
