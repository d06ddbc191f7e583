"""What somebody takes away who reads no further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from results_tables import Found, signed

from results_text.asked import (
    AT,
    BOTH_NORMED,
    ERROR,
    FD,
    LINEAR,
    LOW,
    MIXTURE,
    NEIGHBOURS,
    NORMED_CVAE,
    NORMED_VAE,
    PAPERS,
    SCALED,
    SMALL_LAMBDA,
    TUNED_VAE,
)


def in_short(found: Mapping[str, Found]) -> Iterator[str]:
    """What somebody takes away who reads no further."""
    if not {"mnist_table1_quick", "augmentation", "augmentation_augment"} <= found.keys():
        return
    table1, augment = found["mnist_table1_quick"], found["augmentation_augment"]
    beside = found["augmentation"].difference(SCALED, "augment=true")
    rates = table1.kept["run"]["images_per_s"]
    yield "## In short"
    yield ""
    yield (
        "- On MNIST at β = 1e-3 the CVAE (the contrastive term and the augmented views that it brings) differs from the "
        f"VAE in the linear probe by {table1.difference(SCALED)}, in the reconstruction error by "
        f"{table1.difference(ERROR)} ({table1.more(ERROR, 'cvae', 'vae')}), in the neighbours of latents (k-NN) by "
        f"{table1.difference(NEIGHBOURS)}; its epochs take {rates['vae'] / rates['cvae']:.1f} times as long. Each "
        "metric was tested by itself; a correction over all of them takes nine seeds."
    )
    yield (
        "- Augmentation without any contrast, a VAE that encodes views and reconstructs the images, changes the probe "
        f"by {augment.difference(SCALED, 'vae')}; beside it the contrastive term by {beside}. So such a gain does not "
        "need a contrastive term: augmentation alone raises the probe more here, at a larger cost in reconstruction "
        f"({augment.more(ERROR, 'vae augment=true', 'vae augment=false')}) and in samples (FD "
        f"{augment.difference(FD, 'vae')})."
    )
    if "mnist_table2_quick" in found:
        table2 = found["mnist_table2_quick"]
        yield (
            "- Prior samples get worse as β falls, as in the paper. There the CVAE's FID is above the VAE's at every β; "
            f"here its FD is below at small ones (CVAE − VAE at β = 1e-5: {table2.difference(FD, LOW)}). At small β nearly all of the FD is the prior's, not the "
            "decoder's: drawn from a mixture that is fitted to the latents, samples of both families are far better, and "
            f"the VAE's are then the better ones ({table2.difference(MIXTURE, LOW)}). So the CVAE's lower FD does "
            "not mean a better decoder."
        )
    if "confounds" in found:
        models, norm = found["confounds"], found["confounds_norm"]
        yield (
            "- Of what else differs in the paper's released code, no effect of the output's activation was found; in the "
            "CVAE's probe one as large as the contrastive term's could have been missed. Batch norm raises the CVAE's "
            f"probe ({norm.difference(SCALED, NORMED_CVAE)}); in the VAE's no effect was found "
            f"({norm.difference(SCALED, NORMED_VAE)}). With it in both, CVAE − VAE has a mean of "
            f"{signed(models.cell(SCALED, BOTH_NORMED)['mean_difference'])} in the probe and "
            f"{signed(models.cell(ERROR, BOTH_NORMED)['mean_difference'])} in the error, "
            "which seven seeds cannot decide over so many rows. Nor can they say whether λ = 1e-3 gains anything "
            f"({models.difference(SCALED, SMALL_LAMBDA)}), and at what cost."
        )
    if "decoder_input" in found:
        linear = found["decoder_input"]
        yield (
            "- The ReLU behind the decoders' first layer, which the paper's text and its code do not have, is not what makes "
            f"the difference: without it CVAE − VAE is {linear.difference(SCALED, LINEAR)} in the probe and "
            f"{linear.difference(ERROR, LINEAR)} in the error."
        )
    if "future_work_schedule" in found:
        fading, stages = found["future_work_schedule"], found["future_work_stages"]
        yield (
            "- A λ that fades out in the place of a constant one changes the reconstruction error by "
            f"{fading.difference(ERROR, 'cvae')}, and the probe by {fading.difference(SCALED, 'cvae')}. Contrast first "
            f"and the VAE afterwards: the probe is lower than with both at once ({stages.difference(SCALED, 'cvae')}), "
            "reconstruction and neighbours are better; none of the three has a mean better than the plain VAE's."
        )
    if "best_replicated" in found:
        again = found["best_replicated"]
        yield (
            "- A search for probe and reconstruction together found a CVAE with a λ of 0.0054, a β of 7.9e-5 and a "
            "learning rate of 4.6e-3. With new seeds the contrastive term changes the reconstruction error there by "
            f"{again.difference(ERROR, AT)} and the probe by {again.difference(SCALED, AT)}; the CVAE's probe is "
            f"{again.mean(SCALED, f'cvae {AT}')}, the VAE's of these settings {again.mean(SCALED, f'vae {AT}')}, and of "
            f"the best that the search found for it {again.mean(SCALED, TUNED_VAE)} (which no test pairs)."
        )
    if "cifar10_quick" in found:
        cifar = found["cifar10_quick"]
        yield (
            "- On CIFAR-10 (a copy stored as JPEG, 128 latents, eight epochs, β = 1e-3) the CVAE's probe differs by "
            f"{cifar.difference(SCALED)}, its neighbours by {cifar.difference(NEIGHBOURS)}, its error by "
            f"{cifar.difference(ERROR)} ({cifar.more(ERROR, 'cvae', 'vae')}); the paper's difference is 0.221 at unequal β "
            f"and of unequal networks, here {signed(cifar.cell(PAPERS)['mean_difference'])} on its protocol."
        )
    yield (
        "- On MNIST all this is for ten latents, one kind of views, and ten to thirty epochs. Not run yet: the paper's lengths"
        f"{''.join(_not_run(found))}."
    )
    yield ""


def _not_run(found: Mapping[str, Found]) -> Iterator[str]:
    """What would say more, and is not among what was found."""
    if "confounds" not in found:
        yield ", λ at equal other settings"
    yield ", CIFAR-10" if "cifar10_quick" not in found else ", augmentation alone on CIFAR-10"
