"""``compare`` judging ledgers that were written by hand, from the command line on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cvae_core.config import TrialConfig
from orchestration.compare.comparison import comparison_sheets, summary_view
from orchestration.ledger.documents import Epoch, Evaluated, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.trial_key import trial_key
from orchestration.status.status import status_document
from orchestration.terminal.tables import Sheet

from .conftest import Searches

Compare = Callable[..., Any]
COMMAND = "cvae-sweep run sweeps/mine.yaml"
BETAS = (1e-3, 1e-5)


@pytest.fixture
def compare(command: Callable[..., Any], tmp_path: Path) -> Compare:
    return lambda *arguments: command(
        tmp_path, "compare", *arguments, "--storage", str(tmp_path / "runs")
    )


class Grid:
    """A finished sweep, its trials entered one by one."""

    def __init__(self, folder: Path, **flags: Any) -> None:
        sweep = Sweep(name=folder.name, sweep_id="1", created=0.0, spec={}, plan=[], flags=flags)
        self.ledger = Ledger.create(folder, sweep)

    def add(self, accuracy: float | None, state: Any = "finished", **settings: Any) -> None:
        config = TrialConfig.from_settings(settings)
        trial = Trial(key=trial_key(config), config=config.to_settings(), state=state)
        if state == "finished":
            epoch = {"epoch": 1, "metrics": {}, "images_per_s": 1.0, "epoch_s": 30.0, "at": 0.0}
            trial.epochs = [Epoch.model_validate(epoch)]
        if accuracy is not None:
            metrics = {"probe/accuracy": accuracy, "test/reconstruction_mse": 0.1}
            trial.evaluations["probe"] = Evaluated(state="finished", metrics=metrics)
        self.ledger.save(trial)
        self.ledger.sweep.plan.append(trial.key)
        self.ledger.save_sweep()


@pytest.fixture
def grid(tmp_path: Path) -> Callable[..., Grid]:
    return lambda name="mine", **flags: Grid(tmp_path / "runs" / name, **flags)


def filled(made: Grid, seeds: int, models: Sequence[str] = ("vae", "cvae")) -> np.ndarray:
    """Two models, two values of β; the accuracies by model, β and seed."""
    values = np.random.default_rng(100 + seeds).normal(0.9, 0.01, (len(models), len(BETAS), seeds))
    values[-1, 0] += 0.05
    for model, of_model in zip(models, values, strict=True):
        for beta, of_beta in zip(BETAS, of_model, strict=True):
            for seed, value in enumerate(of_beta):
                made.add(float(value), model=model, beta=beta, seed=seed)
    return values


def verdicts(done: Any, metric: str = "probe/accuracy") -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, "")
    judged = json.loads(done.stdout)["verdicts"]
    found: dict[str, Any] = next(each for each in judged["metrics"] if each["metric"] == metric)
    return found | {"more": judged["more"], "left_out": judged["left_out"]}


def test_the_figures_are_those_of_scipy_and_statsmodels(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    from statsmodels.stats.multitest import multipletests

    vae, cvae = filled(grid(command=COMMAND), 8)
    found = verdicts(compare("mine", "--json"))
    p_values = []
    for number, cell in enumerate(found["cells"]):
        difference = cvae[number] - vae[number]
        interval = stats.ttest_rel(cvae[number], vae[number]).confidence_interval()
        flips = stats.permutation_test(
            (difference,), lambda d, axis: d.mean(axis), permutation_type="samples", vectorized=True
        )
        p_values.append(flips.pvalue)
        assert cell["settings"] == {"beta": BETAS[number]}
        assert (cell["reference"]["name"], cell["other"]["name"], cell["n"]) == ("vae", "cvae", 8)
        assert cell["mean_difference"] == pytest.approx(difference.mean())
        assert cell["sd"] == pytest.approx(difference.std(ddof=1))
        assert cell["interval"] == pytest.approx([interval.low, interval.high])
        assert cell["p"] == pytest.approx(flips.pvalue)
        assert cell["won"] == (difference > 0).mean()
    corrected = multipletests(p_values, method="holm")[1]
    assert [cell["p_holm"] for cell in found["cells"]] == pytest.approx(corrected)
    assert [cell["verdict"] for cell in found["cells"]] == ["cvae better", "undecided"]
    assert found["sentence"] == (
        f"cvae better in 1 of 2 (β=0.001 {(cvae - vae)[0].mean():+.3g}), "
        "undecided in 1 of 2 (β=1e-05)"
    )


def test_it_is_said_where_seeds_were_stopped_or_have_failed(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    made = grid()
    filled(made, 6)
    assert verdicts(compare("mine", "--json"))["left_out"] == []
    for seed, state in ((6, "stopped"), (7, "stopped"), (8, "failed"), (9, "pending")):
        made.add(None, state, model="cvae", beta=BETAS[0], seed=seed)
    made.add(None, "failed", model="cvae", beta=0.5, seed=0)  # nothing is paired with it
    (line,) = verdicts(compare("mine", "--json"))["left_out"]
    assert line.startswith(
        "3 trials of the compared settings are in no pair (2 stopped early and 1 "
    )


def test_what_another_sweep_has_finished_is_in_its_pair(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    one, two = grid("one"), grid("two")
    filled(one, 6)
    for made, state in ((one, "failed"), (two, "failed"), (two, "finished")):
        made.add(0.9 if state == "finished" else None, state, model="cvae", beta=1e-3, seed=7)
    assert verdicts(compare("one", "two", "--json"))["left_out"] == []


def test_what_was_measured_otherwise_is_in_no_table(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    """A table's means are of what verdicts rest on, also in the report and at a run's end."""
    made = grid()
    accuracies = filled(made, 3)
    key = made.ledger.sweep.plan[0]
    made.ledger.sweep.spec = {
        "paper": [{"metric": "probe/accuracy", "value": 0.9, "source": "a", "settings": {}}]
    }
    made.ledger.save_sweep()
    settings = {"split": "validation"}
    made.ledger.change(key, lambda t: setattr(t.evaluations["probe"], "settings", settings))
    trials = status_document(made.ledger)["trials"]
    mean = f"{accuracies[0, 0, 1:].mean():.4g}"
    for sheet in (
        next(part for part in summary_view(made.ledger, trials) if isinstance(part, Sheet)),
        comparison_sheets(made.ledger, trials)[0],
    ):
        (column,) = (each for each in sheet.columns if each.title.startswith("probe"))
        assert column.cells[0].startswith(mean)
    (here,) = json.loads(compare("mine", "--json").stdout)["paper"]
    assert here["here"]["n"] == accuracies.size - 1


def test_what_would_decide_more_is_a_command(grid: Callable[..., Grid], compare: Compare) -> None:
    made = grid(command=COMMAND)
    filled(made, 3)
    more = verdicts(compare("mine", "--json"))["more"]
    seeds = ",".join(map(str, range(3 + more["seeds"])))
    assert more["command"] == f"{COMMAND} --set 'seeds=[{seeds}]'"
    assert more["cpu_s"] == more["seeds"] * 4 * 30.0  # four cells
    shown = compare("mine").stdout
    assert "no verdicts: they take 7 seeds in both over 2 rows, here 3 seeds" in shown
    assert more["command"] in shown
    # The command gives its seeds to an arm that is in no pair, too, and to no baseline.
    for arm in ({"model": "cvae", "beta": 0.5}, {"model": "pca"}):
        made.add(0.5, **arm)
    assert verdicts(compare("mine", "--json"))["more"]["cpu_s"] == more["cpu_s"] * 5 / 4
    again = (
        f"{COMMAND} --storage /before/it/was/moved --quiet --set 'beta=[1,2]' --set 'seeds=[0,1,2]'"
    )
    filled(grid("again", command=again), 3)
    told = verdicts(compare("again", "--json"))["more"]["command"]
    assert told == f"{COMMAND} --set 'beta=[1,2]' --set 'seeds=[{seeds}]'"
    filled(grid("old"), 3)
    assert verdicts(compare("old", "--json"))["more"]["command"] is None


def test_one_pair_shows_no_spread_by_which_to_say_more(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    filled(grid(command=COMMAND), 1)
    more = verdicts(compare("mine", "--json"))["more"]
    assert (more["seeds"], more["decides"], more["by_spread"]) == (6, 4, False)
    shown = " ".join(compare("mine").stdout.split())
    assert "6 more seeds would be the fewest that can decide 4 of the 4 rows that" in shown
    assert "at the spread seen" not in shown
    filled(grid("two", command=COMMAND), 2)
    assert verdicts(compare("two", "--json"))["more"]["by_spread"]
    assert "at the spread seen" in compare("two").stdout


def test_several_sweeps_are_compared_as_one(grid: Callable[..., Grid], compare: Compare) -> None:
    one, two = grid("one"), grid("two")
    for seed in range(6):
        one.add(0.8 + seed / 100, model="vae", seed=seed)
        two.add(0.9 + seed / 90, model="cvae", seed=seed)
    one.add(0.1, model="vae", seed=9)
    two.add(0.1, model="vae", seed=9)  # the same trial
    done = compare("one", "two", "--json")
    (cell,) = verdicts(done)["cells"]
    assert (cell["n"], cell["verdict"]) == (6, "cvae better")
    document = json.loads(done.stdout)
    assert (document["name"], document["counts"]["finished"]) == ("one + two", 13)
    assert [row["metrics"]["probe/accuracy"]["n"] for row in document["rows"]] == [7, 6]
    assert "cvae better" in compare("one", "two").stdout
    assert "no two settings that were trained differ in model alone" in compare("one").stdout


def test_searches_stand_alone(
    grid: Callable[..., Grid],
    searches: Callable[..., Searches],
    compare: Compare,
    tmp_path: Path,
) -> None:
    filled(grid(), 2)
    made = searches("runs/found")
    made.trial(made.study("vae", model="vae"), 0.5)
    for form in ([], ["--json"], ["--csv"], ["--latex"]):
        refused = compare("mine", "found", *form)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "found is a search, and searches are compared one at a time" in refused.stderr


def test_little_to_compare(grid: Callable[..., Grid], compare: Compare) -> None:
    made = grid()
    made.add(None, "failed", model="vae", seed=0)
    assert compare("mine").stdout == "mine: no trial has been trained yet\n"
    made.add(0.5, model="vae", seed=1)
    assert "no verdicts" in compare("mine").stdout
    made.add(0.5, model="cvae", seed=2)
    assert "no seed was trained to its end with both vae and cvae" in compare("mine").stdout
    made.add(None, model="cvae", seed=1)
    (cell,) = verdicts(compare("mine", "--json"))["cells"]
    assert (cell["n"], cell["verdict"], cell["interval"]) == (0, "undecided", None)
    assert cell["why"] == "no seed for which both have it"
    assert "nothing that compares vae and cvae was measured in both" in compare("mine").stdout
    done = compare("mine", "--csv")
    assert (done.returncode, done.stdout.count("\n")) == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "probe/acuracy"], "metric probe/acuracy: no trial that is compared has it"),
        (["--metric", "probe/acuracy"], "did you mean probe/accuracy? There are: "),
        (["--metric", "prob"], "no trial that is compared has it; there are: probe/accuracy"),
        (["--by", "bta"], "--by bta: the trials differ in no setting of this name"),
        (["--by", "bta"], "did you mean beta? There are: "),
        (["--by", "bta", "--csv"], "did you mean beta? There are: "),
        (["--by", "epochs", "--latex"], "--by epochs: the trials differ in no setting of"),
        (["--by", "nom"], "did you mean architecture.norm? There are: model, beta"),
        (["--equal-within", "0.1"], "--equal-within 0.1: give a metric and the difference"),
        (["--equal-within", "probe/accuracy=-1"], "such as probe/accuracy=0.005"),
        (["--equal-within", "other=1"], "metric other: no trial"),
        (["--json", "--csv"], "--json and --csv are two forms of the same"),
        (["--csv", "--latex"], "--csv and --latex are two forms of the same"),
    ],
)
def test_bad_requests(
    grid: Callable[..., Grid], compare: Compare, arguments: list[str], words: str
) -> None:
    made = grid()
    filled(made, 2)
    made.add(0.5, architecture={"norm": "batch"})
    made.add(0.5, model="pixels")
    done = compare("mine", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_setting_goes_by_its_name_without_its_group(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    made = grid()
    for norm in ("none", "batch"):
        for seed in range(2):
            made.add(0.5 + seed / 8, architecture={"norm": norm}, seed=seed)
    short, whole = (compare("mine", "--by", n, "--json") for n in ("norm", "architecture.norm"))
    assert (short.returncode, short.stdout) == (0, whole.stdout)
    (cell,) = verdicts(short)["cells"]
    assert (cell["reference"]["name"], cell["other"]["name"]) == ("norm=none", "norm=batch")
    assert "norm=batch" in compare("mine", "--by", "norm").stdout
    for beta in (1.0, 2.0):
        made.add(0.5, beta=beta, seed=9)
    head, name = (compare("mine", "--by", each, "--json") for each in ("β", "beta"))
    assert (head.returncode, head.stdout) == (0, name.stdout)


@pytest.mark.parametrize("name", ["probe/accuracy", "probe", "probe ↑", "Probe"])
def test_metrics_go_by_their_name_and_by_the_head_of_their_column(
    grid: Callable[..., Grid], compare: Compare, name: str
) -> None:
    filled(grid(), 6)
    done = compare("mine", "--metric", name, "--equal-within", f"{name}=0.5")
    assert "equal within 0.5" in done.stdout
    assert "probe ↑: by model, paired by seed" in done.stdout
    head = next(line for line in done.stdout.splitlines() if line.startswith("model "))
    assert head.index("probe") < head.index("test MSE")


def test_what_could_be_found_is_of_the_corrected_level(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    filled(grid(), 5)
    assert [cell["detectable"] for cell in verdicts(compare("mine", "--json"))["cells"]] == [
        None
    ] * 2
    filled(grid("six"), 6)  # one of 64 flips, doubled, is above 2.5 %
    assert [cell["detectable"] for cell in verdicts(compare("six", "--json"))["cells"]] == [
        None
    ] * 2
    from statsmodels.stats.power import TTestPower

    filled(grid("ten"), 10)
    for cell in verdicts(compare("ten", "--json"))["cells"]:
        effect = TTestPower().solve_power(nobs=10, power=0.8, alpha=0.05 / 2)
        assert cell["detectable"] == pytest.approx(effect * cell["sd"], rel=1e-4)


def test_csv_and_latex(grid: Callable[..., Grid], compare: Compare) -> None:
    vae, _ = filled(grid(), 6)
    rows = list(csv.DictReader(io.StringIO(compare("mine", "--csv").stdout)))
    row = rows[0]
    assert (row["metric"], row["beta"], row["pairs"]) == ("probe/accuracy", "0.001", "6")
    assert float(row["reference_mean"]) == pytest.approx(vae[0].mean())
    assert float(row["reference_sd"]) == pytest.approx(vae[0].std(ddof=1))
    assert row["verdict"] == "undecided"  # 2 of 64, twice
    text = compare("mine", "--latex", "--metric", "probe/accuracy").stdout
    head, first, second = text.split(r"\midrule")[0], *text.split(r"\midrule")[1].splitlines()[1:3]
    assert head.startswith(r"\begin{tabular}{lrrrrrl}")
    assert first.startswith(r"$\beta$=0.001 & 6 & ")
    assert [line.count(" & ") for line in (head, first, second)] == [6, 6, 6]
    assert text.endswith("\\end{tabular}\n")


def test_of_several_values_each_row_says_which_it_is(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    made = grid()
    for beta, accuracy in ((1e-3, 0.9), (1e-5, 0.5), (1e-8, 0.1)):
        for seed in range(8):
            made.add(accuracy + seed / 100 + beta, model="cvae", beta=beta, seed=seed)
    done = compare("mine", "--by", "beta", "--metric", "probe/accuracy")
    assert "β=0.001 better in all 2 (β=1e-05 -0.401; β=1e-08 -0.801)" in done.stdout
    text = compare("mine", "--by", "beta", "--metric", "probe/accuracy", "--latex").stdout
    head, rows = text.split(r"\midrule")
    assert r" & $\beta$=0.001 & other & difference & " in head
    assert [row.split(" & ")[0] for row in rows.splitlines()[1:3]] == [
        r"$\beta$=1e-05",
        r"$\beta$=1e-08",
    ]


def test_equal_within_what_a_person_says(grid: Callable[..., Grid], compare: Compare) -> None:
    filled(grid(), 6)
    found = verdicts(compare("mine", "--json", "--equal-within", "probe/accuracy=0.1"))
    assert [cell["verdict"] for cell in found["cells"]] == ["equal within 0.1"] * 2
    assert found["equal_within"] == 0.1


def test_what_was_reported_elsewhere_stands_beside_ours(
    grid: Callable[..., Grid], compare: Compare
) -> None:
    made = grid()
    accuracies = filled(made, 3)
    metric = {"metric": "probe/accuracy", "source": "Table 1"}
    made.ledger.sweep.spec = {
        "paper": [
            metric | {"value": 0.9305, "settings": {"model": "cvae", "beta": 1e-3}},
            metric | {"value": 0.5, "settings": {"latent_dim": 3}},
            {"metric": "fid/inception", "beside": "probe/accuracy", "value": 9.0, "source": "a"},
        ]
    }
    made.ledger.save_sweep()
    made.add(0.1, model="pca")
    first, second, other = json.loads(compare("mine", "--json").stdout)["paper"]
    assert other["here"]["n"] == accuracies.size, "no baseline is among all trials"
    assert first["here"]["mean"] == pytest.approx(accuracies[1, 0].mean())
    assert first["here"]["sd"] == pytest.approx(accuracies[1, 0].std(ddof=1))
    assert (first["here"]["n"], second["here"]) == (3, None)
    shown = compare("mine").stdout.splitlines()
    table = shown[shown.index("reported elsewhere") :]
    assert table[3].split()[:5] == ["probe", "↑", "cvae", "β=0.001", "0.9305"]
    assert table[3].endswith("Table 1")
    assert "-0." not in table[3]  # nothing is subtracted
    assert table[5].startswith("FID")
    assert f"probe ↑ {accuracies.mean():.4g}" in table[5]
