"""Tables at every width: nothing longer than it, the important columns stay."""

from __future__ import annotations

from io import StringIO
from itertools import pairwise

import pytest
import rich.console
from rich.cells import cell_len

from orchestration.terminal.tables import Column, Sheet, fitted

KEYS = ["0123456789", "abcdefghij"]
COLUMNS = [
    Column("trial", KEYS),
    Column("state", ["finished", "pending"]),
    Column("model", ["vae", "cvae"], setting=True),
    Column("latent_dim", ["16", "32"], setting=True),
    Column("seed", ["0", "0"], rank=9),
    Column("val loss", ["0.123456", "-"], rank=2, right=True),
    Column("probe", ["0.5", "0.75"], rank=1, right=True),
]
NAMES = ["vae latent_dim=16", "cvae latent_dim=32"]


def printed(width: int, columns: list[Column] = COLUMNS, title: str = "a title") -> list[str]:
    out = StringIO()
    console = rich.console.Console(file=out, width=width, highlight=False)
    console.print(Sheet(title, columns, NAMES))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", range(20, 130))
def test_no_line_is_longer_than_the_width(width: int) -> None:
    assert max(map(cell_len, printed(width))) <= width


def test_wide_enough_for_all() -> None:
    _, head, _, first, second = printed(120)
    assert head.split() == ["trial", "state", "model", "latent_dim", "seed", "val", "loss", "probe"]
    assert first.split() == ["0123456789", "finished", "vae", "16", "0", "0.123456", "0.5"]
    assert second.split() == ["abcdefghij", "pending", "cvae", "32", "0", "-", "0.75"]
    places = [line.index(cell) + len(cell) for line, cell in ((head, "probe"), (first, "0.5"))]
    assert places[0] == places[1], "numbers end where their title ends"


def test_columns_go_by_their_rank() -> None:
    def titles(width: int) -> list[str]:
        return [column.title for column, _ in fitted(COLUMNS, width)]

    shown = [titles(width) for width in range(120, 20, -1)]
    order = [gone for a, b in pairwise(shown) for gone in set(a) - set(b)]
    assert list(dict.fromkeys(order)) == ["seed", "val loss", "probe"]
    assert "(no room for seed)" in "\n".join(printed(60))


def test_settings_that_do_not_fit_stand_in_a_second_line() -> None:
    lines = printed(34)
    number = next(n for n, line in enumerate(lines) if line.startswith("abcdefghij"))
    assert lines[number + 1] == "  cvae latent_dim=32"
    assert lines[number].endswith("0.75"), "the room is used for a column that had gone"
    assert "latent_dim" not in lines[1]


def test_a_column_may_be_cut_before_others_go() -> None:
    columns = [Column("key", ["k"]), Column("name", ["a rather long name"], least=8),
               Column("x", ["1"], rank=1)]  # fmt: skip
    assert [(c.title, w) for c, w in fitted(columns, 20)] == [("key", 3), ("name", 14), ("x", 1)]
    assert "a rather long…" in printed(20, columns)[3]
    assert [(c.title, w) for c, w in fitted(columns, 12)] == [("key", 3), ("name", 8)]


def test_cells_are_taken_as_they_are() -> None:
    lines = printed(60, [Column("t", ["[red]x[/red]", "\x1b[2Jy\nz"])])
    assert lines[3:] == ["[red]x[/red]", r"\x1b[2Jy\nz"]


def test_no_rows() -> None:
    assert printed(40, [Column("trial", [])])[1] == "trial"
