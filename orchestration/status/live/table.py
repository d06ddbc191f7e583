"""One frame of the live table: lines that fit a terminal, from what is known at a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from orchestration.status.live.row import Row
from orchestration.terminal.tables import Column, cut, fitted, lines
from orchestration.words import duration

JUST_ENDED_S = 20.0
BAR = 12
UNDER_WAY = ("starting", "training", "trained", "evaluating")
STYLES = {
    **dict.fromkeys(("training", "evaluating"), "cyan"),
    "finished": "green",
    "stopped": "yellow",
    "failed": "red",
}
KINDS = {
    **dict.fromkeys(("starting", "training", "evaluating"), "under way"),
    **dict.fromkeys(("waiting", "trained"), "waiting"),
    "failed": "failed",
    "finished": "finished",
    "stopped": "stopped early",
}
AROUND = 4
"""Lines of a frame besides its rows: head, others, sweep, what is going on."""


@dataclass(frozen=True)
class Moment:
    """What a frame shows."""

    sweep: str
    rows: Sequence[Row]
    left: Mapping[str, float | None]
    """Seconds left of trials under way, by key: of training, then of evaluation."""
    sweep_left: float | None
    now: float
    elapsed: float
    stopping: bool
    to_come: int = 0
    """Trials that a search will still ask for."""
    nodes: str = ""
    """The nodes of a cluster, in a line; empty: there are not several."""


def frame(moment: Moment, width: int, height: int) -> list[Text]:
    """The table and the lines below it: at most ``height - 1`` lines of ``width`` characters."""
    around = AROUND + bool(moment.nodes)
    room = height - 1 - around
    rows = _chosen(moment, room, max(height * 2 // 3 - around, 1)) if room > 0 else []
    table = lines(fitted(_columns(rows, moment, width), width), width) if rows else []
    nodes = Text(moment.nodes, style="dim")
    below = [_others(moment, rows), nodes, _sweep(moment, width), _doing(moment, width)]
    all_lines = [*table, *(cut(line, width) for line in below if line.cell_len)]
    return all_lines[-max(height - 1, 1) :]


def _chosen(moment: Moment, room: int, usual: int) -> list[Row]:
    """Trials under way, failed and just ended ones, then the next; those first that matter most."""
    rows = moment.rows
    under_way = [row for row in rows if row.state in UNDER_WAY and row.at]
    failed = [row for row in rows if row.state == "failed"]
    recent = [
        row
        for row in rows
        if row.state in ("finished", "stopped") and row.at and moment.now - row.at < JUST_ENDED_S
    ]
    shown = under_way[:room]
    shown += failed[::-1][: max(usual - len(shown), 0)]
    shown += sorted(recent, key=lambda row: -row.at)[: max(usual - len(shown), 0)]
    seen = {row.key for row in shown}
    waiting = [r for r in rows if r.state in ("waiting", "trained") and r.key not in seen]
    shown += waiting[: max(usual - len(shown), 0)]
    order = {"failed": 0, "stopped": 1, "finished": 1, "waiting": 3}
    return sorted(shown, key=lambda row: order.get(row.state, 2))


def _columns(rows: Sequence[Row], moment: Moment, width: int) -> list[Column]:
    styles = [STYLES.get(row.state, "dim" if row.state == "waiting" else "") for row in rows]
    plain = ["dim" if row.state == "waiting" else "" for row in rows]

    def numbers(title: str, cells: list[str], rank: int, room: int) -> Column:
        return Column(title, cells, rank=rank, right=True, styles=plain, room=room)

    epochs = [f"{row.epoch}/{row.epochs}" for row in rows]
    widest = max(2 * len(str(row.epochs)) + 1 for row in rows)
    return [
        Column("trial", [row.key for row in rows], styles=plain),
        Column("settings", [row.name for row in rows], least=max(14, width * 2 // 5), styles=plain),
        Column("state", [row.state for row in rows], styles=styles, room=len("evaluating")),
        numbers("epoch", epochs, 0, widest),
        Column("", [_bar(row) for row in rows], rank=6, styles=styles, room=BAR),
        numbers("loss", [_number(row.loss, ".5f") for row in rows], 2, 7),
        numbers("val probe", [_number(row.probe, ".3f") for row in rows], 3, 5),
        numbers("images/s", [_number(row.pace, ",.0f") for row in rows], 5, 8),
        numbers("left", [_left(row, moment) for row in rows], 1, 5),
    ]


def _bar(row: Row) -> str:
    done = int(BAR * (row.epoch + row.share) / row.epochs)
    return "━" * done + "╌" * (BAR - done) if row.at and row.state in UNDER_WAY else ""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _left(row: Row, moment: Moment) -> str:
    left = moment.left.get(row.key)
    return duration(left) if left and row.state in UNDER_WAY else "-"


def _others(moment: Moment, shown: Sequence[Row]) -> Text:
    seen = {row.key for row in shown}
    counts = Counter(KINDS[row.state] for row in moment.rows if row.key not in seen)
    parts = [f"{count} {kind}" for kind, count in counts.items()]
    return Text(f"others: {', '.join(parts)}" if parts else "", style="dim")


def _sweep(moment: Moment, width: int) -> Text:
    states = [row.state for row in moment.rows]
    elapsed, left = duration(moment.elapsed), moment.sweep_left
    counts = f"{states.count('finished')}/{len(states) + moment.to_come} finished"
    for state, words in (("stopped", "stopped early"), ("failed", "failed")):
        counts += f", {states.count(state)} {words}" if state in states else ""
    times = f"{elapsed} so far" + ("" if left is None else f", about {duration(left)} left")
    short = f"{elapsed}+{'?' if left is None else duration(left)}"
    return _first_fitting(
        [f"{moment.sweep}: {counts}, {times}", f"{counts}, {times}", f"{counts}, {short}"], width
    )


def _doing(moment: Moment, width: int) -> Text:
    if moment.stopping:
        again = "Ctrl-C again ends at once"
        texts = [f"stopping after the epochs under way; {again}", f"stopping; {again}"]
        return Text.assemble((_first_fitting(texts, width).plain, "bold yellow"))
    states: list[str] = [row.state for row in moment.rows if row.at]
    counts = {state: states.count(state) for state in ("training", "evaluating")}
    doing = ", ".join(f"{state} {count}" for state, count in counts.items() if count)
    doing = doing or "starting workers"
    texts = [f"{doing}; Ctrl-C stops, and the same command continues", f"{doing}; Ctrl-C stops"]
    return Text.assemble((_first_fitting(texts, width).plain, "dim"))


def _first_fitting(texts: Sequence[str], width: int) -> Text:
    """The first that is no longer than ``width``, else the last."""
    return Text(next((text for text in texts if len(text) <= width), texts[-1]))
