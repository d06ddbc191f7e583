"""What is printed of disturbed sweeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .disturb import Hit, Outcome

RAY = ("gcs_server", "raylet")


def say_outcome(outcome: Outcome, number: int, of: int) -> None:
    """A line for a sweep; where it differs from the undisturbed one, also how."""
    killed = ", ".join(hit.victim for hit in outcome.hits)
    end = "as undisturbed" if outcome.survived else "DIFFERS"
    print(
        f"sweep {number} of {of}, seed {outcome.seed}, {outcome.kind}: killed {killed}; "
        f"{outcome.seconds:.0f} s; {end}",
        flush=True,
    )
    if not outcome.survived:
        for line in outcome.differences:
            print(f"    {line}")
        print(f"    its files: {outcome.folder}")
        print(f"    again: make faults N=1 SEED={outcome.seed}", flush=True)


def say_summary(outcomes: Sequence[Outcome]) -> None:
    """Totals: who was killed, what was going on, and the seeds of failures."""
    good = [outcome for outcome in outcomes if outcome.survived]
    hits = [hit for outcome in outcomes for hit in outcome.hits]
    print(f"\nsurvived {sum(len(o.hits) for o in good)} kills in {len(good)} sweeps")
    for name, count in _victims(hits).items():
        print(f"  {name:<8} killed {count} times")
    detail = Counter(hit.victim for hit in hits)
    print(f"  (of Ray's: gcs_server {detail['gcs_server']}, raylet {detail['raylet']})")
    _say_histogram(hits)
    print(f"writes cut off for certain: {sum(hit.cut_off for hit in hits)}")
    print(f"kills at other moments, not counted: {sum(o.missed for o in outcomes)}")
    for outcome in outcomes:
        if not outcome.survived:
            print(f"FAILED: seed {outcome.seed} ({outcome.kind}); make faults N=1 SEED=…")


def _victims(hits: Sequence[Hit]) -> dict[str, int]:
    found = Counter(_group(hit) for hit in hits)
    return {name: found[name] for name in ("driver", "worker", "Ray")}


def _group(hit: Hit) -> str:
    return "Ray" if hit.victim in RAY else hit.victim


def _say_histogram(hits: Sequence[Hit]) -> None:
    """Rows: what was going on; columns: who was killed."""
    names = ("driver", "worker", "Ray")
    cells = Counter((hit.what, _group(hit)) for hit in hits)
    print(f"\n{'at the moment of the kill':<42}{''.join(f'{name:>8}' for name in names)}")
    for what in sorted({hit.what for hit in hits}, key=_order):
        counts = [cells[what, name] for name in names]
        print(f"{what:<42}{''.join(f'{n or chr(183):>8}' for n in counts)}  {'█' * sum(counts)}")


def _order(what: str) -> tuple[bool, int, str]:
    words = what.split()
    return (words[0] != "epoch", int(words[1]) if words[0] == "epoch" else 0, what)
