"""What else than the contrastive term changes, and when it acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from results_tables import Found

from results_text.asked import (
    BOTH_NORMED,
    ERROR,
    FD,
    LINEAR,
    NEIGHBOURS,
    NORMED_CVAE,
    NORMED_VAE,
    PROBE,
    SCALED,
    SMALL_LAMBDA,
    STAGED,
    TABLE,
)


def _by_questions(found: Mapping[str, Found], questions: Mapping[str, str]) -> Iterator[str]:
    """Verdicts on several questions to one sweep, each below its words."""
    for name, words in questions.items():
        yield f"**{words}**"
        yield ""
        yield from found[name].verdicts((SCALED, NEIGHBOURS, ERROR, FD))
        yield ""


def confounds_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `confounds.yaml`."""
    norm, models = found["confounds_norm"], found["confounds"]
    questions = {
        "confounds_output": "The decoder's last activation (images in [0, 1], for which auto is a sigmoid)",
        "confounds_norm": "Batch norm",
        "confounds_pairs": "Two augmented views in the place of original and augmented one",
        "confounds_lambda": "λ of the released code in the place of the text's 0.1",
    }
    yield (
        f"**Batch norm: in the CVAE {SCALED} {norm.difference(SCALED, NORMED_CVAE)}, in the VAE "
        f"{norm.difference(SCALED, NORMED_VAE)}.**"
    )
    yield ""
    yield from _by_questions(found, questions)
    yield "**CVAE − VAE in each arm** (seven seeds bear no verdict over so many rows)"
    yield ""
    yield from models.verdicts((SCALED, ERROR))
    yield ""
    yield from models.means(TABLE)
    yield ""
    yield (
        "No effect of the output's activation was found: with the same one in both families the cost in reconstruction "
        "stays. In the CVAE's probe an effect as large as the contrastive term's own could have been missed (see *could "
        "find*). Batch norm lowers the error of both, and raises the probe of the CVAE, where in the VAE's no effect was found: with it "
        f"in both families CVAE − VAE is {models.difference(SCALED, BOTH_NORMED)} in the probe, about twice what it is "
        f"without, and {models.difference(ERROR, BOTH_NORMED)} in the error. In one family alone, as the released code has "
        "it for CIFAR-10, it would be taken for an effect of the contrastive term. A second augmented view costs "
        "reconstruction, and no gain was found. λ trades one for the other: at 1e-3 the error differs from the VAE's by "
        f"{models.difference(ERROR, SMALL_LAMBDA)}, the probe by {models.difference(SCALED, SMALL_LAMBDA)}; at 1 neighbours, "
        "error and samples are significantly worse than at 0.1, and the probe has a lower mean. What this does not show: these settings together, "
        "as λ and batch norm, and CIFAR-10, for which the released code has some of them. Of the last table no "
        "row can have a verdict: that takes eight seeds; its intervals are hints, whether or not they leave out 0."
    )
    yield ""
    yield models.run()


def future_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `future_work.yaml`."""
    questions = {
        "future_work_stages": "One after the other, against together",
        "future_work_schedule": "A λ that fades out, against a constant one",
        "future_work": "CVAE against VAE",
    }
    future = found["future_work"]
    stages, fading = found["future_work_stages"], found["future_work_schedule"]
    yield f"**{SCALED}, one after the other against together: {stages.difference(SCALED, 'cvae')}.**"
    yield ""
    yield (
        f"**A λ that fades out against a constant one: {SCALED} {fading.difference(SCALED, 'cvae')}, test MSE "
        f"{fading.difference(ERROR, 'cvae')}.**"
    )
    yield ""
    yield from _by_questions(found, questions)
    yield from future.means(TABLE)
    yield ""
    yield (
        "Each arm has ten epochs in all. All contrast the means of the latents, as nothing holds the posterior's noise in "
        "the first stage, which has no KL term. Their error is larger than where samples are contrasted above; no test compares "
        "the two. One after the other each term is trained for five epochs in the place of ten, so that order and length "
        "are not told apart; after it the probe is "
        f"{future.mean(SCALED, STAGED)}, where the plain VAE has {future.mean(SCALED, 'vae')} (no test compares these, as "
        "they differ in more than one thing). A λ that falls to 0 along a cosine costs less in reconstruction, "
        "neighbours and samples than a constant one; no difference of the probe was found (see *could find*). Its mean "
        "is half as large, and no constant λ of that size was tried: so it is not shown that the fading does it. Nor "
        "were other lengths of the stages, or fine-tuning with a smaller learning rate."
    )
    yield ""
    yield future.run()


def decoder_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `decoder_input.yaml`."""
    arms, models = found["decoder_input_arms"], found["decoder_input"]
    yield (
        f"**CVAE − VAE with a linear first layer: {SCALED} {models.difference(SCALED, LINEAR)}, test MSE "
        f"{models.difference(ERROR, LINEAR)}.**"
    )
    yield ""
    yield (
        "The paper's text names no activation behind the decoder's first layer, and its released code has none; all "
        "else on this page is of decoders with a ReLU there. What leaving it out changes in each family:"
    )
    yield ""
    yield from arms.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield "CVAE − VAE with either:"
    yield ""
    yield from models.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from models.means(TABLE)
    yield ""
    yield (
        "Without the ReLU the VAE's probe is a little better and both families' error larger, but what the contrastive "
        "term changes in probe, neighbours and error has the same sign and about the same size: so the ReLU is not what "
        "is found elsewhere on this page. Whether these effects differ between the two decoders was not tested. What this "
        "does not show: other β, CIFAR-10, and longer training."
    )
    yield ""
    yield models.run()


def precision_words(found: Mapping[str, Found]) -> Iterator[str]:
    """On `precision.yaml`."""
    precision = found["precision"]
    yield from precision.verdicts((SCALED, PROBE, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from precision.means(TABLE)
    yield ""
    vae, cvae = (precision.cell(SCALED, model)["detectable"] for model in ("vae", "cvae"))
    yield (
        f"No difference was found in any row. In the VAE's probe one of {vae:.2g} would have been; in the CVAE's only one "
        f"of {cvae:.2g}, which is as large as what the contrastive term itself does. Training alone is in bfloat16, all "
        "that is measured in float32. How much faster it is: `docs/performance.md`."
    )
    yield ""
    yield precision.run()
