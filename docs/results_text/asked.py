"""What sweeps are asked, and the names of metrics and settings in their answers."""

from __future__ import annotations

from dataclasses import dataclass

SCALED, PROBE, PAPERS = "probe scaled", "probe", "probe 80/20"
NEIGHBOURS, ERROR, FD = "k-NN", "test MSE", "FD"
SHARE, MIXTURE, FEWER = "FD decoder's share n=1024", "FD mixture n=1024", "FD n=1024"
USUAL = (
    "probe/accuracy_standardised",
    "probe/accuracy",
    "probe/accuracy_paper",
    "probe/knn_accuracy",
    "test/reconstruction_mse",
    "FD",
)
OF_MNIST = tuple(f"fd/mnist-cnn_n1024{name}" for name in ("", "_decoder_share", "_mixture"))
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
    Asked("decoder_input", "decoder_input"),
    Asked("decoder_input_arms", "decoder_input", "architecture.decoder_input"),
    Asked("future_work", "future_work"),
    Asked("future_work_stages", "future_work", "stages"),
    Asked("future_work_schedule", "future_work", "schedule.lambda.shape"),
    Asked("precision", "precision", "precision"),
    Asked("cifar10_quick", "cifar10_quick", metrics=(*USUAL, "test/elbo", "latent/effective_beta")),
    Asked("best", "best"),
    Asked("best_replicated", "best_replicated"),
)
FLAGS = {"cifar10_quick": " --set data.name=folder --set data.path=cifar10-jpeg"}
"""Of sweeps that were run on other data than the file says."""

# Settings as rows and pairings name them.
LOW, LOWEST = "β=1e-05", "β=1e-08"
AT = "β=7.9e-05 learning_rate=0.0046"
TUNED_VAE = "vae β=1.35e-05 learning_rate=0.0027"
NORMED_VAE = "vae output=auto"
NORMED_CVAE = "cvae λ=0.1 output=auto pairs=original+augmented"
BOTH_NORMED = "λ=0.1 norm=batch output=auto pairs=original+augmented"
SMALL_LAMBDA = "λ=0.001 norm=none output=auto pairs=original+augmented"
LINEAR = "decoder_input=linear"
STAGED = "cvae stages=contrastive→fine-tune λ.shape=constant"
