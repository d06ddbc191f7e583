"""What enters a comparison, from which sweep, and what is said where nothing can be judged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.compare.answers import Question, answers
from orchestration.compare.measured import alike, measured_trials
from orchestration.compare.reported import reported_rows
from orchestration.ledger.documents import Evaluated, Trial
from orchestration.report.report_file import report_of
from tests.orchestration.report.test_report import Page
from tests.orchestration.written import Written

from .conftest import Searches

Compare = Callable[..., Any]
MODELS = ("vae", "cvae")
ACCURACY = {"probe/accuracy": 0.9}


pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture
def compare(command: Callable[..., Any], tmp_path: Path) -> Compare:
    return lambda *arguments: command(tmp_path, "compare", *arguments, "--storage", str(tmp_path))


def found(made: Searches, replicates: int = 0) -> Searches:
    """Both models searched, and so many replicates of what was found."""
    for model in MODELS:
        study = made.study(model, model=model)
        values = [0.5] * len(made.objectives)
        made.trial(study, values, beta=0.1, test=ACCURACY)
        study.winner = study.asks[0].key
        for _ in range(replicates):
            made.trial(study, values, beta=0.1, test={"probe/accuracy": 0.7}, replicate=True)
    return made


def test_a_search_says_on_what_verdicts_on_it_rest(
    searches: Callable[..., Searches], compare: Compare
) -> None:
    rest = "on a search they rest on the replicates of what it found best"
    made = found(searches())
    said = f"no verdicts: {rest}, and it has none: --set search.replicates=6 trains them"
    assert said in compare("found").stdout.splitlines()
    page = " ".join(Page(report_of(made.read())).text.split())
    assert f"There is nothing to compare: {rest}, and it has none" in page
    made.ledger.sweep.spec["search"]["replicates"] = 3
    made.ledger.save_sweep()
    said = f"{rest}, and no two searches that differ in model alone have any that were trained"
    assert said in compare("found").stdout
    both = found(searches("two", objectives=[{"metric": "a", "direction": "maximize"}] * 2))
    both.ledger.sweep.spec["search"]["objectives"] = both.objectives
    both.ledger.save_sweep()
    assert f"{rest}, and one with several objectives has no best" in compare("two").stdout


def test_replicates_that_failed_are_told_of_where_there_are_no_others(
    searches: Callable[..., Searches], compare: Compare
) -> None:
    made = found(searches())
    for study in made.ledger.planned_studies():
        made.trial(study, None, "failed", beta=0.1, replicate=True)
    assert "note: 2 replicates of the compared searches are in no pair" in compare("found").stdout


@pytest.mark.parametrize("by", ["seed", "data.split_seed"])
def test_what_repeats_trials_is_not_compared(
    written: Callable[..., Written], compare: Compare, by: str
) -> None:
    made = written("mine")
    for seed in range(2):
        for split in range(2):
            made.trial(seed=seed, data={"split_seed": split}, metrics=ACCURACY)
    head = by.rpartition(".")[2]
    said = f"no verdicts: trials that differ in {head} repeat each other, and are averaged over"
    assert said in compare("mine", "--by", by).stdout.splitlines()


def test_splits_are_no_seeds(written: Callable[..., Written], compare: Compare) -> None:
    made = written("mine")
    for model in MODELS:
        for seed in range(3):
            for split in range(2):
                settings = {"seed": seed, "data": {"split_seed": split}}
                made.trial(model=model, metrics=ACCURACY, **settings)
    line = next(line for line in compare("mine").stdout.splitlines() if "no verdicts" in line)
    assert line.startswith("no verdicts: they take 6 seeds in both, here 3 seeds (")


def test_rows_of_one_table_take_more_seeds_together(
    written: Callable[..., Written], compare: Compare
) -> None:
    """Two of 2⁶ flips are 3 %, of which Holm asks half with two rows."""
    made = written("mine")
    for seed in range(7):
        for model in MODELS:
            for beta in (0.1, 0.2):
                value = 0.5 + seed / 100 + (model == "cvae") * (0.1 + seed / 200)
                made.trial(model=model, beta=beta, seed=seed, metrics={"probe/accuracy": value})
        if seed == 5:
            line = compare("mine").stdout.split("no verdicts: ")[1]
            assert line.startswith("they take 7 seeds in both over 2 rows, here 6 seeds (")
    assert "probe ↑: cvae better in all 2" in compare("mine").stdout


def measured_more(made: Written, name: str, trial: Trial) -> None:
    def add(changed: Trial) -> None:
        changed.evaluations["fid"] = Evaluated(state="finished", metrics={name: 5.0}, seconds=1.0)

    made.ledger.change(trial.key, add)


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_what_either_sweep_has_measured_of_a_trial_is_compared(
    written: Callable[..., Written], compare: Compare, order: tuple[str, str]
) -> None:
    for name in ("one", "two"):
        made = written(name)
        for model in MODELS:
            trial = made.trial(model=model, metrics=ACCURACY)
            if name == "two":
                measured_more(made, "fid/inception", trial)
    done = compare(*order, "--json", "--metric", "fid/inception")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    (cell,) = document["verdicts"]["metrics"][0]["cells"]
    assert (cell["n"], cell["mean_difference"]) == (1, 0.0)
    assert {row["metrics"]["fid/inception"]["n"] for row in document["rows"]} == {1}


def test_several_sweeps_of_which_one_failed_were_not_interrupted(
    written: Callable[..., Written], compare: Compare
) -> None:
    for name, state in (("one", "finished"), ("two", "failed")):
        made = written(name)
        made.trial(model="vae", seed=1, metrics=ACCURACY)
        made.trial(state, model="cvae", seed=2)
    assert json.loads(compare("one", "two", "--json").stdout)["state"] == "failed"


def test_a_figure_stands_beside_replicates_and_not_beside_all_that_was_tried(
    searches: Callable[..., Searches],
) -> None:
    made = found(searches(), replicates=2)
    figure = {"metric": "probe/accuracy", "value": 0.93, "source": "a", "settings": {}}
    made.ledger.sweep.spec["paper"] = [figure | {"settings": {"model": "cvae"}}]
    (row,) = reported_rows([made.ledger])
    assert row["here"] == {"mean": pytest.approx(0.7), "sd": 0.0, "n": 2}


def test_files_tell_what_they_lack(written: Callable[..., Written], compare: Compare) -> None:
    made = written("mine")
    for model in MODELS:
        made.trial(model=model, metrics=ACCURACY)
    made.trial("stopped", model="cvae", seed=1)
    line = "1 trial of the compared settings is in no pair (1 stopped early)"
    for form in ("--csv", "--latex"):
        done = compare("mine", form)
        assert done.returncode == 0
        assert done.stderr.startswith(f"warning: {line}")
        assert (f"% note: {line}" in done.stdout) == (form == "--latex")


def test_names_are_looked_at_where_nothing_makes_pairs(
    written: Callable[..., Written], compare: Compare
) -> None:
    made = written("mine")
    made.trial(model="cvae", metrics=ACCURACY)
    done = compare("mine", "--metric", "prbe/accuracy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "metric prbe/accuracy: no trial" in done.stderr
    assert compare("mine", "--metric", "probe").returncode == 0


def test_a_metric_that_is_asked_for_twice_is_one(
    written: Callable[..., Written], compare: Compare
) -> None:
    made = written("mine")
    for model in MODELS:
        for seed in range(3):
            made.trial(model=model, seed=seed, metrics={"probe/accuracy": 0.9 + seed / 100})
    twice = ("--metric", "probe/accuracy", "--metric", "probe")
    assert compare("mine", *twice).stdout == compare("mine", *twice[:2]).stdout


def test_rows_differ_where_the_reference_alone_has_a_setting(
    written: Callable[..., Written],
) -> None:
    made = written("mine")
    for hue in (0.0, 0.3):
        settings = {"data": {"name": "cifar10"}, "augment": True, "views": {"hue": hue}}
        made.trial(metrics=ACCURACY, **settings)
    made.trial(metrics=ACCURACY, data={"name": "cifar10"})
    found = answers([made.read()], Question("augment")).pairings
    assert [pairing.settings for pairing in found] == [{"views.hue": 0.0}, {"views.hue": 0.3}]
    assert len({pairing.name for pairing in found}) == 2


def test_one_classifier_is_that_of_the_whole_sweep(written: Callable[..., Written]) -> None:
    """Also of the trials that the part has not come to yet, or for which it failed."""
    made = written("mine")
    for seed in range(3):
        trial = made.trial(seed=seed, metrics=ACCURACY)
        trial.epochs[-1].metrics["val/fd_digits-cnn"] = 1.0
        made.ledger.save(trial)
        if seed == 0:
            part = Evaluated(state="finished", metrics={"fd/x": 1.0}, seconds=1.0)
            trial.evaluations["fd"] = part.model_copy(update={"facts": {"extractor_digest": "a"}})
            made.ledger.save(trial)
    kept, lines = alike(measured_trials([made.read()]))
    assert [each.metrics["val/fd_digits-cnn"] for each in kept] == [1.0] * 3
    assert lines == []


def test_a_part_that_the_sweep_does_not_ask_for_is_to_be_named(
    written: Callable[..., Written],
) -> None:
    made = written("mine")
    made.ledger.sweep.spec["evaluation"] = {"fid": False}
    for model in MODELS:
        trial = made.trial(model=model, metrics=ACCURACY)
        if model == "vae":
            measured_more(made, "fid/inception", trial)
        made.trial(model=model, seed=1, metrics=ACCURACY)
    page = " ".join(Page(report_of(made.read(), at_work=False)).text.split())
    assert "not measured in 1 of 2 trained trials: FID ↓ (" in page
    assert re.search(r"evaluate mine( --storage \S+)? --only fid measures it there", page)
