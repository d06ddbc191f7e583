"""The words of docs/results.md: what was asked, and what the figures do and do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from results_tables import Found

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
            *OF_MNIST,
        ),
    ),
    Asked("mnist_table2_quick", "mnist_table2_quick", metrics=(*USUAL, *OF_MNIST)),
    Asked("confounds", "confounds"),
    Asked("confounds_output", "confounds", "architecture.output"),
    Asked("confounds_norm", "confounds", "architecture.norm"),
    Asked("confounds_pairs", "confounds", "views.pairs"),
    Asked("confounds_lambda", "confounds", "lambda"),
    Asked("confounds_augment", "confounds", "augment"),
    Asked("future_work", "future_work"),
    Asked("cifar10_quick", "cifar10_quick"),
    Asked("cifar10_output", "cifar10_quick", "architecture.output"),
    Asked("best", "best"),
    Asked("best_replicated", "best_replicated"),
)
FLAGS = {"cifar10_quick": " --set data.name=folder --set data.path=cifar10-jpeg"}
"""Of sweeps that were run on other data than the file says."""
HEAD = """\
# Results

What the sweeps in `sweeps/paper/` have found, with the command behind every figure. Written by
`docs/results.py` from what `compare --json` prints; to see pictures, curves and maps, run a file and
open its report.

How to read it: trials of equal seed begin with the same weights and see the same batches, so VAE and CVAE
are compared **seed by seed**. A mean difference stands with its 95 % interval; the verdict is that of the
exact sign-flip test, corrected over the rows of a table (Holm). `undecided` is not `equal`: *could
find* is the smallest true difference that so many seeds would have found in four of five cases. Arrows, units
and definitions of the metrics are in `docs/metrics.md`; *probe scaled* is the one that the scale of the
latents does not change.

All were trained at a learning rate of 1e-3 for far fewer epochs than the paper's (1e-4, 700 and 2,000
epochs), which two cores cannot do in a day. The files of the paper's own lengths are
there: `mnist_table1.yaml`, `mnist_table2.yaml`, `cifar10_table1.yaml`, `everything.yaml`.
"""


def page(found: Mapping[str, Found]) -> str:
    """The whole page."""
    lines = [HEAD]
    missing = []
    for section in SECTIONS:
        if all(name in found for name in section.needs):
            lines += [f"## {section.title}", "", *_commands(section), "", *section.write(found), ""]
        else:
            missing.append(section.title)
    if missing:
        lines += ["## Not run", "", *(f"- {title}" for title in missing), ""]
    return "\n".join(lines)


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
        flag = "" if by == "model" else f" --by {by.rpartition('.')[2]}"
        yield f"    cvae-sweep compare {asked[name].sweep}{flag}"


def _table1(found: Mapping[str, Found]) -> Iterator[str]:
    quick = found["mnist_table1_quick"]
    yield (
        f"Scaled probe: {quick.difference(SCALED)}; the paper's own protocol (a probe fitted on 80 % "
        f"of the test images' latents): {quick.difference(PAPERS)}. The cost: test MSE "
        f"{quick.difference(ERROR)}. Neighbours say otherwise than the probe: k-NN "
        f"{quick.difference(NEIGHBOURS)}. Prior samples: FD {quick.difference(FD)}."
    )
    yield ""
    yield from quick.means((*TABLE, SHARE))
    yield ""
    yield from quick.verdicts((*TABLE, "probe 80/20 mean"))
    yield ""
    yield from quick.paper()
    yield ""
    yield (
        "What the paper's one seed and one split cannot say: between seeds the difference has a standard "
        f"deviation of {quick.cell(PAPERS)['sd']:.2g}, and over 20 splits of one trial's test images its "
        f"accuracy one of {quick.mean('probe 80/20 sd', 'vae')} (VAE), beside the 0.0125 that the paper found. "
        "Not shown here: what 700 epochs at 1e-4 give."
    )
    yield ""
    yield quick.run()


def _table2(found: Mapping[str, Found]) -> Iterator[str]:
    table2 = found["mnist_table2_quick"]
    yield (
        "The paper's order is FID rising as β falls, the VAE below the CVAE at each β. Here FD, on the "
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
        "one half it is mostly the prior's, and sampling from ten Gaussians fitted to the training latents "
        "(*FD mixture*) mends that part without training anything."
    )
    yield ""
    yield table2.run()


def _confounds(found: Mapping[str, Found]) -> Iterator[str]:
    names = {
        "output": "The decoder's last activation (images in [0, 1])",
        "norm": "Batch norm",
        "pairs": "Two augmented views in the place of original and augmented one",
        "lambda": "λ of the released code in the place of the text's 0.1",
        "augment": "Augmentation without contrast, and with it",
    }
    for name, words in names.items():
        yield f"**{words}**"
        yield ""
        yield from found[f"confounds_{name}"].verdicts((SCALED, NEIGHBOURS, ERROR, FD))
        yield ""
    yield "**VAE against CVAE, each pair equal in all else**"
    yield ""
    yield from found["confounds"].verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from found["confounds"].means(TABLE)
    yield ""
    yield found["confounds"].run()


def _future(found: Mapping[str, Found]) -> Iterator[str]:
    future = found["future_work"]
    yield from future.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from future.means(TABLE)
    yield ""
    yield future.run()


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
    yield from found["cifar10_output"].verdicts((SCALED, ERROR, FD))
    yield ""
    yield from cifar.means(TABLE)
    yield ""
    yield from cifar.paper()
    yield ""
    yield cifar.run()


def _best(found: Mapping[str, Found]) -> Iterator[str]:
    best = found["best_replicated"]
    yield from best.verdicts((SCALED, NEIGHBOURS, ERROR, FD))
    yield ""
    yield from best.means(TABLE)
    yield ""
    yield found["best"].run()


SECTIONS = (
    Section("MNIST: does the contrastive term help the probe?", ("mnist_table1_quick",), _table1),
    Section("MNIST: prior samples as β falls", ("mnist_table2_quick",), _table2),
    Section(
        "What else the difference could be",
        (
            "confounds",
            *(f"confounds_{name}" for name in ("output", "norm", "pairs", "lambda", "augment")),
        ),
        _confounds,
    ),
    Section("Together, or one after the other?", ("future_work",), _future),
    Section("CIFAR-10 at equal β", ("cifar10_quick", "cifar10_output"), _cifar),
    Section("The best CVAE found", ("best", "best_replicated"), _best),
)
