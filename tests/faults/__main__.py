"""``python -m tests.faults``: many sweeps, killed again and again; see docs/reliability.md."""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from .disturb import Disturbed, Reference, disturbed, undisturbed
from .kinds import kind_of
from .report import say_outcome, say_summary


def main() -> int:
    """Exit code: 0 where every sweep ended as an undisturbed one, else 1."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that sweeps under way are ended
    # Only so long that Ray's sockets below it have room.
    root = Path(tempfile.mkdtemp(prefix="faults-", dir="/tmp"))
    first = secrets.randbelow(10**6) if options.seed is None else options.seed
    references: dict[str, Reference] = {}
    outcomes = []
    print(f"{options.sweeps} sweeps, {options.kills} kills each, seeds from {first}", flush=True)
    for number, seed in enumerate(range(first, first + options.sweeps), 1):
        kind = kind_of(seed)
        if kind.name not in references:
            try:
                made = undisturbed(kind, root / f"u{len(references)}", root / "cache")
            except Disturbed as error:
                print(error)
                return 1
            references[kind.name] = made
            print(f"{kind.name} undisturbed: {made.seconds:.0f} s", flush=True)
        reference, folder = references[kind.name], root / str(number)
        outcome = disturbed(kind, seed, options.kills, reference, folder, root / "cache")
        outcomes.append(outcome)
        say_outcome(outcome, number, options.sweeps)
        if outcome.survived:
            shutil.rmtree(folder, ignore_errors=True)
    say_summary(outcomes)
    survived = all(outcome.survived for outcome in outcomes)
    if survived:
        shutil.rmtree(root, ignore_errors=True)
    return 0 if survived else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--sweeps", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5, help="of each sweep")
    parser.add_argument("--seed", type=int, help="of the first sweep; the next ones count up")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
