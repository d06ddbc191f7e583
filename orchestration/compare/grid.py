"""VAE and CVAE side by side, or what else differs between the trials of a grid."""

from __future__ import annotations

import difflib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.evaluation.distances.decoder_share import mostly
from cvae_core.evaluation.distances.metrics import SHARE
from orchestration.errors import UserError
from orchestration.ledger.documents import TRAINED
from orchestration.spec.settings import brings
from orchestration.spec.trial_names import Names, setting_text, settings_in
from orchestration.status.metric_columns import beside, head, headlines
from orchestration.terminal.tables import Column, Sheet


def comparison_document(document: dict[str, Any], by: str = "model") -> dict[str, Any]:
    """What ``compare --json`` prints of a grid.

    Args:
        document: as ``status --json`` prints it.
        by: the setting whose values stand side by side.

    Raises:
        UserError: the trials do not differ in that setting.
    """
    rows = comparison_rows(document["trials"], by)
    for row in rows:
        row["metrics"] = {
            name: {"mean": mean, "sd": spread, "n": row["counts"][name]}
            for name, (mean, spread) in row["metrics"].items()
        }
        del row["counts"]
    return {
        "name": document["name"],
        "state": document["state"],
        "kind": "grid",
        "by": by,
        "counts": document["counts"],
        "rows": rows,
    }


def comparison_rows(trials: list[dict[str, Any]], by: str = "model") -> list[dict[str, Any]]:
    """One row per setting, over its seeds; a VAE stands above the CVAEs of its β, baselines last.

    Args:
        trials: as in ``status --json``.
        by: the setting whose values stand below one another, the others being equal.

    Returns:
        Rows with ``name``, ``model``, ``baseline`` (whether it is one), ``settings`` (those that
        differ within the sweep), ``keys`` and ``trials`` (which, and how many were trained to their
        end), ``stopped`` (how many a scheduler has stopped), ``train_s`` (mean), and ``metrics``:
        for each a mean and, over more than one seed, a standard deviation; ``counts`` says how many
        trials have each. What a stopped trial had reached is in none of these figures; where all
        were stopped, ``train_s`` is what they took.

    Raises:
        UserError: the trials do not differ in ``by``.
    """
    settings = settings_in(trials)
    return _rows(trials, settings, Names(settings), by)


def _rows(
    trials: Sequence[Mapping[str, Any]],
    settings: Sequence[dict[str, Any]],
    names: Names,
    by: str,
) -> list[dict[str, Any]]:
    """The same of trials whose settings and names are known."""
    check_by(by, ["model", *names.varied, *(["seed"] if names.seeds else [])])
    done = [
        _Done(trial, values, names, by)
        for trial, values in zip(trials, settings, strict=True)
        if trial["state"] in TRAINED
    ]
    varied = _columns(names, by)
    # What a CVAE alone has does not tell a VAE from the CVAEs beside it.
    compared = [trial for trial in done if not trial.baseline]
    others = [
        name
        for name in varied
        if name != by and (not brings(by, name) or all(name in trial.values for trial in compared))
    ]
    groups: dict[str, list[_Done]] = {}
    families: dict[str, int] = {}
    sides: dict[str, int] = {}
    for trial in done:
        groups.setdefault(trial.settings(varied), []).append(trial)
        families.setdefault(trial.settings(others), len(families))
        # A VAE comes first, wherever the grid has it.
        vae = by == "model" and trial.model == "vae"
        sides.setdefault(trial.settings([by]), -1 if vae else len(sides))
    ordered = sorted(
        groups.values(),
        key=lambda group: (
            _place_of(group[0].model),
            families[group[0].settings(others)],
            sides[group[0].settings([by])],
        ),
    )
    return [_row(group, varied[1:] if by == "model" else varied) for group in ordered]


def check_by(by: str, known: list[str]) -> None:
    """Refuse to set side by side what does not differ.

    Raises:
        UserError: it names the settings that do.
    """
    if by not in known:
        last = {name.rpartition(".")[2]: name for name in known}
        close = [last.get(n, n) for n in difflib.get_close_matches(by, [*known, *last], n=1)]
        hint = f"did you mean {close[0]}? There are" if close else "use one of"
        raise UserError(
            f"--by {by}: the trials differ in no setting of this name, so there is nothing to set "
            f"side by side; {hint}: {', '.join(known)}"
        )


def comparison_table(
    trials: list[dict[str, Any]],
    by: str = "model",
    asked: Sequence[str] = (),
    title: str | None = None,
) -> Sheet:
    """The rows as a table for a terminal.

    Args:
        trials: as in ``status --json``.
        by: the setting whose values stand below one another.
        asked: metrics that come first, each with what says more of it.
        title: of the table; None: what stands side by side.
    """
    settings = settings_in(trials)
    names = Names(settings)
    rows = _rows(trials, settings, names, by)
    metrics = [
        Column(
            title,
            [_cell(row, name) for row in rows],
            rank=rank,
            right=True,
        )
        for name, (title, rank) in _metric_columns(rows, asked).items()
    ]
    stopped = Column(
        "stopped early", [str(row["stopped"] or "-") for row in rows], rank=4, right=True
    )
    seeds = Column("seeds", [str(row["trials"]) for row in rows], rank=5, right=True)
    columns = [
        *(
            Column(
                names.labels.get(name, name),
                [_setting_cell(row, name) for row in rows],
                right=name != "model",
                setting=True,
            )
            for name in _columns(names, by)
        ),
        *([seeds] if any(row["trials"] + row["stopped"] > 1 for row in rows) else []),
        *([stopped] if any(row["stopped"] for row in rows) else []),
        *metrics,
        Column("training", [f"{row['train_s']:.0f} s" for row in rows], rank=4, right=True),
    ]
    return Sheet(
        title or f"{_title(rows, by)} side by side", columns, [row["name"] for row in rows]
    )


def _title(rows: Sequence[Mapping[str, Any]], by: str) -> str:
    if by != "model":
        return f"values of {by}"
    models = {row["model"] for row in rows} - BASELINES.keys()
    return "VAE and CVAE" if len(models) != 1 else f"trials of one model, {models.pop()},"


def decoder_lines(trials: list[dict[str, Any]], by: str, asked: Sequence[str]) -> list[str]:
    """Whether the distances that are asked for are mostly the decoder's or mostly the prior's.

    Args:
        trials: as in ``status --json``.
        by: the setting whose values stand below one another.
        asked: names of metrics.
    """
    rows = comparison_rows(trials, by)
    measured = [name for row in rows for name in row["metrics"]]
    lines = []
    for share in dict.fromkeys(
        name for metric in asked for name in beside(metric, measured) if name.endswith(SHARE)
    ):
        said: dict[str, list[str]] = {}
        for row in rows:
            if share in row["metrics"]:
                mean = row["metrics"][share][0]
                said.setdefault(mostly(mean), []).append(f"{row['name']} ({mean:.0%})")
        lines += [
            f"{share.removesuffix(SHARE)}, {word}: {', '.join(n)}" for word, n in said.items()
        ]
    return lines


def _metric_columns(
    rows: Sequence[Mapping[str, Any]], asked: Sequence[str]
) -> dict[str, tuple[str, int]]:
    """Head and rank by metric; what is asked for is there whatever else has no room."""
    measured = [name for row in rows for name in row["metrics"]]
    wanted = dict.fromkeys(name for a in asked for name in (a, *beside(a, measured)))
    first = {name: (head(name), int(name not in asked)) for name in wanted if name in measured}
    usual = headlines(measured)
    late = 10 if first else 0
    others = {n: (title, rank + late) for n, (title, rank) in usual.items() if n not in first}
    return first | others


def _columns(names: Names, by: str) -> list[str]:
    """The settings that tell rows apart, that which is compared first; seeds are one row."""
    return list(dict.fromkeys([by, "model", *names.varied]))


class _Done:
    """A trial at its end, with its settings under flat names."""

    def __init__(
        self, document: Mapping[str, Any], values: dict[str, Any], names: Names, by: str
    ) -> None:
        self.document = document
        self.values = values
        self.model = values["model"]
        self.baseline = self.model in BASELINES
        self.name = names.name_by(values, seed=by == "seed")

    def settings(self, names: list[str]) -> str:
        """The values of these settings, to be told apart."""
        return repr([self.values.get(name, "has none") for name in names])


def _place_of(model: str) -> int:
    """0 of what is compared, then baselines in the order of their declaration."""
    return 1 + list(BASELINES).index(model) if model in BASELINES else 0


def _row(group: list[_Done], shown: list[str]) -> dict[str, Any]:
    first = group[0]
    documents = [t.document for t in group if t.document["state"] == "finished"]
    stopped = [t.document for t in group if t.document["state"] == "stopped"]
    metrics, counts = {}, {}
    for name in dict.fromkeys(name for each in documents for name in each["metrics"]):
        values = [each["metrics"][name] for each in documents if name in each["metrics"]]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else None
            metrics[name] = (statistics.fmean(values), spread)
            counts[name] = len(values)
    return {
        "name": first.name,
        "model": first.model,
        "baseline": first.baseline,
        "settings": {name: first.values.get(name) for name in shown},
        "keys": [each["key"] for each in documents],
        "trials": len(documents),
        "stopped": len(stopped),
        "train_s": statistics.fmean(each["train_s"] for each in documents or stopped),
        "metrics": metrics,
        "counts": counts,
    }


def _setting_cell(row: Mapping[str, Any], name: str) -> str:
    """A setting of a row; of baselines the model says what they are."""
    text = setting_text(row["settings"].get(name, row.get(name)))
    return f"{text} (baseline)" if name == "model" and row["baseline"] else text


def _cell(row: Mapping[str, Any], name: str) -> str:
    """Mean and spread; how many trials have the figure, where not all have."""
    if name not in row["metrics"]:
        return "-"
    mean, spread = row["metrics"][name]
    text = f"{mean:.4g}" if spread is None else f"{mean:.4g} ± {spread:.2g}"
    count = row["counts"][name]
    return text if count == row["trials"] else f"{text} ({count} of {row['trials']})"
