"""The words of docs/results.md: what was asked, and what the figures do and do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from results_tables import Found, signed

SCALED, PROBE, PAPERS = "probe scaled", "probe", "probe 80/20"
NEIGHBOURS, ERROR, FD = "k-NN", "test MSE", "FD"
SHARE, MIXTURE = "FD decoder's share n=1024", "FD mixture n=1024"
USUAL = (
    "probe/accuracy_standardised",
    "probe/accuracy",
    "probe/accuracy_paper",
    "probe/knn_accuracy",
    "test/reconstruction_mse",
    "FD",
)
OF_MNIST = tuple(f"fd/mnist-cnn_n1024_{name}" for name in ("decoder_share", "mixture"))
TABLE = (SCALED, PROBE, PAPERS, NEIGHBOURS, ERROR, FD)


AT = "β=7.9e-05 learning_rate=0.0046"
TUNED_VAE = "vae β=1.35e-05 learning_rate=0.0027"


@dataclass(frozen=True)
class Asked:
    """One question to a sweep, as ``compare`` is asked."""

    name: str
    """Under which the answer is kept."""
    sweep: str
    by: str = "model"
    metrics: tuple[str, ...] = USUAL


ASKED = (
    Asked(
        "mnist_table1_quick",
        "mnist_table1_quick",
        metrics=(
            *USUAL,
            "probe/accuracy_paper_splits_mean",
            "probe/accuracy_paper_splits_sd",
            "test/elbo",
            "fd/mnist-cnn_floor",
            *OF_MNIST,
        ),
    ),
    Asked("augmentation", "augmentation"),
    Asked("augmentation_augment", "augmentation", "augment"),
    Asked("mnist_table2_quick", "mnist_table2_quick", metrics=(*USUAL, *OF_MNIST)),
    Asked("confounds", "confounds"),
    Asked("confounds_output", "confounds", "architecture.output"),
    Asked("confounds_norm", "confounds", "architecture.norm"),
    Asked("confounds_pairs", "confounds", "views.pairs"),
    Asked("confounds_lambda", "confounds", "lambda"),
    Asked("future_work", "future_work"),
    Asked("future_work_stages", "future_work", "stages"),
    Asked("future_work_schedule", "future_work", "schedule.lambda.shape"),
    Asked("precision", "precision", "precision"),
    Asked("cifar10_quick", "cifar10_quick"),
    Asked("best", "best"),
    Asked("best_replicated", "best_replicated"),
)
FLAGS = {"cifar10_quick": " --set data.name=folder --set data.path=cifar10-jpeg"}
"""Of sweeps that were run on other data than the file says."""
STAGED = "cvae stages=contrastive→fine-tune λ.shape=constant"
HEAD = """\
# Results

What the sweeps in `sweeps/paper/` have found, with the commands behind the figures. Written by
`docs/results.py` from what `compare --json` prints; to see pictures, curves and maps, run a file and
open its report.

How to read it: trials of equal seed begin with the same weights and see the same batches, so VAE and CVAE
are compared **seed by seed**. A mean difference stands with its 95 % interval over the seeds; the verdict is
that of the exact sign-flip test, whose smallest p is 0.031 for six pairs and 0.016 for seven. Holm corrects
over the pairings of one metric, not over metrics: the one that was named beforehand is *probe scaled*, the
others say at what cost. `undecided` is not `equal`: *could find* is the smallest true difference that so many
seeds would have found in four of five cases. All were judged on the same test images, which adds an error
that more seeds do not remove (of a probe near 0.9 about 0.003). Definitions and units are in
`docs/metrics.md`; *probe scaled* is the probe that the scale of the latents does not change. FD is on the
features of a classifier that each machine trains from the same images, so it compares within a table.

Unless a file says otherwise: β = 1e-3, λ = 0.1, τ = 0.5, the paper's shapes (10 latents on MNIST), equal
epochs for both families (a CVAE's take longer: see the rates), nothing tuned. The learning rate is
1e-3 in the place of the paper's 1e-4, and there are far fewer epochs than its 700 and 2,000. The paper's lengths are
in `mnist_table1.yaml`, `mnist_table2.yaml`, `cifar10_table1.yaml` and `everything.yaml`, which take from
a night to weeks on two cores.
"""


def page(found: Mapping[str, Found]) -> str:
    """The whole page."""
    lines = [HEAD, *_in_short(found)]
    missing = []
    for section in SECTIONS:
        if all(name in found for name in section.needs):
            lines += [f"## {section.title}", "", *_commands(section), "", *section.write(found), ""]
        else:
            files = dict.fromkeys(each.sweep for each in ASKED if each.name in section.needs)
            names = ", ".join(f"`{name}.yaml`" for name in files)
            missing.append(f"{section.title} ({names})")
    if missing:
        lines += ["## Not run yet", "", *(f"- {title}" for title in missing), ""]
    return "\n".join(lines)


def _in_short(found: Mapping[str, Found]) -> Iterator[str]:
    """What somebody takes away who reads no further."""
    if not {"mnist_table1_quick", "augmentation", "augmentation_augment"} <= found.keys():
        return
    table1, model = found["mnist_table1_quick"], found["augmentation"]
    augment = found["augmentation_augment"]
    yield "## In short"
    yield ""
    yield (
        f"- On MNIST the contrastive term changes the linear probe by {table1.difference(SCALED)}, and the "
        f"reconstruction error by {table1.difference(ERROR)}; the neighbours of latents (k-NN) by "
        f"{table1.difference(NEIGHBOURS)}. These are sure at six seeds."
    )
    yield (
        "- Augmentation without any contrast, a VAE that encodes views and reconstructs the images, changes the "
        f"probe by {augment.difference(SCALED, 'vae')}; beside it the contrastive term by "
        f"{model.difference(SCALED, 'augment=true')}. So what the paper's CVAE gains in the probe is not shown to "
        "take a contrastive term: augmentation alone does more for it here, at a larger cost in reconstruction "
        f"({augment.difference(ERROR, 'vae')})."
    )
    if "mnist_table2_quick" in found:
        table2 = found["mnist_table2_quick"]
        yield (
            "- Prior samples get worse as β falls, as in the paper. Against the paper the VAE's do most: FD at "
            f"β = 1e-5 {table2.difference(FD, 'β=1e-05')}. Nearly all of that distance is the prior's and not the "
            "decoder's: a mixture fitted to the latents takes it away in both families."
        )
    if "future_work_schedule" in found:
        fading, stages = found["future_work_schedule"], found["future_work_stages"]
        yield (
            "- A λ that fades out in the place of a constant one changes the reconstruction error by "
            f"{fading.difference(ERROR, 'cvae')}, and the probe by {fading.difference(SCALED, 'cvae')}. Contrast first and the VAE "
            f"afterwards changes the probe by {stages.difference(SCALED, 'cvae')} against both at once."
        )
    if "best_replicated" in found:
        again = found["best_replicated"]
        yield (
            "- A search for both, probe and reconstruction, chose a λ of a twentieth and a smaller β. With new seeds "
            f"the contrastive term there changes the reconstruction error by {again.difference(ERROR, AT)} and the probe "
            f"by {again.difference(SCALED, AT)}; the CVAE's probe is {again.mean(SCALED, f'cvae {AT}')}, the VAE's "
            f"{again.mean(SCALED, f'vae {AT}')}."
        )
    yield (
        "- How sure: of ten latents and trainings of ten to thirty epochs, as the intervals say. To be surer: "
        f"the paper's lengths{''.join(_not_run(found))}, which were not run yet."
    )
    yield ""


def _not_run(found: Mapping[str, Found]) -> Iterator[str]:
    """What would say more, and is not among what was found."""
    if "mnist_table2_quick" not in found:
        yield ", other β"
    if "confounds" not in found:
        yield ", other λ"
    if "cifar10_quick" not in found:
        yield " and CIFAR-10"


@dataclass(frozen=True)
class Section:
    """One question with its answer."""

    title: str
    needs: tuple[str, ...]
    write: Callable[[Mapping[str, Found]], Iterator[str]]


def _commands(section: Section) -> Iterator[str]:
    asked = {each.name: each for each in ASKED}
    sweeps = dict.fromkeys(asked[name].sweep for name in section.needs)
    for sweep in sweeps:
        yield f"    cvae-sweep run sweeps/paper/{sweep}.yaml{FLAGS.get(sweep, '')}"
    for name in section.needs:
        by = asked[name].by
        flags = "" if by == "model" else f" --by {by}"
        yield f"    cvae-sweep compare {asked[name].sweep}{flags} --json"


def _table1(found: Mapping[str, Found]) -> Iterator[str]:
    quick = found["mnist_table1_quick"]
    gain = quick.cell(PAPERS)
    yield f"**{SCALED}: {quick.difference(SCALED)}.**"
    yield ""
    yield "What it costs, and what else moves (CVAE − VAE):"
    yield ""
    yield from quick.verdicts((*TABLE, "probe 80/20 mean", "ELBO"))
    yield ""
    yield from quick.means((*TABLE, "FD floor", SHARE, "ELBO"))
    yield ""
    yield (
        "What this does not show. It is the effect of the contrastive term *and* of the augmented views that "
        "come with it: no VAE here sees views (that is asked below, of `augmentation.yaml`). The probe of raw pixels "
        f"reaches {quick.mean(SCALED, 'pixels')}, that of a supervised encoder of the same shape "
        f"{quick.mean(SCALED, 'supervised')}; no test compares with them. The neighbours of latents (k-NN) go the "
        "other way than the linear probe."
    )
    yield ""
    yield "Beside the paper (probe 80/20: fitted on 80 % of the test latents, scored on the others):"
    yield ""
    yield from quick.paper()
    yield ""
    yield (
        "The paper's gain is 0.0125, of one seed and one split. Here that gain varies between seeds by "
        f"{gain['sd']:.2g} (standard deviation), and one accuracy between 20 splits by "
        f"{quick.mean('probe 80/20 sd', 'vae')}; over 20 splits the gain is "
        f"{signed(quick.cell('probe 80/20 mean')['mean_difference'])}. To be surer: nine seeds bear a correction "
        "over all rows of the table; `mnist_table1.yaml` is the same at 700 epochs, a night on two cores."
    )
    yield ""
    yield quick.run()


def _augmentation(found: Mapping[str, Found]) -> Iterator[str]:
    model, augment = found["augmentation"], found["augmentation_augment"]
    yield f"**{SCALED}, augmentation alone (VAE): {augment.difference(SCALED, 'vae')}.**"
    yield ""
    yield (
        f"**Contrast without augmentation: {model.difference(SCALED, 'augment=false')}; "
        f"with it: {model.difference(SCALED, 'augment=true')}.**"
    )
    yield ""
    yield "What the contrastive term adds, without and with augmentation of what is encoded:"
    yield ""
    yield from model.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield "What augmentation adds, without and with the contrastive term:"
    yield ""
    yield from augment.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from model.means(TABLE)
    yield ""
    yield (
        "With `augment: true` a model encodes the views that the CVAE contrasts (crops, rotations and shifts of "
        "the digits) and reconstructs the images as they are: latents learn to be the same for all views of an "
        "image, and what they leave out is missing in the reconstruction. So this is augmentation with a "
        "target of its own, without any contrast; reconstructing the view itself (`reconstruct: view`) was not "
        "tried. The CVAE without it sees the same views, in its contrastive term alone. Ten epochs, fewer than "
        "above, and one kind of views."
    )
    yield ""
    yield model.run()


def _table2(found: Mapping[str, Found]) -> Iterator[str]:
    table2 = found["mnist_table2_quick"]
    low, lowest = "β=1e-05", "β=1e-08"
    yield (
        f"**FD of prior samples at β = 1e-5: {table2.difference(FD, low)}; at β = 1e-8: "
        f"{table2.difference(FD, lowest)}.**"
    )
    yield ""
    yield (
        "The paper's order is FID rising as β falls, the VAE below the CVAE at each β. The first half is found "
        "here as well, the second is not: as β falls the CVAE's prior samples get worse far more slowly. FD is on the "
        "features of a classifier trained on MNIST, so that only the order compares:"
    )
    yield ""
    yield from table2.paper()
    yield ""
    yield from table2.verdicts((FD, ERROR, SCALED, NEIGHBOURS))
    yield ""
    yield from table2.means((FD, SHARE, MIXTURE, ERROR, SCALED))
    yield ""
    yield (
        "The decoder's share says how much of the distance is there for reconstructions already: below "
        "one half it is mostly the prior's, which it is in every row of the two families, and the more so the smaller "
        "β. Sampling from ten Gaussians fitted to the training latents (*FD mixture*) mends that part without training "
        f"anything: {table2.mean(MIXTURE, f'vae {lowest}')} in the place of {table2.mean(FD, f'vae {lowest}')} for the "
        f"VAE at β = 1e-8, {table2.mean(MIXTURE, f'cvae {lowest}')} for the CVAE. So at small β bad samples say little "
        "of a decoder. What this does not show: Inception's features, which the paper's FID is on, and its 700 "
        "epochs at a tenth of the learning rate (`mnist_table2.yaml`)."
    )
    yield ""
    yield table2.run()


def _by_questions(found: Mapping[str, Found], questions: Mapping[str, str]) -> Iterator[str]:
    """Verdicts on several questions to one sweep, each below its words."""
    for name, words in questions.items():
        yield f"**{words}**"
        yield ""
        yield from found[name].verdicts((SCALED, NEIGHBOURS, ERROR, FD))
        yield ""


def _confounds(found: Mapping[str, Found]) -> Iterator[str]:
    names = {
        "output": "The decoder's last activation (images in [0, 1], for which auto is a sigmoid)",
        "norm": "Batch norm",
        "pairs": "Two augmented views in the place of original and augmented one",
        "lambda": "λ of the released code in the place of the text's 0.1",
    }
    yield from _by_questions(found, {f"confounds_{name}": words for name, words in names.items()})
    yield "**All arms** (seven seeds bear no verdict over so many rows of VAE against CVAE)"
    yield ""
    yield from found["confounds"].means(TABLE)
    yield ""
    yield found["confounds"].run()


def _future(found: Mapping[str, Found]) -> Iterator[str]:
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
        "Each arm has ten epochs in all, and all contrast the means of the latents, so that the first stage, which has "
        "no KL term to hold the posterior's noise, differs in its order alone. The stages are five epochs of contrast "
        f"and five of a VAE without it: after these the probe is {future.mean(SCALED, STAGED)}, where the VAE of ten "
        f"epochs has {future.mean(SCALED, 'vae')} (no test compares the two, as they differ in more than one thing). A λ "
        "that falls to 0 along a cosine costs less of reconstruction, neighbours and samples than a constant one, while "
        "a difference of the probe was not found; how large a one may have been missed stands under *could find*. Not "
        "tried: other lengths of the stages, and fine-tuning with a smaller learning rate."
    )
    yield ""
    yield future.run()


def _precision(found: Mapping[str, Found]) -> Iterator[str]:
    precision = found["precision"]
    yield from precision.verdicts((SCALED, PROBE, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from precision.means(TABLE)
    yield ""
    yield (
        "Training alone is in bfloat16, all that is measured in float32. Where it is undecided, *could find* "
        "says how large a difference may have been missed. How much faster it is: `docs/performance.md`."
    )
    yield ""
    yield precision.run()


def _cifar(found: Mapping[str, Found]) -> Iterator[str]:
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


def _best(found: Mapping[str, Found]) -> Iterator[str]:
    best, again = found["best"], found["best_replicated"]
    yield (
        f"**With new seeds, CVAE − VAE: {SCALED} {again.difference(SCALED, AT)}; test MSE "
        f"{again.difference(ERROR, AT)}.**"
    )
    yield ""
    yield (
        "What the search has found: of 16 trials of each family, ten epochs each, those that no other one of the "
        "family exceeds in both objectives, which are of the validation images. Each is the best of many on one seed, "
        "and flatters:"
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
    (winner,) = best.kept["fronts"]["cvae"]
    yield (
        f"The CVAE that was found has a λ of {winner['params']['lambda']:.2g}, a twentieth of the text's, and contrasts "
        "means. No cost in reconstruction, neighbours or samples was found, and no certain gain in the probe either: "
        f"how large one may have been missed stands under *could find*. On the test images its probe was "
        f"{winner['test']['probe/accuracy_standardised']:.4f} in the search and is {again.mean(SCALED, f'cvae {AT}')} over "
        "new seeds, although these had twice the epochs; no row has a mean probe of 0.95. The third row is "
        "the VAE that the search found best in the probe, of another β and learning rate, so that no test pairs it: "
        f"its probe is {again.mean(SCALED, TUNED_VAE)}, its error {again.mean(ERROR, TUNED_VAE)}, and its prior samples "
        "are worse. To be surer: more seeds (the spread of the VAE at this learning rate is the larger one), and a "
        "search of more than 16 trials."
    )
    yield ""
    yield f"The search: {best.run()} The new seeds: {again.run()}"


SECTIONS = (
    Section("MNIST: does the contrastive term help the probe?", ("mnist_table1_quick",), _table1),
    Section(
        "How much is the augmentation, and how much the contrast?",
        ("augmentation", "augmentation_augment"),
        _augmentation,
    ),
    Section("MNIST: prior samples as β falls", ("mnist_table2_quick",), _table2),
    Section(
        "What else the difference could be",
        (
            "confounds",
            *(f"confounds_{name}" for name in ("output", "norm", "pairs", "lambda")),
        ),
        _confounds,
    ),
    Section(
        "Together, or one after the other?",
        ("future_work", "future_work_stages", "future_work_schedule"),
        _future,
    ),
    Section("What bfloat16 changes of it", ("precision",), _precision),
    Section("CIFAR-10 at equal β", ("cifar10_quick",), _cifar),
    Section("The best CVAE found", ("best", "best_replicated"), _best),
)
