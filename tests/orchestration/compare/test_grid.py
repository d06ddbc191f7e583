"""VAE and CVAE side by side: means and standard deviations computed by hand."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import rich.console
from rich.cells import cell_len

from cvae_core.config import TrialConfig
from orchestration.compare.grid import comparison_rows, comparison_table, decoder_lines
from orchestration.errors import UserError
from orchestration.ledger.documents import Trial
from orchestration.status.status import trial_document
from orchestration.terminal.console import Console


def trial(accuracy: float | None, state: str = "finished", **settings: Any) -> dict[str, Any]:
    config = TrialConfig.from_settings(settings)
    made = Trial(key="k", config=config.to_settings(), state=state)  # type: ignore[arg-type]
    document = trial_document(made, config, alive=True)
    document["train_s"] = 10.0
    document["metrics"] = {} if accuracy is None else {"probe/accuracy": accuracy}
    return document


def test_mean_and_standard_deviation_over_seeds() -> None:
    trials = [trial(value, seed=seed) for seed, value in enumerate((0.7, 0.8, 0.9))]
    (row,) = comparison_rows(trials)
    mean, spread = row["metrics"]["probe/accuracy"]
    assert mean == pytest.approx(0.8)
    assert spread == pytest.approx(0.1)  # the sample's: sqrt((0.01 + 0 + 0.01) / 2)
    assert (row["trials"], row["train_s"], row["settings"]) == (3, 10.0, {})


def test_a_vae_stands_above_the_cvaes_of_its_beta() -> None:
    trials = [
        trial(0.1, model=model, beta=beta, **({"tau": tau} if model == "cvae" else {}))
        for model, tau in (("cvae", 0.1), ("cvae", 0.5), ("vae", None))
        for beta in (1.0, 2.0)
    ]
    rows = [
        (r["model"], r["settings"]["beta"], r["settings"]["tau"]) for r in comparison_rows(trials)
    ]
    assert rows == [
        ("vae", 1.0, None),
        ("cvae", 1.0, 0.1),
        ("cvae", 1.0, 0.5),
        ("vae", 2.0, None),
        ("cvae", 2.0, 0.1),
        ("cvae", 2.0, 0.5),
    ]


def test_one_seed_has_no_spread_and_unfinished_trials_do_not_count() -> None:
    trials = [trial(0.7), trial(0.1, "failed", seed=1), trial(None, "running", seed=2)]
    (row,) = comparison_rows(trials)
    assert row["metrics"] == {"probe/accuracy": (0.7, None)}
    assert comparison_rows(trials[1:]) == []


def test_what_a_stopped_trial_had_reached_enters_no_mean() -> None:
    trials = [
        trial(0.7),
        trial(0.9, seed=1),
        {**trial(0.1, "stopped", seed=2), "train_s": 1.0},
        {**trial(0.2, "stopped", beta=9.0), "train_s": 2.0},
    ]
    most, none = comparison_rows(trials)
    assert most["metrics"]["probe/accuracy"][0] == pytest.approx(0.8)
    assert (most["trials"], most["stopped"], most["train_s"]) == (2, 1, 10.0)
    assert none["metrics"] == {}
    assert (none["trials"], none["stopped"], none["train_s"]) == (0, 1, 2.0)
    out = StringIO()
    rich.console.Console(file=out, width=120).print(comparison_table(trials))
    head, _, *rows = out.getvalue().splitlines()[1:]
    assert "stopped early" in head
    assert [row.split()[2:4] for row in rows] == [["2", "1"], ["0", "1"]]
    assert "stopped" not in [column.title for column in comparison_table(trials[:2]).columns]


def test_equal_results_have_a_spread_of_nothing_and_one_alone_has_none() -> None:
    trials = [trial(0.5, seed=seed) for seed in (0, 1)] + [trial(0.5, model="cvae")]
    sheet = comparison_table(trials)
    (column,) = (c for c in sheet.columns if c.title == "probe ↑")
    assert column.cells == ["0.5 ± 0", "0.5"]


def test_the_table_is_printed() -> None:
    trials = [
        trial(v, seed=s, model="cvae", tau=t) for s, v in enumerate((0.5, 0.75)) for t in (0.1, 1)
    ]
    out = StringIO()
    Console(out).table(comparison_table(trials))
    assert "trials of one model, cvae, side by side" in out.getvalue()
    assert "0.625 ± 0.18" in out.getvalue()
    assert "τ" in out.getvalue()


def test_a_vae_stands_above_the_cvaes_of_its_beta_whatever_cvaes_alone_have() -> None:
    trials = [
        trial(0.1, model=model, beta=beta, **extra)
        for model, extra in (("cvae", {"contrast": "mean"}), ("cvae", {}), ("vae", {}))
        for beta in (1.0, 2.0)
    ]
    names = [row["name"] for row in comparison_rows(trials)]
    assert names == [
        *("vae β=1", "cvae β=1 contrast=mean", "cvae β=1 contrast=sample"),
        *("vae β=2", "cvae β=2 contrast=mean", "cvae β=2 contrast=sample"),
    ]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120])
def test_the_table_fits(width: int) -> None:
    trials = [
        trial(v, seed=s, model="cvae", tau=t, beta=1e-5 * t)
        for s, v in enumerate((0.5, 0.7512345))
        for t in (0.1, 1)
    ]
    out = StringIO()
    rich.console.Console(file=out, width=width).print(comparison_table(trials))
    lines = out.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    text = out.getvalue()
    assert text.count("± 0.18") == 2, "the result stays"
    assert text.count("1e-05") == 1


def test_values_that_look_alike_are_not_one_row() -> None:
    rows = comparison_rows([trial(0.1, beta=0.1234567), trial(0.2, beta=0.1234568)])
    assert [row["metrics"]["probe/accuracy"][0] for row in rows] == [0.1, 0.2]


def test_any_setting_that_differs_can_stand_side_by_side() -> None:
    trials = [
        trial(0.1, model=model, beta=beta, seed=seed, **extra)
        for beta in (1.0, 2.0)
        for model, extra in (("vae", {}), ("cvae", {"tau": 0.1}), ("cvae", {"tau": 1.0}))
        for seed in (0, 1)
    ]
    names = [row["name"] for row in comparison_rows(trials, "beta")]
    assert names == [
        *("vae β=1", "vae β=2", "cvae β=1 τ=0.1", "cvae β=2 τ=0.1"),
        *("cvae β=1 τ=1", "cvae β=2 τ=1"),
    ]
    rows = comparison_rows(trials, "seed")
    assert [row["trials"] for row in rows] == [1] * 12
    assert [row["name"] for row in rows[:2]] == ["vae β=1 seed=0", "vae β=1 seed=1"]
    for by in ("lambda", "seeds", ""):
        with pytest.raises(UserError, match=r"(use one of|There are): model, beta, tau, seed$"):
            comparison_rows(trials, by)


def test_equal_images_at_two_places_are_one_row() -> None:
    def at(path: str, content: str, seed: int) -> dict[str, Any]:
        return trial(0.5, seed=seed, data={"name": "folder", "path": path, "content": content})

    (row,) = comparison_rows([at("here", "a1", 0), at("there", "a1", 1)])
    assert (row["trials"], row["settings"]) == (2, {})
    rows = comparison_rows([at("here", "a1", 0), at("there", "b2", 0)])
    assert [row["settings"] for row in rows] == [{"data.content": "a1"}, {"data.content": "b2"}]


def test_what_augmentation_brings_tells_no_families_apart() -> None:
    arms: list[dict[str, Any]] = [
        {},
        {"augment": True, "reconstruct": "view"},
        {"augment": True, "reconstruct": "original"},
    ]
    trials = [trial(0.1, beta=beta, **arm) for arm in arms for beta in (1.0, 2.0)]
    rows = [
        (r["settings"]["beta"], r["settings"]["augment"], r["settings"]["reconstruct"])
        for r in comparison_rows(trials, "augment")
    ]
    assert rows == [
        (1.0, False, None),
        (1.0, True, "view"),
        (1.0, True, "original"),
        (2.0, False, None),
        (2.0, True, "view"),
        (2.0, True, "original"),
    ]


def test_metrics_that_are_asked_for_come_first_with_where_they_come_from() -> None:
    names = ("", "_n1024", "_n1024_reconstruction", "_n1024_mixture", "_n1024_decoder_share")
    trials = []
    for beta, share in ((1.0, 0.9), (2.0, 0.25)):
        made = trial(0.5, beta=beta)
        distances = dict.fromkeys((f"fd/digits-cnn{name}" for name in names), 3.0)
        distances["fd/digits-cnn_n1024_decoder_share"] = share
        trials.append({**made, "metrics": made["metrics"] | distances})
    asked = ["fd/digits-cnn"]
    columns = comparison_table(trials, "beta", asked).columns
    titles = [column.title for column in sorted(columns, key=lambda column: column.rank)]
    shown = ["FD ↓", "FD n=1024 ↓", "FD reconstruction n=1024 ↓", "FD mixture n=1024 ↓"]
    assert [title for title in titles if title in shown] == shown
    assert titles.index(shown[-1]) < titles.index("probe ↑")
    assert "FD mixture n=1024 ↓" not in [c.title for c in comparison_table(trials, "beta").columns]
    assert decoder_lines(trials, "beta", asked) == [
        "fd/digits-cnn_n1024, mostly decoder: vae β=1 (90%)",
        "fd/digits-cnn_n1024, mostly prior: vae β=2 (25%)",
    ]
    assert decoder_lines(trials, "beta", ["probe/accuracy"]) == []
