"""What things of a kind have taken on average; written by one thread, read by another."""

from __future__ import annotations


class MeanSeconds:
    """Mean seconds of each kind, such as of an epoch by model.

    What came before ``begin`` was another run, perhaps on another machine: each kind's mean then
    has the weight of one measurement, and the first new ones outweigh it.
    """

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, int]] = {}

    def begin(self) -> None:
        """What is added from here on is of this run."""
        spent = self._spent.items()
        self._spent = {kind: (total / number, 1) for kind, (total, number) in spent if number}

    def add(self, kind: str, seconds: float, number: int = 1) -> None:
        """So many took so long together."""
        total, before = self._spent.get(kind, (0.0, 0))
        self._spent = {**self._spent, kind: (total + seconds, before + number)}

    def of(self, kind: str) -> float | None:
        """Seconds of one of a kind; None where none was measured."""
        total, number = self._spent.get(kind, (0.0, 0))
        return total / number if number else None

    def of_any(self) -> float | None:
        """Seconds of one, whatever its kind."""
        spent = self._spent.values()
        number = sum(number for _, number in spent)
        return sum(total for total, _ in spent) / number if number else None

    def all(self) -> dict[str, float]:
        """Those of every kind that was measured."""
        return {kind: total / number for kind, (total, number) in self._spent.items() if number}
