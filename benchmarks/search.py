"""Milliseconds per ask and tell of a study against plain Optuna's, and seconds to refill one.

    python benchmarks/search.py

Plain Optuna is one study in memory with one TPE sampler for its whole life, with the same options.
A study here has a fresh sampler at every ask, and forgets what samplers note down, so that it can
be refilled from the ledger at any time; this measures what that costs. Both hold the same trials.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import optuna

from orchestration.spec.dimensions import Dimension
from orchestration.study.advisor import Advisor, distribution_of
from orchestration.study.outcomes import Outcome

SPACE = (
    Dimension("beta", "float", 1e-8, 1e-1, log=True),
    Dimension("lambda", "float", 1e-3, 10.0, log=True),
    Dimension("latent_dim", "int", 4, 64, step=4),
    Dimension("tau", "float", 0.05, 1.0),
)
DISTRIBUTIONS = {dimension.name: distribution_of(dimension) for dimension in SPACE}
STARTUP = 10
AT_MOST, SPARE_S = 1.5, 0.01
"""What --check allows of an ask: so many times plain Optuna's, and so many seconds more."""
REFILL_TRIALS, REFILL_S = 1000, 5.0
"""What --check allows for refilling a study."""


class Cost(NamedTuple):
    """Seconds; medians."""

    ask: float
    plain_ask: float
    tell: float
    plain_tell: float
    refill: float


Record = list[tuple[dict[str, Any], Outcome]]


def main() -> int:
    arguments = parse()
    print(f"TPE, {len(SPACE)} dimensions; Optuna {optuna.__version__}")
    print(f"{'trials':>7}{'plain ask':>12}{'ask':>11}{'ratio':>8}{'tell':>11}{'ratio':>8}", end="")
    print(f"{'refill':>11}")
    costs = {}
    for trials in arguments.trials:
        cost = costs[trials] = measure(trials, arguments.asks)
        print(
            f"{trials:>7,}{cost.plain_ask * 1e3:>9.1f} ms{cost.ask * 1e3:>8.1f} ms"
            f"{cost.ask / cost.plain_ask:>8.2f}{cost.tell * 1e3:>8.2f} ms"
            f"{cost.tell / cost.plain_tell:>8.2f}{cost.refill:>9.2f} s"
        )
    return check(costs) if arguments.check else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [10, 100, REFILL_TRIALS, 5000]
    parser.add_argument(
        "--trials",
        type=int,
        nargs="+",
        default=sizes,
        help="recorded trials (default: %(default)s)",
    )
    parser.add_argument("--asks", type=int, default=20, help="asks and tells, of which the median")
    parser.add_argument("--check", action="store_true", help="exit 1 if an ask or refill is slow")
    return parser.parse_args()


def measure(trials: int, asks: int) -> Cost:
    """Both studies with the same record, asked and told in turns."""
    record = made_up(trials)
    advisor = Advisor(SPACE, {}, ["maximize"], "tpe", seed=0, startup=STARTUP)
    refill, _ = timed(lambda: advisor.add_all(record))
    plain = plain_study(record)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for number in range(trials, trials + asks):
        plain_ask, trial = timed(lambda: plain.ask(DISTRIBUTIONS))
        plain_tell, _ = timed(lambda trial=trial: plain.tell(trial, worth(trial.params)))
        theirs.append((plain_ask, plain_tell))
        ask, params = timed(advisor.ask)
        outcome = Outcome("complete", (worth(params),))
        tell, _ = timed(lambda n=number, o=outcome: advisor.tell(n, o))
        ours.append((ask, tell))
    ask, tell = medians(ours)
    plain_ask, plain_tell = medians(theirs)
    return Cost(ask, plain_ask, tell, plain_tell, refill)


def plain_study(record: Record) -> optuna.Study:
    sampler = optuna.samplers.TPESampler(
        seed=0, n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(
        [
            optuna.create_trial(params=params, distributions=DISTRIBUTIONS, values=outcome.values)
            for params, outcome in record
        ]
    )
    return study


def made_up(trials: int) -> Record:
    """A record of random trials."""
    asked = Advisor(SPACE, {}, ["maximize"], "random", seed=1, startup=STARTUP)
    found = [asked.ask() for _ in range(trials)]
    return [(params, Outcome("complete", (worth(params),))) for params in found]


def worth(params: dict[str, Any]) -> float:
    return -((math.log10(params["beta"]) + 4) ** 2) - (params["tau"] - 0.3) ** 2


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second)


def check(costs: dict[int, Cost]) -> int:
    slow = [
        f"ask at {n:,}"
        for n, cost in costs.items()
        if cost.ask > AT_MOST * cost.plain_ask + SPARE_S
    ]
    slow += [
        f"refill of {n:,}"
        for n, cost in costs.items()
        if cost.refill > REFILL_S * max(n / REFILL_TRIALS, 1)
    ]
    if slow:
        print(f"too slow: {', '.join(slow)}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
