"""The whole page: its head, and a section for each question that was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from results_tables import Found

from results_text.asked import ASKED, FLAGS
from results_text.best import best_words
from results_text.cifar import cifar_words
from results_text.mnist import augmentation_words, table1_words, table2_words
from results_text.short import in_short
from results_text.training import confounds_words, decoder_words, future_words, precision_words

HEAD = """\
# Results

What the sweeps in `sweeps/paper/` have found on the questions of the paper, *Contrastive Variational
Autoencoders* by Lin, Zhang and Chahal, with the commands behind the figures. Written by `docs/results.py` from
what `compare --json` prints (figures beside the usual ones, such as *FD mixture*, with `--metric`, by their names in
`docs/results/*.json`); to see pictures, curves and maps, run a file and open its report.

How to read it: trials of equal seed begin with the same weights and see the same batches, so VAE and CVAE
are compared **seed by seed**. Behind a mean difference stand in brackets its 95 % interval over the seeds and the
verdict, which is that of the exact sign-flip test after Holm's correction over the pairings of one metric. Its
smallest p is 0.031 for six pairs and 0.016 for seven, times the rows of the metric; intervals are not corrected
and suppose normal differences, so the two may disagree. Nothing is corrected over metrics: *probe scaled*, the
probe that the scale of the latents does not change, is the one that answers the question, the others say at what
cost. `undecided` is not `equal`: *could find* is the smallest true difference that so many seeds would have found
in four of five cases. All were judged on the same test images, which adds an error that more seeds do not remove
(of a probe near 0.9 about 0.003). Equal settings have slightly different figures where another processor trained
them. Definitions and units are in `docs/metrics.md`: of probes, k-NN and ELBO more is better, of MSE and FD less.
FD is on the features of a classifier that each machine trains from the same images, so it compares within a table.

Unless something else is said: β = 1e-3, λ = 0.1, τ = 0.5, the paper's shapes (10 latents on MNIST; both families'
decoders have a ReLU after their first layer, which neither the text nor the released code has: see below), samples of
the latents are contrasted, those of an image with those of an augmented view of it; ten epochs (30 in the first
section) for both families, of which a CVAE's take longer, and nothing tuned. The learning rate is 1e-3 in the
place of the paper's 1e-4, and there are far fewer epochs than its 700 and 2,000. The paper's lengths are in
`mnist_table1.yaml`, `mnist_table2.yaml`, `cifar10_table1.yaml` and `everything.yaml`, which take from a night to
weeks on two cores.
"""


def page(found: Mapping[str, Found]) -> str:
    """The whole page."""
    lines = [HEAD, *in_short(found)]
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


SECTIONS = (
    Section(
        "MNIST: does the contrastive term help the probe?", ("mnist_table1_quick",), table1_words
    ),
    Section(
        "How much is the augmentation, and how much the contrast?",
        ("augmentation", "augmentation_augment"),
        augmentation_words,
    ),
    Section("MNIST: prior samples as β falls", ("mnist_table2_quick",), table2_words),
    Section(
        "What else the difference could be",
        (
            "confounds",
            *(f"confounds_{name}" for name in ("output", "norm", "pairs", "lambda")),
        ),
        confounds_words,
    ),
    Section(
        "The decoder's first activation", ("decoder_input", "decoder_input_arms"), decoder_words
    ),
    Section(
        "Together, or one after the other?",
        ("future_work", "future_work_stages", "future_work_schedule"),
        future_words,
    ),
    Section("What bfloat16 changes", ("precision",), precision_words),
    Section("CIFAR-10 at equal β", ("cifar10_quick",), cifar_words),
    Section("The best CVAE found", ("best", "best_replicated"), best_words),
)
