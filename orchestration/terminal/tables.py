"""Tables that fit: where a terminal is narrow, columns go by their rank; nothing wraps.

rich's ``Table`` narrows all columns instead, until they hold an ellipsis each: it has no ranks, no
line below a row, and makes no lines of text for the frames of ``painter``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from orchestration.terminal.printable import printable

GAP = 2
NARROW = 60
"""Below so many columns one blank stands between two cells."""


@dataclass(frozen=True)
class Column:
    """A title and one cell a row."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    """The highest goes first where there is no room; 0 stays."""
    right: bool = False
    setting: bool = False
    """Tells rows apart: where all of these do not fit, the row's name stands below it instead."""
    least: int | None = None
    """May be cut to so many characters before other columns go; None: is never cut."""
    styles: Sequence[str] = ()
    """One a cell, as rich names them."""
    room: int = 0
    """Characters that it takes at least, so that it does not move when cells fill."""

    @cached_property
    def width(self) -> int:
        """Characters of its longest cell, the title included."""
        return max(self.room, *(cell_len(text) for text in (self.title, *self.cells)))


@dataclass(frozen=True)
class Sheet:
    """A table for rich: as many columns as fit, and a line that names the others.

    ``names`` holds what rows are called, for lines below them where settings have no room.
    """

    title: str
    columns: Sequence[Column]
    names: Sequence[str] = field(default=())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Text]:
        width = options.max_width
        columns, names = list(self.columns), list(self.names)
        kept = [c for c in columns if c.rank == 0]
        folded = bool(names) and _total(kept, width) > width
        if folded:
            columns = [column for column in columns if not column.setting]
        shown = fitted(columns, width)
        rule = "-" if options.ascii_only else "─"
        head, *rows = lines(shown, width)
        yield Text(self.title, style="bold italic", overflow="fold")
        yield head
        yield Text(rule * max(line.cell_len for line in (head, *rows)))
        for number, row in enumerate(rows):
            yield row
            for part in wrap(printable(names[number]), max(width - 2, 1)) if folded else ():
                yield cut(Text(f"  {part}", style="dim"), width)
        titles = {column.title for column, _ in shown}
        gone = [column.title for column in columns if column.title not in titles]
        if gone:
            yield Text(f"(no room for {', '.join(gone)})", style="dim", overflow="fold")


def fitted(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns for which there is room, each with its width in characters."""
    chosen = list(columns)
    while _least(chosen, width) > width and any(column.rank for column in chosen):
        chosen.remove(max(chosen, key=lambda column: column.rank))
    widths = [column.width for column in chosen]
    for number, column in enumerate(chosen):
        if column.least is not None:
            spare = width - (_total(chosen, width) - column.width)
            widths[number] = max(4, min(column.width, spare))
    return list(zip(chosen, widths, strict=True))


def lines(columns: Sequence[tuple[Column, int]], width: int) -> list[Text]:
    """Head and rows, none longer than ``width``."""
    gap = " " * gap_for(width)
    count = max((len(column.cells) for column, _ in columns), default=0)
    made = [cut(_joined([(c.title, "bold", c.right, w) for c, w in columns], gap), width)]
    for row in range(count):
        cells = [(c.cells[row], c.styles[row] if c.styles else "", c.right, w) for c, w in columns]
        made.append(cut(_joined(cells, gap), width))
    return made


def cut(text: Text, width: int) -> Text:
    """The text, no longer than ``width``; an ellipsis says where some is missing."""
    text.truncate(max(width, 1), overflow="ellipsis")
    text.no_wrap = True
    return text


def gap_for(width: int) -> int:
    """Blanks between two cells."""
    return 1 if width < NARROW else GAP


def _joined(cells: Sequence[tuple[str, str, bool, int]], gap: str) -> Text:
    line, unstyled = Text(), ""
    for number, (content, style, right, width) in enumerate(cells):
        text = printable(content)
        if cell_len(text) > width:
            text = cut(Text(text), width).plain
        blanks = " " * (width - cell_len(text))
        unstyled += (gap if number else "") + (blanks if right else "")
        if style:
            line.append(unstyled)
            line.append(text, style)
            unstyled = ""
        else:
            unstyled += text
        unstyled += "" if right else blanks
    line.append(unstyled)
    line.rstrip()
    return line


def _total(columns: Sequence[Column], width: int) -> int:
    return sum(column.width for column in columns) + gap_for(width) * max(len(columns) - 1, 0)


def _least(columns: Sequence[Column], width: int) -> int:
    spared = sum(max(c.width - c.least, 0) for c in columns if c.least is not None)
    return _total(columns, width) - spared
