"""Tables and phrases of docs/results.md, from what was kept of one comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.words import duration

VERDICT_HEADS = (
    *("metric", "difference of", "mean", "95 % interval"),
    *("pairs", "p (Holm)", "could find", "verdict"),
)


@dataclass(frozen=True)
class Found:
    """What one comparison has found."""

    kept: Mapping[str, Any]

    def cell(self, metric: str, row: str = "") -> Mapping[str, Any]:
        """One row of a metric's verdicts, by its name or by its other side's."""
        (found,) = (
            each for each in self.kept["verdicts"][metric] if row in (each["name"], each["other"])
        )
        return found

    def difference(self, metric: str, row: str = "") -> str:
        """A mean difference with its interval and verdict, in brackets."""
        cell = self.cell(metric, row)
        low, high = map(signed, cell["interval"])
        return f"{signed(cell['mean_difference'])} [{low} to {high}; {cell['verdict']}]"

    def mean(self, metric: str, row: str) -> str:
        """A mean over seeds with its standard deviation."""
        return spread(self._row(row)["metrics"].get(metric))

    def more(self, metric: str, row: str, than: str) -> str:
        """How much larger one row's mean is than another's."""
        large, small = (self._row(name)["metrics"][metric]["mean"] for name in (row, than))
        return f"{100 * (large / small - 1):.0f} % more"

    def _row(self, name: str) -> Mapping[str, Any]:
        (found,) = (each for each in self.kept["rows"] if each["name"] == name)
        return found

    def run(self) -> str:
        """What was run, and what it took."""
        run = self.kept["run"]
        taken = run["trials"] - run["trained_here"]
        rates = ", ".join(
            f"{model} {rate:,}"
            for model, rate in run["images_per_s"].items()
            if model in ("vae", "cvae")
        )
        took = (
            f"{duration(run['elapsed_s'])} for two workers of a thread each (images a second: "
            f"{rates}); CPU time {duration(run['training_cpu_s'])} of training and "
            f"{duration(run['evaluation_cpu_s'])} of evaluation."
            if run.get("alone", True)
            else "Other work ran beside it, so that it says nothing of speed."
        )
        return (
            f"{run['trials']} trials"
            + (f", {taken} of them taken over from sweeps that had trained them" if taken else "")
            + f". {took} {run['processor']}, torch {run['torch']}, version {run['version']}, "
            f"numerics {run['numerics']}."
        )

    def means(self, metrics: Sequence[str]) -> Iterator[str]:
        """Means and standard deviations over seeds, a row a setting."""
        yield from table(
            ["", *metrics],
            (
                [row["name"], *(spread(row["metrics"].get(name)) for name in metrics)]
                for row in self.kept["rows"]
            ),
        )

    def fronts(self, objectives: Sequence[str]) -> Iterator[str]:
        """Each family's Pareto front, a row a trial: its parameters and objectives."""
        trials = [(family, each) for family, front in self.kept["fronts"].items() for each in front]
        params = list(dict.fromkeys(name for _, each in trials for name in each["params"]))
        yield from table(
            ["", *params, *objectives],
            (
                [
                    family,
                    *(digits(each["params"].get(name, "-"), 2) for name in params),
                    *(digits(value, 4) for value in each["values"]),
                ]
                for family, each in trials
            ),
        )

    def verdicts(self, metrics: Sequence[str]) -> Iterator[str]:
        """Paired differences, a row for each metric and pairing."""
        cells = [(name, cell) for name in metrics for cell in self.kept["verdicts"].get(name, [])]
        yield from table(
            VERDICT_HEADS,
            (
                [
                    name,
                    f"{cell['other']} − {cell['reference']}"
                    + (f" at {cell['name']}" if cell["name"] else ""),
                    signed(cell["mean_difference"]),
                    " to ".join(map(signed, cell["interval"])),
                    str(cell["n"]),
                    *(
                        "-" if number is None else f"{number:.2g}"
                        for number in (cell["p_holm"], cell["detectable"])
                    ),
                    cell["verdict"],
                ]
                for name, cell in cells
                if cell["interval"]
            ),
        )

    def paper(self) -> Iterator[str]:
        """Figures of the paper beside ours."""
        yield from table(
            ["", "reported", "here", "where"],
            (
                [
                    " ".join(
                        str(value) if name == "model" else f"{name}={value:g}"
                        for name, value in row["settings"].items()
                    ),
                    f"{row['value']:.5g}",
                    spread(row["here"]),
                    row["source"],
                ]
                for row in self.kept["paper"]
            ),
        )


def signed(number: float) -> str:
    """A difference with its sign, at three digits."""
    return f"{number:+.3g}".replace("-", "−")


def digits(value: float | str, number: int) -> str:
    """A parameter at so many digits, or as it is."""
    return value if isinstance(value, str) else f"{value:.{number}g}"


def spread(found: Mapping[str, Any] | None) -> str:
    """Mean ± standard deviation."""
    if found is None:
        return "-"
    if not found["sd"]:
        return f"{found['mean']:.4g}"
    # As many decimals as the spread has.
    places = max(0, 1 - math.floor(math.log10(found["sd"])))
    return f"{found['mean']:.{places}f} ± {found['sd']:.{places}f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
