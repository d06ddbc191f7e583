"""What a search has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from results_tables import Found

from results_text.asked import AT, ERROR, FD, NEIGHBOURS, PROBE, SCALED, TABLE, TUNED_VAE


def best_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `best.yaml` and `best_replicated.yaml`."""
    best, again = found["best"], found["best_replicated"]
    yield (
        f"**With new seeds, CVAE − VAE: {SCALED} {again.difference(SCALED, AT)}; test MSE "
        f"{again.difference(ERROR, AT)}.**"
    )
    yield ""
    yield (
        "Searched were β from 1e-5 to 1e-2, the learning rate from 3e-4 to 5e-3, λ from 1e-3 to 1, τ from 0.1 to 1 and "
        "what is contrasted, 16 trials of ten epochs for each family. Below stand those that no other of their family "
        "beats in both objectives, measured on validation images (*val probe* is not scaled). Each is the best of many "
        "on one seed, so its figures flatter it:"
    )
    yield ""
    yield from best.fronts(("val probe", "val MSE"))
    yield ""
    yield "With seven new seeds and 20 epochs, the CVAE against a VAE of the same β and learning rate:"
    yield ""
    yield from again.verdicts((SCALED, PROBE, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from again.means(TABLE)
    yield ""
    (winner,), more = best.kept["fronts"]["cvae"], again.cell(SCALED, AT)["more_pairs"]
    yield (
        "Against a VAE of the same β and learning rate, which were chosen for the CVAE, neither a gain in the probe nor a "
        "cost in reconstruction, neighbours or samples is certain (see *could find*). In the search the CVAE's probe on "
        f"the test images was {winner['test']['probe/accuracy_standardised']:.4f}; over new seeds it is "
        f"{again.mean(SCALED, f'cvae {AT}')}, although these had twice the epochs. The third row is the VAE that the "
        "search found best in the probe, of another β and learning rate, so that no test pairs it: its probe is "
        f"{again.mean(SCALED, TUNED_VAE)}, its error {again.mean(ERROR, TUNED_VAE)}, and its prior samples are worse. "
        "A VAE that encodes views has a higher mean probe above, untuned and at twice the error; augmentation was not "
        "searched. One trial does not say which of its settings matter, and winners lie near the bounds of β and of the "
        f"learning rate. To be surer: about {more} more seeds at the spread seen, and a longer search."
    )
    yield ""
    yield f"The search: {best.run()} The new seeds: {again.run()}"
