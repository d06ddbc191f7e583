"""Verdicts, how often they are wrong, and what they say is missing."""

from __future__ import annotations

import numpy as np
import pytest

from cvae_core.config import TrialConfig
from orchestration.compare.measured import Measured
from orchestration.compare.pairs import Cell, Pairing
from orchestration.compare.verdicts import Judged, judge, more_text, sentence

ACCURACY, ERROR, NEITHER = "probe/accuracy", "test/reconstruction_mse", "latent/kl"
EASY = (0.05, 0.06, 0.07, 0.08, 0.09, 0.1)
CONFIGS = {model: TrialConfig.from_settings({"model": model}) for model in ("vae", "cvae")}


def cell(model: str, values: list[float], metric: str) -> Cell:
    trials = {
        (seed,): Measured(
            f"{model}{seed}", CONFIGS[model], {"seed": seed}, {metric: value}, {}, 60.0
        )
        for seed, value in enumerate(values)
    }
    return Cell({"model": model}, trials)


def pairing(differences: list[float], metric: str = ACCURACY, name: str = "β=1") -> Pairing:
    reference = cell("vae", [0.5] * len(differences), metric)
    other = cell("cvae", [0.5 + each for each in differences], metric)
    return Pairing(reference, other, "model", {}, name)


def judged(differences: list[float], metric: str = ACCURACY, equal: float | None = None) -> Judged:
    (found,) = judge([pairing(differences, metric)], metric, equal)
    return found


@pytest.mark.parametrize(
    ("metric", "sign", "verdict", "won"),
    [
        (ACCURACY, 1, "cvae better", 1.0),
        (ACCURACY, -1, "vae better", 0.0),
        (ERROR, 1, "vae better", 0.0),
        (ERROR, -1, "cvae better", 1.0),
        (NEITHER, 1, "cvae higher", 1.0),
        (NEITHER, -1, "vae higher", 0.0),
        ("unheard/of", 1, "cvae higher", 1.0),
    ],
)
def test_which_side_is_better(metric: str, sign: int, verdict: str, won: float) -> None:
    found = judged([sign * each for each in EASY], metric)
    assert (found.verdict, found.won, found.more_pairs, found.why) == (verdict, won, None, "")


def test_five_pairs_are_too_few_for_a_verdict_however_clear() -> None:
    found = judged(list(EASY[:5]))
    assert (found.verdict, found.p_holm, found.more_pairs) == ("undecided", None, 1)
    assert judged(list(EASY)).verdict == "cvae better"
    assert judged([0.0] * 5, equal=1.0).verdict == "undecided"


def test_equal_is_said_only_within_what_a_person_calls_equal() -> None:
    small = [0.001, -0.001, 0.002, -0.002, 0.0005, -0.0005]
    assert judged(small).verdict == "undecided"
    assert judged(small, equal=0.01).verdict == "equal within 0.01"
    assert judged(small, equal=0.001).verdict == "undecided"  # the interval reaches beyond
    # A difference that is sure and does not matter.
    assert judged([each / 100 for each in EASY], equal=0.01).verdict == "equal within 0.01"
    assert judged(list(EASY), equal=0.01).verdict == "cvae better"


def test_holm_corrects_over_the_rows_that_can_be_judged() -> None:
    clear, unclear = pairing(list(EASY)), pairing([0.1, -0.1, 0.2, -0.2, 0.3, -0.3])
    few = pairing([0.1, 0.1])
    alone, with_few = judge([clear], ACCURACY), judge([clear, few], ACCURACY)
    assert [each.p_holm for each in (*alone, *with_few)] == [2 / 64, 2 / 64, None]
    together = judge([clear, unclear], ACCURACY)
    assert together[0].p_holm == 4 / 64
    assert together[0].verdict == "undecided"
    assert together[0].more_pairs == 1  # of seven pairs the test reaches 5 % / 2


def test_what_is_missing_is_said() -> None:
    assert judged([0.0] * 6).why == "no difference at all in any pair"
    assert judged([]).why == "no seed for which both have it"
    small = judged([0.01, -0.01, 0.012, -0.009, 0.01, -0.011])
    assert small.more_pairs is None
    assert more_text(small) == "100 pairs would not tell so small a difference from none"
    more = judged([0.1, -0.05, 0.1, -0.05, 0.1, -0.05])
    assert (more.more_pairs, more.more_cpu_s) == (81, 81 * 2 * 60.0)
    assert more_text(more) == "81 more seeds, 2 h of CPU"
    one = judged([0.5])
    assert (one.more_pairs, one.why) == (5, "a verdict takes 6 pairs")


def test_a_tie_is_half_a_win() -> None:
    assert judged([0.0, 0.1, 0.2, -0.1]).won == 2.5 / 4


def test_the_answer_in_a_sentence() -> None:
    clear = [pairing([e + shift for e in EASY] * 2, name=f"β={shift}") for shift in (0, 1)]
    unclear = pairing([0.1, -0.1] * 6, name="β=9")
    assert sentence(judge([clear[0]], ACCURACY)) == "cvae better (β=0 +0.075)"
    assert sentence(judge([*clear, unclear], ACCURACY)) == (
        "cvae better in 2 of 3 (β=0 +0.075; β=1 +1.07), undecided in 1 of 3 (β=9)"
    )
    assert sentence(judge([clear[0]] * 4, ACCURACY)) == "cvae better in all 4"
    assert sentence(judge([unclear, unclear], ACCURACY)) == "undecided in all 2"
    assert sentence(judge([pairing([])], ACCURACY)) == "no pairs"


@pytest.mark.slow
def test_sweeps_without_a_true_difference_are_seldom_judged_to_have_one() -> None:
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(2000):
        table = [pairing(list(row)) for row in generator.normal(0, 0.01, (9, 10))]
        wrong += any(each.verdict != "undecided" for each in judge(table, ACCURACY))
    assert 0 < wrong <= 0.05 * 2000
